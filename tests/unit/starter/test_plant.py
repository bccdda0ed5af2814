"""A planted Site works at once, says what it was told, and is never planted over another."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from newsletter import config, starter
from newsletter.content.loader import list_issues, load_authors, load_issue
from newsletter.errors import RefusedError
from newsletter.starter.plant import plant, planting, settings, slug_for


def test_planted_site_loads_with_both_issues(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "down"
    plant(folder)
    found, _ = config.load(folder, {})
    assert found.name == "The Steady Spine"
    assert config.SAMPLE_POSTAL_ADDRESS in found.sender.postal_address
    slugs = list_issues(folder / "issues")
    assert len(slugs) == 2
    assert all(load_issue(folder / "issues", slug).articles for slug in slugs)


def test_nothing_but_a_note_is_copied_of_the_theme(tmp_path: Path) -> None:
    plant(tmp_path / "site")
    assert [each.name for each in (tmp_path / "site" / "templates").iterdir()] == ["README.md"]
    assert (starter.templates() / "issue" / "layout.html").is_file()


def test_secrets_are_readable_by_their_owner_only_and_never_committed(tmp_path: Path) -> None:
    plant(tmp_path / "site")
    assert stat.S_IMODE((tmp_path / "site" / ".env").stat().st_mode) == 0o600
    ignored = (tmp_path / "site" / ".gitignore").read_text("utf-8").split()
    assert {".env", "var/"} <= set(ignored)


@pytest.mark.parametrize(
    "name",
    [
        "Rücken & Co.",
        'The "Good" Back',
        "It's a 'back'",
        "Back\\slash \\n",
        "Ends with \\",
        "{{ subscriber.email }}",
        "<b>Bold</b> $& \\1",
        "背骨だより",
        "🦴 letters",
    ],
)
def test_name_address_and_base_url_are_taken_as_given(tmp_path: Path, name: str) -> None:
    plant(tmp_path, name=name, address="ann@back.example", base_url="https://back.example")
    found, _ = config.load(tmp_path, {})
    assert found.name == name
    assert found.sender.address == "ann@back.example"
    assert found.base_url == "https://back.example"
    assert found.default_list.title == name
    assert found.default_list.slug == slug_for(name)
    assert "STEADY SPINE" not in (tmp_path / "newsletter.toml").read_text("utf-8").upper()


def test_name_with_a_line_break_makes_a_file_that_is_refused_not_one_with_another_meaning(tmp_path: Path) -> None:
    plant(tmp_path, name='Back"\nbase_url = "https://evil.example')
    values = tomllib.loads((tmp_path / "newsletter.toml").read_text("utf-8"))
    assert values["base_url"] == "http://127.0.0.1:8000"
    assert "\n" in values["name"]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("The Steady Spine", "the-steady-spine"),
        ("Ünder the Bridge!", "uender-the-bridge"),
        ("Der gerade Rücken", "der-gerade-ruecken"),
        ("背骨", "newsletter"),
        ("a" * 80, "a" * 63),
    ],
)
def test_slug_follows_from_the_name(name: str, slug: str) -> None:
    assert slug_for(name) == slug


def test_existing_site_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_text("mine", "utf-8")
    with pytest.raises(RefusedError, match="is a Site already"):
        plant(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["newsletter.toml"]


def test_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine", "utf-8")
    with pytest.raises(RefusedError, match="is a file"):
        plant(tmp_path / "taken")


def test_what_is_in_the_folder_already_is_kept(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n", "utf-8")
    (tmp_path / "issues" / "own").mkdir(parents=True)
    plant(tmp_path)
    assert (tmp_path / ".gitignore").read_text("utf-8") == "mine\n"
    assert [each.name for each in (tmp_path / "issues").iterdir()] == ["own"]
    assert config.load(tmp_path, {})


@pytest.mark.parametrize("left", ["empty", "authors", "images"])
def test_examples_come_where_there_are_no_issues_yet(tmp_path: Path, left: str) -> None:
    issues = tmp_path / "issues"
    issues.mkdir()
    if left == "authors":
        (issues / "authors.toml").write_text('[ann-back]\nname = "Ann Back"\n', "utf-8")
    if left == "images":
        (issues / "images").mkdir()
        (issues / "images" / "mine.jpg").write_bytes(b"mine")
    plant(tmp_path)
    slugs = list_issues(issues)
    assert len(slugs) == 2
    assert all(load_issue(issues, slug).articles for slug in slugs)
    if left == "authors":
        assert next(iter(load_authors(issues))) == "ann-back"
    if left == "images":
        assert (issues / "images" / "mine.jpg").read_bytes() == b"mine"


@pytest.mark.parametrize("there", [False, True])
def test_what_fails_halfway_is_taken_away_and_nothing_else(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "deep" / "site"
    if there:
        (folder / "issues").mkdir(parents=True)
        (folder / "issues" / "authors.toml").write_text('[ann-back]\nname = "Ann Back"\n', "utf-8")
        (folder / ".gitignore").write_text("mine\n", "utf-8")
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}

    def fail_halfway() -> None:
        with planting(folder, settings()):
            (folder / "var").mkdir()
            (folder / "var" / "keys.toml").write_text("half", "utf-8")
            assert not (folder / "newsletter.toml").exists()
            raise OSError("No space left")

    with pytest.raises(OSError, match="No space left"):
        fail_halfway()
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before
    plant(folder)
    assert len(list_issues(folder / "issues")) == 2


def test_name_of_the_other_example_list_does_not_make_two_of_one_name(tmp_path: Path) -> None:
    plant(tmp_path, name="Clinic Notes")
    assert [each.slug for each in config.load(tmp_path, {})[0].lists] == ["clinic-notes-letter", "clinic-notes"]


def test_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(RefusedError):
        plant(tmp_path / "file" / "site")


def test_the_repository_is_a_site_with_the_very_configuration_that_init_writes() -> None:
    repository = Path(__file__).resolve().parents[3]
    assert (repository / "newsletter.toml").read_text("utf-8") == starter.configuration().read_text("utf-8")
