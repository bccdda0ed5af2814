"""`newsletter hygiene` on real folders: with git and without, before a commit, and on this very repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from commands import Commands

ROOT = Path(__file__).resolve().parents[2]


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "init.defaultBranch=main", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def newsletter(site_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    return Commands(site_folder, monkeypatch, capfd)


def found(done) -> list[tuple[str, str, int | None]]:
    return [(each["rule"], each["file"], each["line"]) for each in done.json["findings"]]


def test_new_site_can_be_committed_as_it_is(newsletter: Commands, site_folder: Path) -> None:
    assert "names people or holds secrets" in newsletter.ok("hygiene").out
    git(site_folder, "init", "-q")
    assert newsletter.ok("hygiene", "--json").json["ok"]
    git(site_folder, "add", "-A")
    done = newsletter.ok("hygiene", "--staged", "--json")
    assert done.json["files"] > 5


def test_what_git_ignores_does_not_count_until_somebody_insists(newsletter: Commands, site_folder: Path) -> None:
    (site_folder / ".env").write_text("NEWSLETTER_SMTP__PASSWORD=correct-horse-7\n", "utf-8")
    newsletter.ok("hygiene")
    git(site_folder, "init", "-q")
    newsletter.ok("hygiene")
    git(site_folder, "add", "-f", ".env", "var/keys.toml", "var/newsletter.db")
    done = newsletter("hygiene", "--json")
    assert done.code == 4
    assert {rule for rule, _, _ in found(done)} >= {"env-file", "key-ring", "database"}


def test_finding_has_its_line_and_its_remedy_and_exits_4(newsletter: Commands, site_folder: Path) -> None:
    issue = site_folder / "issues" / "001-why-your-back-hurts" / "issue.md"
    issue.write_text(issue.read_text("utf-8") + "\nAsk Ada: ada.lovelace@firma.de\n", "utf-8")
    line = len(issue.read_text("utf-8").splitlines())
    done = newsletter("hygiene")
    assert done.code == 4
    assert f"issues/001-why-your-back-hurts/issue.md:{line}: The address a…e@firma.de stands here." in done.out
    assert "or put it into .hygiene" in done.out
    (site_folder / ".hygiene").write_text("ada.lovelace@firma.de  # answers readers\n", "utf-8")
    newsletter.ok("hygiene")


def test_staged_content_counts_and_not_what_lies_on_disk(newsletter: Commands, site_folder: Path) -> None:
    git(site_folder, "init", "-q")
    note = site_folder / "notes.md"
    note.write_text("ada@firma.de\n", "utf-8")
    newsletter.ok("hygiene", "--staged")
    git(site_folder, "add", "notes.md")
    note.write_text("nobody\n", "utf-8")
    assert found(newsletter("hygiene", "--staged", "--json")) == [("address", "notes.md", 1)]
    newsletter.ok("hygiene")


def test_site_below_the_top_of_a_repository_is_looked_at_alone(newsletter: Commands, site_folder: Path) -> None:
    top = site_folder.parent
    git(top, "init", "-q")
    (top / "elsewhere.md").write_text("bob@firma.de\n", "utf-8")
    (site_folder / "notes.md").write_text("ada@firma.de\n", "utf-8")
    assert found(newsletter("hygiene", "--json")) == [("address", "notes.md", 1)]
    git(top, "add", "-A")
    assert found(newsletter("hygiene", "--staged", "--json")) == [("address", "notes.md", 1)]


def test_paths_narrow_the_look(newsletter: Commands, site_folder: Path) -> None:
    (site_folder / "notes.md").write_text("ada@firma.de\n", "utf-8")
    newsletter.ok("hygiene", site_folder / "issues")
    assert newsletter("hygiene", site_folder / "notes.md").code == 4
    assert newsletter("hygiene", site_folder / "var" / "keys.toml").code == 4


def test_staged_without_a_repository_is_refused(newsletter: Commands) -> None:
    assert "in no git repository" in newsletter("hygiene", "--staged").err


def test_broken_configuration_is_no_excuse(newsletter: Commands, site_folder: Path) -> None:
    (site_folder / "newsletter.toml").write_text("name = \n", "utf-8")
    (site_folder / "notes.md").write_text("ada@firma.de\n", "utf-8")
    assert newsletter("hygiene").code == 4


def test_this_repository_is_clean(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    done = Commands(ROOT, monkeypatch, capfd)("hygiene", "--json")
    assert found(done) == []


def test_hook_for_pre_commit_runs_this_command() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert (hook["entry"], hook["pass_filenames"]) == ("newsletter hygiene --staged", False)
