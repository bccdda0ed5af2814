"""A folder of ours: written anew as often as wanted, and never anything in it that somebody else put there.

A list of what was written lies in the folder. Whoever built it once may build it again; a folder with anything
else in it is refused, what is on the list and no longer made is taken away, and everything not on it stays.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from newsletter import files
from newsletter.errors import RefusedError

LIST = ".newsletter-archive.json"
MAKER = "newsletter archive build"

_FOREIGN_BUT_HARMLESS = frozenset({".git"})
"""A fresh checkout of an empty branch is as good as an empty folder."""


@dataclass(frozen=True)
class Put:
    """What became of the folder."""

    files: int
    written: int
    """Those that are new or were different; the others were not touched."""
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    """No longer made, but changed by somebody since, so left where they are."""


def put(folder: Path, files: Iterable[tuple[str, bytes]], told: Callable[[int], None]) -> Put:
    """Make `folder` hold exactly these files of ours; `told` hears how many are done.

    Raises `RefusedError` when the folder, or a file in it where one of these belongs, is not ours. Broken off, it
    is finished by the next time.
    """
    before, was_broken_off = _listed(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _write_list(folder, before, is_finished=False)
    now: dict[str, str] = {}
    written = 0
    for path, data in files:
        target = _inside(folder, path)
        digest = hashlib.sha256(data).hexdigest()
        standing = _digest(target)
        if standing != digest:
            if standing is not None and path not in before and not was_broken_off:
                raise RefusedError(f"{target} is in the way and not ours.", hint="Move it, or choose another folder.")
            _write(target, data)
            written += 1
        now[path] = digest
        told(len(now))
    removed, kept = [], []
    for path in sorted(before.keys() - now.keys()):
        target = _inside(folder, path)
        standing = _digest(target)
        if standing == before[path]:
            target.unlink()
            _prune(target.parent, folder)
            removed.append(path)
        elif standing is not None:
            kept.append(path)
    _write_list(folder, now, is_finished=True)
    return Put(len(now), written, tuple(removed), tuple(kept))


def _listed(folder: Path) -> tuple[dict[str, str], bool]:
    """What we wrote here, path → hash, and whether that was broken off."""
    if not folder.exists():
        return {}, False
    if not folder.is_dir():
        raise RefusedError(f"{folder} is a file.", hint="Choose another folder.")
    file = folder / LIST
    if not file.exists():
        if {entry.name for entry in folder.iterdir()} - _FOREIGN_BUT_HARMLESS:
            raise RefusedError(
                f"{folder} is not empty, and no archive was built there.",
                hint="Choose an empty folder, so that nothing of yours is overwritten.",
            )
        return {}, False
    try:
        document = json.loads(file.read_text("utf-8"))
        found = {str(path): str(digest) for path, digest in document["files"].items()}
        is_ours = document["made_by"] == MAKER
        was_broken_off = document["finished"] is not True
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RefusedError(f"{file} cannot be read.", hint="Empty the folder and build the archive again.") from error
    if not is_ours:
        raise RefusedError(f"{file} is not ours.", hint="Choose another folder.")
    return found, was_broken_off


def _write_list(folder: Path, files: dict[str, str], *, is_finished: bool) -> None:
    document = {"made_by": MAKER, "finished": is_finished, "files": files}
    _write(folder / LIST, (json.dumps(document, indent=1, sort_keys=True) + "\n").encode("utf-8"))


def _inside(folder: Path, path: str) -> Path:
    """The place of a file, which neither its path nor a link may lead out of the folder."""
    parts = PurePosixPath(path).parts
    target = folder.joinpath(*parts)
    within = [target, *(each for each in target.parents if folder in each.parents)]
    if not parts or path.startswith("/") or ".." in parts or any(each.is_symlink() for each in within):
        raise RefusedError(
            f"{target} would lead out of {folder}.", hint="Take the link away, or choose another folder."
        )
    return target


def _digest(path: Path) -> str | None:
    """The hash of a file; None when there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing, whatever happens meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace(path, data)


def _prune(folder: Path, top: Path) -> None:
    """Take away folders that have become empty."""
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
