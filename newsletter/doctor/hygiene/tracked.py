"""Which files of a folder git would commit, and what they would be committed as.

In a repository git itself says so, and for what is staged it also hands out the content, which may differ from
that on disk. Elsewhere the folder is walked, and what its `.gitignore` names in plain words is left out.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from newsletter.errors import NewsletterError

NEVER = frozenset({".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache"})
"""Folders that are not walked where git does not say what counts."""


@dataclass(frozen=True)
class Source:
    """One file."""

    path: str
    """Relative to the folder, with slashes."""
    read: Callable[[], bytes]
    """Its content; raises OSError when it cannot be read."""


def sources(root: Path, paths: Sequence[Path] = (), *, staged: bool = False) -> Iterator[Source]:
    """The files below `root` that git would commit, in order; with `paths` only those, and those below them.

    `staged`: only what the next commit contains, as it contains it. Raises `NewsletterError` without a repository.
    """
    if staged:
        named = _git(root, "diff", "--cached", "--name-only", "-z", "--relative", "--diff-filter=ACMRT")
        if named is None:
            raise NewsletterError(f"{root} is in no git repository.", hint="Leave --staged out to look at the files.")
        found = [Source(name, _from_index(root, name)) for name in named]
    else:
        named = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        names = list(_walked(root)) if named is None else named
        found = [Source(name, (root / name).read_bytes) for name in names if (root / name).is_file()]
    chosen = [Path(os.path.relpath(path.resolve(), root.resolve())).as_posix() for path in paths]
    known = {each.path for each in found}
    if not staged:  # who names a file wants it looked at, whatever git makes of it
        more = [name for name in chosen if name not in known and (root / name).is_file()]
        found += [Source(name, (root / name).read_bytes) for name in more]
    for each in sorted(found, key=lambda source: source.path):
        if not chosen or any(_is_below(each.path, name) for name in chosen):
            yield each


def _is_below(path: str, chosen: str) -> bool:
    return chosen in {".", path} or path.startswith(f"{chosen}/")


def _git(root: Path, *words: str) -> list[str] | None:
    """The names that git prints, or None where it is not installed or `root` is in no repository."""
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, check=True)  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError):
        return None
    return [os.fsdecode(name) for name in dict.fromkeys(done.stdout.split(b"\0")) if name]


def _from_index(root: Path, name: str) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            done = subprocess.run(  # noqa: S603
                ["git", "show", f":./{name}"],  # noqa: S607
                cwd=root,
                capture_output=True,
                check=True,
            )
        except subprocess.CalledProcessError as error:  # a submodule, for instance
            raise OSError(f"git has no content for {name}") from error
        return done.stdout

    return read


def _walked(root: Path) -> Iterator[str]:
    ignored = _patterns(root / ".gitignore")
    for folder, folders, names in os.walk(root):
        here = Path(folder).relative_to(root)
        folders[:] = [name for name in folders if name not in NEVER and not _is_ignored(here / name, ignored, True)]
        yield from ((here / name).as_posix() for name in names if not _is_ignored(here / name, ignored, False))


def _patterns(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [line.strip() for line in lines if line.strip() and line[0] not in "#!"]


def _is_ignored(path: Path, patterns: Sequence[str], is_folder: bool) -> bool:
    for pattern in patterns:
        if pattern.endswith("/") and not is_folder:
            continue
        plain = pattern.rstrip("/")
        name = path.as_posix() if "/" in plain else path.name
        if fnmatchcase(name, plain.lstrip("/")):
            return True
    return False
