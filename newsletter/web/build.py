"""The archive as files: the same pages, feeds, pictures and styles, for any host that can serve a folder.

The files follow from database, configuration and templates alone. A form needs a server, so where the pages have
one the files have a link to it; whatever else is not in the folder is linked where the Site answers.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy import Connection

from newsletter.campaigns import publication
from newsletter.campaigns.publication import PublicIssue
from newsletter.errors import RefusedError, StoreError
from newsletter.rendering import themes
from newsletter.subscribers.gate import Gate
from newsletter.web import assets, feeds
from newsletter.web.archive import INDEX, index_page, issue_page, with_replies
from newsletter.web.door import Door
from newsletter.web.links import in_page

if TYPE_CHECKING:
    from newsletter.site import Site

MEDIA, STATIC = "/media/", "/static/"

_IN_STYLES = re.compile(r"""url\(\s*(["']?)/static/([^"')\s]+)\1\s*\)""")


class Links(StrEnum):
    """How the pages are linked to each other."""

    RELATIVE = "relative"
    """From file to file, so that the folder can lie anywhere, on a disk too."""
    BASE_URL = "base-url"
    """By their addresses under `base_url`."""


def archive_files(site: Site, connection: Connection, links: Links) -> Iterator[tuple[str, bytes]]:
    """Every file with its path below the folder, one at a time. Raises `RefusedError` when the archive is private."""
    if site.config.archive.visibility == "private":
        raise RefusedError(
            "The archive is private, so nothing of it is published.",
            hint='Set visibility = "public" in [archive] to publish it.',
        )
    return _files(site, connection, links)


def _files(site: Site, connection: Connection, links: Links) -> Iterator[tuple[str, bytes]]:
    here = Door(
        site, lambda: None, Gate(site.config.signups, site.keys), {"theme.css": assets.theme_css(site.config.theme)}
    )
    issues = [publication.read(connection, head) for head in publication.heads(connection)]
    about = feeds.channel(site.config)
    for name, kind in feeds.KINDS.items():
        yield name, kind.write(about, [with_replies(here, issue) for issue in issues[: feeds.MOST]])
    pages = frozenset({INDEX, *(issue.path for issue in issues)})
    shown: set[str] = set()
    for path, page in _pages(here, issues):
        place = _Place(path, links, site.config.base_url, pages, shown)
        yield path, in_page(page, place.link).encode("utf-8")
    yield from _styles(here, {each for each in shown if each.startswith(STATIC)})
    for each in sorted(each for each in shown if each.startswith(MEDIA)):
        found = publication.picture(connection, each.removeprefix(MEDIA))
        if found is None:
            raise StoreError(f"The picture {each} is missing from the database.", hint="Restore a backup.")
        yield each.lstrip("/"), found[1]


def _pages(here: Door, issues: list[PublicIssue]) -> Iterator[tuple[str, str]]:
    yield _file(INDEX), index_page(here, issues, None)
    for issue in issues:
        yield _file(issue.path), issue_page(here, issue, None)


def _styles(here: Door, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """Style sheets and whatever they show in turn."""
    folders = themes.folders(here.site.templates, here.site.config.theme.name)
    done: set[str] = set()
    while wanted - done:
        address = min(wanted - done)
        done.add(address)
        name = address.removeprefix(STATIC)
        generated = here.assets.get(name)
        data = assets.find(folders, name) if generated is None else generated.encode("utf-8")
        if data is None or Path(name).suffix not in assets.MEDIA_TYPES:
            continue  # the page has this broken link when it is served, too
        if name.endswith(".css"):
            text = data.decode("utf-8")
            wanted |= {f"{STATIC}{found[2]}" for found in _IN_STYLES.finditer(text)}
            data = _IN_STYLES.sub(r'url("\2")', text).encode("utf-8")
        yield address.lstrip("/"), data


class _Place:
    """Where a page lies, and so how it says where everything else is."""

    def __init__(self, path: str, links: Links, base_url: str, pages: frozenset[str], shown: set[str]) -> None:
        """`shown` gathers the pictures and styles that the page asks for."""
        self._folder = posixpath.dirname(path)
        self._links = links
        self._base_url = base_url
        self._pages = pages
        self._shown = shown

    def link(self, address: str) -> str:
        """The same address as the file says it."""
        own = address.removeprefix(self._base_url) if address.startswith(f"{self._base_url}/") else address
        if not own.startswith("/") or own.startswith("//"):
            return address
        parts = urlsplit(own)
        is_shown = parts.path.startswith((MEDIA, STATIC))
        if is_shown:
            self._shown.add(parts.path)
        is_here = is_shown or parts.path in self._pages or parts.path[1:] in feeds.KINDS
        if not is_here or self._links is Links.BASE_URL:
            return f"{self._base_url}{own}"
        return parts._replace(path=posixpath.relpath(_file(parts.path), self._folder)).geturl()


def _file(path: str) -> str:
    """`/archive/` → `archive/index.html`, `/feed.xml` → `feed.xml`."""
    return f"{path}index.html".lstrip("/") if path.endswith("/") else path.lstrip("/")
