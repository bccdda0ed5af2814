"""The files behind an issue that the studio shows: what its authors wrote, and the templates that arrange it.

A file is asked for by its name in a list made here, never by a path, so that a request cannot lead anywhere
else; configuration and secrets are not on the list.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from newsletter.content.authors import FILE_NAME as AUTHORS_FILE
from newsletter.rendering import themes
from newsletter.site import Site

SHOWN = frozenset({".css", ".html", ".md", ".toml", ".txt"})
MAX_BYTES = 1_000_000
"""Of a file; nobody reads more."""
AROUND = 3
"""Lines shown on both sides of the one at fault."""


@dataclass(frozen=True)
class Source:
    """A file that may be looked at."""

    name: str
    """As the studio calls it: its path in the Site."""
    path: Path
    group: str


def sources(site: Site, slug: str) -> list[Source]:
    """Everything that can be looked at: the letter, the articles, the authors, the theme."""
    folder = site.issues_dir / slug
    written = sorted(folder.glob("*.md"), key=lambda path: (path.name != "issue.md", path.name))
    found = [Source(_name(site, path), path, "Issue") for path in (*written, site.issues_dir / AUTHORS_FILE)]
    for templates in themes.folders(site.templates, site.config.theme.name):
        taken = sorted((templates / "issue").rglob("*"))
        found += [Source(_name(site, path), path, "Theme") for path in taken if path.suffix in SHOWN]
    unique = {each.name: each for each in reversed(found)}
    return [each for each in found if unique[each.name] is each and _is_ours(each.path)]


def name_of(found: Iterable[Source], path: Path | None) -> str:
    """What the studio calls the file at `path`; empty when it is not on the list."""
    if path is None:
        return ""
    wanted = path.resolve()
    return next((each.name for each in found if each.path.resolve() == wanted), "")


def lines(path: Path) -> list[str]:
    """The lines of a file, without their ends; what is not UTF-8 becomes U+FFFD, a missing file has none."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES)
    except OSError:
        return []
    return data.decode("utf-8-sig", "replace").replace("\r\n", "\n").split("\n")


def excerpt(path: Path | None, line: int) -> list[tuple[int, str]]:
    """The lines around one of them, with their numbers; nothing when the file or the line is unknown."""
    if path is None or line < 1:
        return []
    numbered = list(enumerate(lines(path), 1))
    return numbered[max(0, line - 1 - AROUND) : line + AROUND]


def _name(site: Site, path: Path) -> str:
    if path.is_relative_to(site.root):
        return path.relative_to(site.root).as_posix()
    parts = path.parts
    return "/".join(("(package)", *parts[parts.index("templates") :])) if "templates" in parts else path.name


def _is_ours(path: Path) -> bool:
    """A regular file that is where it seems to be; a link may lead to anything."""
    return path.is_file() and not path.is_symlink()
