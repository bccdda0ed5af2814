"""A folder of ours: written, renewed and tidied, and never a file of somebody else's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.errors import RefusedError
from newsletter.web import shelf

TWO = {"a.html": b"one", "media/b.jpg": b"two"}


def put(folder: Path, files: dict[str, bytes]) -> shelf.Put:
    return shelf.put(folder, files.items(), lambda _done: None)


def held(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != shelf.LIST
    }


def test_new_folder_is_made_and_filled(tmp_path: Path) -> None:
    done = put(tmp_path / "deep" / "out", TWO)
    assert held(tmp_path / "deep" / "out") == TWO
    assert (done.files, done.written, done.removed, done.kept) == (2, 2, (), ())


def test_same_files_again_touch_nothing(tmp_path: Path) -> None:
    put(tmp_path / "out", TWO)
    listed = (tmp_path / "out" / shelf.LIST).read_bytes()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*") if path.name != shelf.LIST}
    done = put(tmp_path / "out", TWO)
    assert done.written == 0
    assert (tmp_path / "out" / shelf.LIST).read_bytes() == listed
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_what_is_no_longer_made_goes_and_takes_its_empty_folder_along(tmp_path: Path) -> None:
    put(tmp_path, TWO)
    done = put(tmp_path, {"a.html": b"new"})
    assert done.removed == ("media/b.jpg",)
    assert held(tmp_path) == {"a.html": b"new"}
    assert not (tmp_path / "media").exists()


def test_old_file_that_somebody_changed_stays(tmp_path: Path) -> None:
    put(tmp_path, TWO)
    (tmp_path / "media" / "b.jpg").write_bytes(b"mine now")
    done = put(tmp_path, {"a.html": b"one"})
    assert done.kept == ("media/b.jpg",)
    assert held(tmp_path)["media/b.jpg"] == b"mine now"


def test_files_that_others_put_there_stay(tmp_path: Path) -> None:
    put(tmp_path, TWO)
    (tmp_path / "CNAME").write_text("news.example.org")
    put(tmp_path, {})
    assert held(tmp_path) == {"CNAME": b"news.example.org"}


def test_folder_with_anything_else_in_it_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RefusedError, match="not empty"):
        put(tmp_path, TWO)
    assert held(tmp_path) == {"thesis.txt": b"years of work"}
    assert not (tmp_path / shelf.LIST).exists()


def test_empty_checkout_is_as_good_as_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/pages")
    put(tmp_path, {"a.html": b"one"})
    assert (tmp_path / ".git" / "HEAD").exists()


def test_foreign_file_where_one_of_ours_belongs_is_refused(tmp_path: Path) -> None:
    put(tmp_path, {})
    (tmp_path / "a.html").write_bytes(b"foreign")
    with pytest.raises(RefusedError, match="in the way"):
        put(tmp_path, TWO)
    assert (tmp_path / "a.html").read_bytes() == b"foreign"


def test_what_was_broken_off_is_finished_by_the_next_time(tmp_path: Path) -> None:
    def fails() -> Iterator[tuple[str, bytes]]:
        yield "a.html", b"half"
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        shelf.put(tmp_path, fails(), lambda _done: None)
    put(tmp_path, TWO)
    assert held(tmp_path) == TWO


@pytest.mark.parametrize("path", ["../out.html", "/etc/passwd", "", "a/../../b"])
def test_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(RefusedError, match="lead out"):
        put(tmp_path / "out", {path: b"x"})


def test_list_somebody_tampered_with_takes_nothing_away_outside(tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_bytes(b"x")
    out = tmp_path / "out"
    put(out, {"a.html": b"x"})
    file = out / shelf.LIST
    document = json.loads(file.read_text())
    document["files"]["../precious.txt"] = document["files"]["a.html"]
    file.write_text(json.dumps(document))
    with pytest.raises(RefusedError, match="lead out"):
        put(out, {})
    assert precious.exists()


def test_link_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    out = tmp_path / "out"
    put(out, {})
    (out / "media").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match="lead out"):
        put(out, TWO)
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"made_by": "x", "finished": true, "files": {}}', '{"files": []}'])
def test_folder_with_another_list_is_not_ours(tmp_path: Path, text: str) -> None:
    (tmp_path / shelf.LIST).write_text(text)
    with pytest.raises(RefusedError):
        put(tmp_path, TWO)
    assert not (tmp_path / "a.html").exists()


def test_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(RefusedError, match="is a file"):
        put(tmp_path / "out", TWO)
