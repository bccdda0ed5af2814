"""Brings the pictures of an imported article home: fetched, or copied from beside a saved page, and proved whole.

A picture on another server may change or vanish after approval, so an issue names only files of its own. What
cannot be had is left out with a note; the text is what matters.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from newsletter.content.fetch import PICTURES, Fetched, fetch
from newsletter.content.images import MAX_BYTES, open_image
from newsletter.content.importing.values import Found
from newsletter.errors import NewsletterError

MAX_PICTURES = 30
SECONDS = 15.0
_IN_BODY = re.compile(r"!\[((?:\\.|[^\]\\])*)\]\(([^()\s]+)\)")


@dataclass(frozen=True)
class Picture:
    """A picture to be written beside the article."""

    name: str
    data: bytes


class Gatherer:
    """Fetches each picture once; a server that does not answer is not asked again."""

    def __init__(self, key: str, folder: Path | None, get: Callable[..., Fetched] = fetch) -> None:
        self._key = key
        self._folder = folder
        self._get = get
        self._page = ""
        self._dead: set[str] = set()
        self._known: dict[str, str] = {}
        self.pictures: list[Picture] = []
        self.notes: list[str] = []

    def localised(self, found: Found) -> Found:
        """The article with its pictures at home, under names that begin with its key."""
        self._page = found.link
        image = self._name_of(found.image) if found.image else ""

        def at_home(match: re.Match[str]) -> str:
            if image and _same_picture(match[2], found.image):
                return ""  # the lead picture stands above the text already
            name = self._name_of(match[2])
            return f"![{match[1]}]({name})" if name else ""

        body = re.sub(r"\n{3,}", "\n\n", _IN_BODY.sub(at_home, found.body)).strip()
        return found.but(image=image, body=body)

    def _name_of(self, address: str) -> str:
        """The file name of a picture, or nothing when it cannot be had."""
        if address in self._known:
            return self._known[address]
        self._known[address] = ""
        if len(self.pictures) >= MAX_PICTURES:
            self.notes.append(f"Left out a picture beyond the first {MAX_PICTURES}: {address[:200]}")
            return ""
        try:
            data = self._bytes(address)
            suffix = _proved(data)
        except NewsletterError as error:
            self.notes.append(f"Left out the picture {address[:200]}: {error.message}")
            return ""
        number = len(self.pictures)
        name = f"{self._key}.{suffix}" if not number else f"{self._key}-{number + 1}.{suffix}"
        self.pictures.append(Picture(name, data))
        self._known[address] = name
        return name

    def _bytes(self, address: str) -> bytes:
        parts = urlsplit(address)
        if (saved := self._saved(address)) is not None:
            return saved
        if parts.scheme in {"http", "https"}:
            host = parts.hostname or ""
            if host in self._dead:
                raise NewsletterError(f"{host} did not answer before.")
            try:
                answer = self._get(address, accept=PICTURES, max_bytes=MAX_BYTES, seconds=SECONDS)
            except NewsletterError as error:
                if error.__cause__ is not None:
                    self._dead.add(host)
                raise
            if not answer.ok:
                raise NewsletterError(f"{host} answered with status {answer.status}.")
            return answer.body
        if self._folder is None or parts.scheme or parts.netloc:
            raise NewsletterError("It is not on the web.")
        raise NewsletterError("It does not lie beside the page.")

    def _saved(self, address: str) -> bytes | None:
        """The bytes of a picture that lies beside a saved page, or None.

        The links of a page that says where it came from are absolute by now, those to the folder beside it too.
        """
        if self._folder is None:
            return None
        home = urljoin(self._page, ".")
        parts = urlsplit(address.removeprefix(home) if home.startswith("http") else address)
        if parts.scheme or parts.netloc or not parts.path:
            return None
        path = (self._folder / unquote(parts.path)).resolve()
        if not path.is_relative_to(self._folder) or not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)


def _proved(data: bytes) -> str:
    """The suffix that fits a whole picture."""
    with tempfile.NamedTemporaryFile(prefix="picture-") as file:
        file.write(data)
        file.flush()
        return open_image(Path(file.name), named_in=Path(file.name), line=0).suffix


def _same_picture(one: str, other: str) -> bool:
    """Whether two addresses show one picture, maybe in two sizes."""
    return _stem(one) == _stem(other)


def _stem(address: str) -> str:
    parts = urlsplit(address)
    return parts.netloc + re.sub(r"(?:-\d+x\d+|-scaled)(?=\.\w+$)", "", unquote(parts.path))
