"""Opens what an editor points at: an address, a file or standard input; and reads it by what it turns out to be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from newsletter.content.fetch import MAX_BYTES, PAGES, Fetched, fetch
from newsletter.content.importing import feeds, texts
from newsletter.content.importing.page import decode, read_page
from newsletter.content.importing.values import Choice, Found
from newsletter.errors import NewsletterError, NotFoundError

EXPORT_BYTES = 100_000_000
"""A WordPress export of a busy site is large, and it is a file of our own."""

Fetch = Callable[..., Fetched]
_HTML = {".html", ".htm", ".xhtml", ".xht"}
_MARKDOWN = {".md", ".markdown", ".mdown"}
_XML = {".xml", ".rss", ".atom", ".rdf", ".wxr"}


@dataclass(frozen=True)
class Source:
    """What was opened, not yet read."""

    kind: str
    """`html`, `feed`, `markdown` or `text`."""
    data: bytes
    charset: str = ""
    url: str = ""
    folder: Path | None = None
    """Where the file lies, for the pictures saved beside it."""


def open_source(name: str, *, standard_input: Callable[[int], bytes], url: str = "", get: Fetch = fetch) -> Source:
    """Open an address, a file, or `-`; `url` says where a saved page came from.

    Raises NewsletterError for what is missing, too large or of no kind known here.
    """
    if name == "-":
        data = standard_input(EXPORT_BYTES + 1)
        if len(data) > EXPORT_BYTES:
            raise NewsletterError(
                "Standard input does not end, or holds far more than an article.",
                hint="Give the page or the text alone.",
            )
        return Source(_sniffed(data), data, url=url)
    if re.match(r"[a-z][a-z0-9+.-]*://", name, re.IGNORECASE):
        answer = get(name, accept=PAGES)
        if not answer.ok:
            raise NewsletterError(
                f"{answer.url[:200]} answered with status {answer.status}.",
                hint="Look whether it opens in a browser; if it needs a login, save it there and import the file.",
            )
        kind = {"text/markdown": "markdown", "text/plain": _sniffed(answer.body)}.get(answer.media_type, "")
        kind = kind or (
            "html" if "html" in answer.media_type and not feeds.is_feed(decode(answer.body[:4000])) else "feed"
        )
        return Source(kind, answer.body, answer.charset, answer.url)
    path = Path(name).expanduser()
    if not path.is_file():
        raise NotFoundError(
            f"There is no file {name[:200]!r}.",
            hint="Give a file, an address that begins with https://, or - for standard input.",
        )
    with path.open("rb") as file:
        data = file.read(EXPORT_BYTES + 1)
    suffix = path.suffix.lower()
    kind = (
        "html"
        if suffix in _HTML
        else "markdown"
        if suffix in _MARKDOWN
        else "text"
        if suffix == ".txt"
        else _sniffed(data)
    )
    if suffix in _XML and kind != "html":
        kind = "feed"
    if len(data) > (EXPORT_BYTES if kind == "feed" else MAX_BYTES):
        raise NewsletterError(f"{path.name} is too large for an article.", hint="Give the page or the text alone.")
    if not data.strip():
        raise NewsletterError(f"{path.name} is empty.", hint="Look whether it was saved completely.")
    return Source(kind, data, url=url, folder=path.resolve().parent)


def read_source(source: Source, choice: str = "") -> Found | list[Choice]:
    """The article in the source, or what there is to choose from when it holds several and none was chosen."""
    if source.kind == "feed":
        entries = feeds.read_entries(source.data)
        entry = feeds.choose(entries, choice)
        return feeds.choices(entries) if entry is None else feeds.as_found(entry)
    if choice:
        raise NewsletterError("This source holds one article only.", hint="Leave --post out.")
    text = decode(source.data, source.charset)
    if source.kind == "html":
        return read_page(text, source.url)
    if b"\0" in source.data[:4096]:
        raise NewsletterError(
            "This is not a text.", hint="Import a page (.html), a text (.txt), Markdown (.md) or a feed (.xml)."
        )
    return texts.read_markdown(text, source.url) if source.kind == "markdown" else texts.read_text(text)


def _sniffed(data: bytes) -> str:
    """The kind of a document without a telling name."""
    text = decode(data[:20_000])
    if feeds.is_feed(text):
        return "feed"
    if re.search(
        r"<(?:!doctype html|html|head|body|article|main|div|p|h1)\b[^>]*>", text, re.IGNORECASE
    ) and text.lstrip("\ufeff \t\r\n").startswith("<"):
        return "html"
    return "markdown" if texts.looks_like_markdown(text) else "text"
