"""`authors.toml`: who writes, with credentials, role, story and face.

Kept in one file beside the issues, so that a new credential or portrait is changed in one place.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from newsletter import spelling
from newsletter.content.frontmatter import read_source
from newsletter.content.images import open_image
from newsletter.content.places import inside
from newsletter.content.values import Author, Image
from newsletter.errors import ContentError

FILE_NAME = "authors.toml"
_KEYS = ("name", "credentials", "role", "bio", "avatar")
_AUTHOR_KEY = re.compile(r"[a-z0-9][a-z0-9-]*")
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


def load_authors(issues_dir: Path) -> dict[str, Author]:
    """The authors by key; empty when there is no `authors.toml`.

    Raises ContentError with the line for TOML errors, unknown keys, missing names and unusable avatars.
    """
    path = issues_dir / FILE_NAME
    if not path.exists() and not path.is_symlink():
        return {}
    inside(issues_dir, path, named_in=path, line=0)
    source = read_source(path)
    try:
        tables = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = int(found[1]) if found else source.count("\n") + 1
        problem = _AT_LINE.sub("", str(error)).replace("(at end of document)", "").strip()
        raise ContentError(
            f"This is not valid TOML: {problem}.", path=path, line=line, hint="Texts need double quotes."
        ) from error
    except RecursionError as error:
        raise ContentError("This file nests too deeply.", path=path, hint="Lists of plain texts are enough.") from error
    return {key: _author(issues_dir, _Table(path, source, key), value) for key, value in tables.items()}


class _Table:
    """One table of the file, able to say where its keys stand (tomllib keeps no positions)."""

    def __init__(self, path: Path, source: str, key: str) -> None:
        self.path = path
        self.key = key
        self._lines = source.split("\n")
        name = rf'(?:{re.escape(key)}|"{re.escape(key)}"|\'{re.escape(key)}\')'
        self._start = self._find(re.compile(rf"\s*\[\s*{name}\s*\]|\s*{name}\s*[=.]"), 0)

    def _find(self, wanted: re.Pattern[str], start: int) -> int:
        return next((i for i in range(start, len(self._lines)) if wanted.match(self._lines[i])), start)

    def error(self, message: str, *, hint: str, key: str = "") -> ContentError:
        """An error at the line of `key`, or at the head of the table."""
        at = self._find(re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*="), self._start) if key else self._start
        return ContentError(message, path=self.path, line=at + 1, hint=hint)

    def line(self, key: str) -> int:
        """The 1-based line of `key`."""
        return self.error("", hint="", key=key).line


def _author(issues_dir: Path, table: _Table, value: object) -> Author:
    if not isinstance(value, dict) or not _AUTHOR_KEY.fullmatch(table.key):
        raise table.error(
            f'"{table.key}" is not an author.',
            hint="Begin each author with a line such as [jane-doe], in lower-case letters, digits and hyphens.",
        )
    for key in value:
        if key not in _KEYS:
            close = spelling.nearest(key, _KEYS)
            hint = f'Did you mean "{close}"?' if close else f"Known keys: {', '.join(_KEYS)}."
            raise table.error(f'"{key}" is not a known key of author "{table.key}".', key=key, hint=hint)

    def text(key: str) -> str:
        return _text(value.get(key, ""), key, table)

    if not text("name"):
        raise table.error(f'Author "{table.key}" has no name.', hint='Add a line name = "…".')
    raw = value.get("credentials", [])
    if not isinstance(raw, list):
        raise table.error('"credentials" must be a list.', key="credentials", hint='Write credentials = ["PT", "DPT"].')
    credentials = tuple(_text(item, "credentials", table) for item in raw)
    avatar: Image | None = None
    if text("avatar"):
        line = table.line("avatar")
        place = inside(issues_dir, issues_dir / text("avatar"), named_in=table.path, line=line)
        avatar = open_image(place, named_in=table.path, line=line)
    return Author(
        key=table.key,
        name=text("name"),
        credentials=tuple(item for item in credentials if item),
        role=text("role"),
        bio=text("bio"),
        avatar=avatar,
    )


def _text(value: object, key: str, table: _Table) -> str:
    """One line of text; TOML's multi-line strings are folded."""
    if not isinstance(value, str):
        raise table.error(f'"{key}" must be text.', key=key, hint="Put it in double quotes.")
    text = re.sub(r"\s+", " ", value).strip()
    if not text.isprintable():
        raise table.error(f'"{key}" contains a character that cannot be shown.', key=key, hint="Delete it.")
    return text
