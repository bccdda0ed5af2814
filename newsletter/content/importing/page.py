"""A web page, saved or fetched, to an article: parse, ask its data, find its text, write that as Markdown."""

from __future__ import annotations

import contextlib
import copy
import logging
import re
from datetime import date
from typing import Any
from urllib.parse import urljoin, urlsplit

import lxml.html

from newsletter.content.importing import structured
from newsletter.content.importing.as_markdown import as_markdown
from newsletter.content.importing.body import find_body
from newsletter.content.importing.credits import find_writer
from newsletter.content.importing.dates import read_date
from newsletter.content.importing.metadata import find_category, find_dates, find_picture
from newsletter.content.importing.openings import strip_opening
from newsletter.content.importing.structured import clean
from newsletter.content.importing.titles import find_title, site_names
from newsletter.content.importing.values import Found
from newsletter.content.importing.visible import View, prepare, shallow
from newsletter.errors import NewsletterError

_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]+)", re.IGNORECASE)
_XML_CHARSET = re.compile(rb"^\s*<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9_:.-]+)", re.IGNORECASE)


def decode(data: bytes, charset: str = "") -> str:
    """Text of a page: by its BOM, what the server said, what the page says, UTF-8, or what old pages meant."""
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(name, "replace")
    told = [charset]
    for pattern in (_XML_CHARSET, _META_CHARSET):
        if found := pattern.search(data[:4096]):
            told.append(found[1].decode("ascii"))
    for name in (*told, "utf-8"):
        plain = name.lower().replace("_", "-")
        if not plain or plain.startswith("utf-16"):  # a page that can say so in ASCII is not UTF-16
            continue
        with contextlib.suppress(LookupError, UnicodeDecodeError):
            # What calls itself Latin-1 is Windows-1252 on the web (WHATWG Encoding §4.2).
            return data.decode("cp1252" if plain in {"iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii"} else plain)
    return data.decode("cp1252", "replace")


def read_page(source: str, url: str = "") -> Found:
    """The article of an HTML page; `url` is where it came from, as far as that is known.

    Raises NewsletterError when the page holds no text.
    """
    tree = parse(source)
    link = _canonical(tree, url)
    base_url = _base(tree, url or link)
    found = read_head(tree, base_url)
    element = find_body(tree, base_url)
    strip_opening(element, found.title, _known(found), (found.category, found.publisher))
    body = as_markdown(element, base_url)
    if not body:
        raise NewsletterError(
            "No article was found on this page.",
            hint="If its text comes by script, open it in a browser, save the complete page and import the file.",
        )
    return found.but(body=body, link=link)


def read_fragment(source: str, base_url: str = "") -> str:
    """HTML that is all article (a feed entry, a post) as Markdown."""
    if not source.strip():
        return ""
    element = parse(f"<div>{source}</div>")
    prepare(element)
    for each in list(element.iter("form", "fieldset", "label")):
        if each.getparent() is not None:
            each.drop_tree()
    return as_markdown(element, base_url)


def read_head(tree: Any, base_url: str) -> Found:
    """Everything but the text."""
    data = [structured.json_ld(tree), structured.microdata(tree)]
    meta = structured.meta(tree)
    publisher = next(iter(meta.get("og:site_name", []) or meta.get("application-name", [])), "") or data[0].publisher
    visible = copy.deepcopy(tree)
    prepare(visible, keep=frozenset({"nav"}))
    view = View(visible)
    title = find_title(view, data, meta, publisher)
    language = tree.get("lang") or next(iter(meta.get("og:locale", [])), "").replace("_", "-")
    written_at, updated_at = find_dates(view, data, meta, language)
    hint_author, hint_date, hint_title = "", "", ""
    if not title or written_at is None or not data[0].authors:
        hint_author, hint_date, hint_title = _trafilatura_says(tree, base_url)
    image, image_alt = find_picture(view, data, meta, base_url)
    return Found(
        title=title or hint_title,
        category=find_category(view, data, meta, structured.crumbs(tree), title),
        author=find_writer(view, data, meta, site_names(view, publisher), hint_author),
        written_at=written_at or _other_than(updated_at, read_date(hint_date)),
        updated_at=updated_at,
        image=image,
        image_alt=image_alt,
        excerpt=next(iter(meta.get("og:description", []) or meta.get("description", [])), "") or data[0].description,
        publisher=publisher,
    )


def parse(source: str) -> Any:
    """A page as a tree; never fails on broken HTML, only on none at all."""
    source = re.sub(r"^\s*<\?xml[^>]*\?>", "", source.replace("\x00", ""))
    # Depth is cut below; what is nested deeper than libxml2's 2,048 levels comes out as an empty page.
    parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True)
    try:
        tree = lxml.html.document_fromstring(source.encode("utf-8", "replace"), parser=parser)
    except (ValueError, lxml.etree.ParserError) as error:
        raise NewsletterError("This page is empty.", hint="Look whether it was saved completely.") from error
    shallow(tree, 200)
    return tree


def _other_than(updated_at: date | None, guess: date | None) -> date | None:
    """A guess at the day of writing, unless it only found the day of the update."""
    return None if guess == updated_at else guess


def _known(found: Found) -> list[str]:
    """Who is named above the text: the writers, one by one and with their credentials."""
    name = found.author.name
    return [found.author.byline, name, *re.split(r", | and ", name), *found.author.credentials]


def _trafilatura_says(tree: Any, url: str) -> tuple[str, str, str]:
    """Author, date and title as trafilatura reads them; used where everything else is silent."""
    import trafilatura

    for name in ("trafilatura", "htmldate"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with contextlib.suppress(Exception):  # a second opinion that fails is none, whatever the reason
        told = trafilatura.extract_metadata(copy.deepcopy(tree), default_url=url or None, extensive=False)
        return (told.author or "").split(";")[0], told.date or "", told.title or ""
    return "", "", ""


def _canonical(tree: Any, url: str) -> str:
    """The page's own address."""
    for link in tree.iter("link"):
        if "canonical" in (link.get("rel") or "").lower().split() and link.get("href"):
            joined = _join(url, link.get("href").strip())
            if joined:
                return joined
    for tag in tree.iter("meta"):
        if (tag.get("property") or "").lower() == "og:url" and (joined := _join(url, clean(tag.get("content") or ""))):
            return joined
    return url


def _base(tree: Any, url: str) -> str:
    base = next((each.get("href") for each in tree.iter("base") if each.get("href")), "")
    return _join(url, base.strip()) or url


def _join(url: str, address: str) -> str:
    try:
        joined = urljoin(url, address)
        parts = urlsplit(joined)
    except ValueError:
        return ""
    return joined if parts.scheme in {"http", "https"} and parts.hostname else ""
