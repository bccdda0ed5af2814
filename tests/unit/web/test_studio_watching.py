"""Changes are noticed whatever way an editor saves, and only those of files that count."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from newsletter.web.studio.watching import Watcher, signature


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "issue").mkdir()
    (tmp_path / "issue" / "issue.md").write_text("one", "utf-8")
    return tmp_path


Heard = Callable[[], int]


@pytest.fixture
def heard(folder: Path) -> Iterator[Heard]:
    """How often something was noticed, after waiting for it."""
    calls: list[float] = []
    noticed = threading.Event()

    def changed() -> None:
        calls.append(time.monotonic())
        noticed.set()

    watcher = Watcher(lambda: [folder], changed)
    watcher.start()

    def wait() -> int:
        noticed.wait(5)
        time.sleep(0.1)
        noticed.clear()
        return len(calls)

    yield wait
    watcher.stop()


def test_a_save_in_place_is_noticed_once(folder: Path, heard: Heard) -> None:
    (folder / "issue" / "issue.md").write_text("two", "utf-8")
    assert heard() == 1


def test_a_file_moved_over_the_old_one_is_noticed(folder: Path, heard: Heard) -> None:
    draft = folder / ".issue.md.swp"
    draft.write_text("one", "utf-8")
    draft.replace(folder / "issue" / "issue.md")
    assert heard() == 1


def test_new_and_removed_files_are_noticed(folder: Path, heard: Heard) -> None:
    (folder / "issue" / "01-new.md").write_text("new", "utf-8")
    assert heard() == 1
    (folder / "issue" / "01-new.md").unlink()
    assert heard() == 2


def test_hidden_files_and_caches_do_not_count(folder: Path) -> None:
    before = signature([folder])
    (folder / ".git").mkdir()
    (folder / ".git" / "index").write_text("x", "utf-8")
    (folder / "issue" / ".#issue.md").write_text("x", "utf-8")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_text("x", "utf-8")
    assert signature([folder]) == before


def test_places_that_are_files_or_missing_are_fine(folder: Path) -> None:
    one = signature([folder / "issue" / "issue.md", folder / "nowhere"])
    assert {Path(name).name for name, *_ in one} == {"issue.md"}


def test_links_are_not_followed_into_folders(folder: Path) -> None:
    (folder / "issue" / "loop").symlink_to(folder)
    assert signature([folder])


def test_a_watcher_that_never_began_can_be_stopped(folder: Path) -> None:
    Watcher(lambda: [folder], lambda: None).stop()
