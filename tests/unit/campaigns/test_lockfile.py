"""`issue.lock`: what is written is read again, and what somebody meddled with approves nothing."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.campaigns import lockfile
from newsletter.campaigns.approval import Approval, Fingerprint, UnapprovedError

AT = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)


def fingerprint(words: str = "Hello.\n", **changed: dict[str, str]) -> Fingerprint:
    parts = {
        "content": {"spring/issue.md": "a" * 64},
        "templates": {"issue/layout.html": "b" * 64},
        "configuration": {"name": "The Steady Spine"},
        "renderings": {"steady-spine": "c" * 64},
        "words": {"c" * 64: words},
    }
    return Fingerprint(**{**parts, **changed})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "spring"
    found.mkdir()
    return found


def test_no_lock_is_no_approval(folder: Path) -> None:
    assert lockfile.read(folder) is None


def test_approval_comes_back_as_it_was_written(folder: Path) -> None:
    approval = Approval("spring", "Nora Feld", AT, fingerprint(), "d" * 40, is_clean=True)
    path = lockfile.write(folder, approval)
    assert path == folder / "issue.lock"
    assert lockfile.read(folder) == approval
    assert [each.name for each in folder.iterdir()] == ["issue.lock"]


def test_same_approval_makes_the_same_bytes(folder: Path) -> None:
    approval = Approval("spring", "Nora", AT, fingerprint())
    first = lockfile.write(folder, approval).read_bytes()
    assert lockfile.write(folder, approval).read_bytes() == first


@given(st.text(), st.text())
def test_whatever_was_written_survives_toml(words: str, name: str) -> None:
    approval = Approval("spring", name, AT, fingerprint(f"{words}\n", content={name: words}))
    found = tomllib.loads(lockfile.as_toml(approval))
    assert found["words"] == {"c" * 64: f"{words}\n"}
    assert found["content"] == {name: words}
    assert found["approved_by"] == name


@pytest.mark.parametrize(
    "words", ['"""\n', '""""""\n', "\\\n", 'a\\"""b\n', "\r\n", "\x00\x1f\x7f\n", "“”…\U0001f642\n"]
)
def test_awkward_words_survive(folder: Path, words: str) -> None:
    approval = Approval("spring", "Nora", AT, fingerprint(words))
    lockfile.write(folder, approval)
    assert lockfile.read(folder) == approval


def test_line_ends_of_another_system_do_no_harm(folder: Path) -> None:
    approval = Approval("spring", "Nora", AT, fingerprint("one\ntwo\n"))
    path = lockfile.write(folder, approval)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert lockfile.read(folder) == approval


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a" * 64, "f" * 64),
        ("The Steady Spine", "The Crooked Spine"),
        ('"steady-spine" = "' + "c" * 64, '"steady-spine" = "' + "f" * 64),
        ("Hello.", "Good bye."),
    ],
)
def test_lock_edited_by_hand_approves_nothing(folder: Path, old: str, new: str) -> None:
    path = lockfile.write(folder, Approval("spring", "Nora", AT, fingerprint()))
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(UnapprovedError, match="edited by hand"):
        lockfile.read(folder)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version = 1", "version = 2", "another version"),
        ('issue = "spring"', 'issue = "autumn"', "of issue autumn"),
        ("[content]", "[contents]", "lacks"),
        ("approved_at = 2026", "approved_at = '2026", "cannot be read"),
        ("approved_at = 2026-09-15T08:00:00Z", "approved_at = 2026-09-15", "lacks"),
        ("[hashes]", "<<<<<<< ours\n[hashes]", "cannot be read"),
    ],
)
def test_lock_that_is_none_is_refused_with_a_remedy(folder: Path, old: str, new: str, said: str) -> None:
    path = lockfile.write(folder, Approval("spring", "Nora", AT, fingerprint()))
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(UnapprovedError, match=said) as refused:
        lockfile.read(folder)
    assert "newsletter approve spring" in refused.value.hint
    assert refused.value.exit_code == 4


def test_lock_that_is_not_text_is_refused(folder: Path) -> None:
    (folder / "issue.lock").write_bytes(b"\xff\xfe")
    with pytest.raises(UnapprovedError):
        lockfile.read(folder)
