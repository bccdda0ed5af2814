"""What can be made again is kept while there is room, and never trusted."""

from __future__ import annotations

import os
from pathlib import Path

from newsletter.content.cache import Cache


def test_what_was_put_comes_back(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "a" / "b")
    assert cache.get("x") is None
    cache.put("x", b"one")
    cache.put("x", b"two")
    assert cache.get("x") == b"two"
    assert [each.name for each in (tmp_path / "a" / "b").iterdir()] == ["x"]


def test_the_oldest_go_when_the_folder_is_full(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=5_000)
    for number in range(20):
        cache.put(f"e{number}", bytes(900))
        os.utime(tmp_path / f"e{number}", ns=(number, number))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["e15", "e16", "e17", "e18", "e19"]
    assert cache.get("e0") is None
    assert cache.get("e19") == bytes(900)


def test_work_goes_on_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = Cache(tmp_path / "file")
    cache.put("x", b"one")
    assert cache.get("x") is None
