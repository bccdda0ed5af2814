"""Entries of RSS and Atom feeds and posts of WordPress exports: the same XML, in which one article is chosen.

A WordPress export (WXR) is RSS with more in it: authors by login, dates of change, the lead picture as
another item. Classic posts are plain text with blank lines between paragraphs and with shortcodes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

import lxml.etree

from newsletter.content.importing.bylines import split_byline
from newsletter.content.importing.dates import read_date, read_feed_date
from newsletter.content.importing.page import read_fragment
from newsletter.content.importing.structured import clean
from newsletter.content.importing.values import Choice, Found, Writer
from newsletter.errors import NewsletterError

_SHORTCODE = re.compile(
    r"\[/?(?:caption|gallery|embed|video|audio|playlist|vc_\w+|et_pb_\w+|contact-form-7|[a-z]+_[a-z_]+)\b[^\]\n]{0,500}\]"
)
_BLOCK_TAG = re.compile(r"<(?:p|div|ul|ol|table|blockquote|h[1-6]|figure|pre|section)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """One entry before its text is turned into Markdown."""

    found: Found
    html: str
    is_whole: bool
    """Whether `html` is the text rather than a summary."""


def is_feed(text: str) -> bool:
    """Whether a document begins like RSS, RDF or Atom."""
    head = re.sub(r"<!--.*?-->|<\?.*?\?>|<!DOCTYPE[^>]*>", "", text[:4000], flags=re.DOTALL).lstrip("\ufeff \t\r\n")
    return bool(re.match(r"<(?:rss|feed|rdf:RDF|atom:feed)\b", head, re.IGNORECASE))


def read_entries(data: bytes) -> list[Entry]:
    """All articles of a feed or export, in its order; WordPress drafts, pages and attachments are left out.

    Raises NewsletterError for XML that is none, and for a feed without entries.
    """
    parser = lxml.etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, recover=True, huge_tree=False
    )
    try:
        root = lxml.etree.fromstring(data.lstrip(), parser=parser)
    except (lxml.etree.XMLSyntaxError, ValueError) as error:
        raise NewsletterError("This feed or export cannot be read.", hint="Export or download it again.") from error
    if root is None:
        raise NewsletterError("This feed or export cannot be read.", hint="Export or download it again.")
    items = [each for each in root.iter() if isinstance(each.tag, str) and _name(each) in {"item", "entry"}]
    if any(_child(item, "post_type") is not None for item in items):
        entries = _wordpress(root, items)
    else:
        entries = [_entry(item, root) for item in items]
    if not entries:
        raise NewsletterError("There is no article in this feed or export.", hint="Look whether it is the right file.")
    return entries


def choices(entries: list[Entry]) -> list[Choice]:
    """What there is to choose from."""
    return [
        Choice(number, entry.found.title, entry.found.author.byline, entry.found.written_at)
        for number, entry in enumerate(entries, start=1)
    ]


def choose(entries: list[Entry], wanted: str) -> Entry | None:
    """The entry of that number or title (a part of the title will do when it fits one only); the only one without."""
    if not wanted:
        return entries[0] if len(entries) == 1 else None
    titles = [entry.found.title.casefold() for entry in entries]
    word = wanted.strip().casefold()
    if word in titles:
        return entries[titles.index(word)]
    if word.isdecimal():
        if 1 <= int(word) <= len(entries):
            return entries[int(word) - 1]
    else:
        matching = [
            entry
            for entry, title in zip(entries, titles, strict=True)
            if word in title or word == entry.found.link.casefold()
        ]
        if len(matching) == 1:
            return matching[0]
    raise NewsletterError(
        f"There is no single article {wanted!r} among the {len(entries)} here.",
        hint="Leave --post out to see their numbers and titles.",
    )


def _name(element: Any) -> str:
    return str(lxml.etree.QName(element).localname)


def _child(element: Any, *names: str, space: str = "") -> Any:
    """The first child of one of these local names, in the order of the names."""
    for name in names:
        for child in element:
            if (
                isinstance(child.tag, str)
                and _name(child) == name
                and space in (lxml.etree.QName(child).namespace or "")
            ):
                return child
    return None


def _text(element: Any, *names: str, space: str = "") -> str:
    child = _child(element, *names, space=space)
    return "" if child is None else "".join(child.itertext()).strip()


def _entry(item: Any, root: Any) -> Entry:
    content = _child(item, "encoded") if _child(item, "encoded") is not None else _child(item, "content", space="Atom")
    summary = _child(item, "description", "summary")
    html = _markup(content) or _markup(summary)
    link = _text(item, "link")
    for each in item:
        if (
            isinstance(each.tag, str)
            and _name(each) == "link"
            and each.get("href")
            and each.get("rel", "alternate") == "alternate"
        ):
            link = each.get("href")
            break
    if not link and _text(item, "guid").startswith("http"):
        link = _text(item, "guid")
    author = _child(item, "author") if _child(item, "author") is not None else _child(root, "author", space="Atom")
    byline = _text(item, "creator")
    if not byline and author is not None:
        byline = _text(author, "name") or re.sub(r"^\S+@\S+\s*\((.*)\)$", r"\1", (author.text or "").strip())
    name, credentials = split_byline(clean(byline))
    category = _child(item, "category")
    channel = _child(root, "channel")
    return Entry(
        Found(
            title=clean(_plain_text(_text(item, "title"))),
            category=clean(
                "" if category is None else category.get("label") or category.get("term") or category.text or ""
            ),
            author=Writer(name, credentials),
            written_at=read_feed_date(_text(item, "pubDate", "published", "date", "issued", "updated")),
            updated_at=read_feed_date(_text(item, "updated", "modified"))
            if _child(item, "published", "pubDate") is not None
            else None,
            image=_enclosed(item),
            link=link if link.startswith(("http://", "https://")) else "",
            publisher=clean(_text(channel if channel is not None else root, "title")),
        ),
        html=html,
        is_whole=bool(_markup(content)),
    )


def _markup(element: Any) -> str:
    """The HTML of an element: escaped text, or inline XHTML (RFC 4287 §3.1.1)."""
    if element is None:
        return ""
    if len(element):
        return "".join(
            (
                escape(element.text or ""),
                *(lxml.etree.tostring(child, encoding="unicode", method="html") for child in element),
            )
        ).strip()
    text = (element.text or "").strip()
    if element.get("type") == "text" or (element.get("type") is None and "<" not in text and "&" not in text):
        return "".join(f"<p>{escape(part)}</p>" for part in re.split(r"\n\s*\n", text) if part.strip())
    return text


def _plain_text(title: str) -> str:
    return re.sub(r"</?\w[^>]{0,200}>", "", title)


def _enclosed(item: Any) -> str:
    for each in item.iter():
        if isinstance(each.tag, str) and _name(each) in {"enclosure", "content", "thumbnail"}:
            address = each.get("url") or ""
            if address.startswith("http") and (
                (each.get("type") or "").startswith("image/")
                or each.get("medium") == "image"
                or _name(each) == "thumbnail"
            ):
                return str(address)
    return ""


def _wordpress(root: Any, items: list[Any]) -> list[Entry]:
    writers = {
        _text(each, "author_login"): _text(each, "author_display_name")
        or f"{_text(each, 'author_first_name')} {_text(each, 'author_last_name')}".strip()
        for each in root.iter()
        if isinstance(each.tag, str) and _name(each) == "author" and _child(each, "author_login") is not None
    }
    pictures = {
        _text(item, "post_id"): (_text(item, "attachment_url"), _attachment_alt(item))
        for item in items
        if _text(item, "post_type") == "attachment"
    }
    channel = _child(root, "channel")
    entries = []
    for item in items:
        if _text(item, "post_type") != "post" or _text(item, "status") not in {"publish", "future", "private", ""}:
            continue
        login = _text(item, "creator")
        name, credentials = split_byline(clean(writers.get(login) or login))
        thumbnail = next(
            (
                _text(each, "meta_value")
                for each in item
                if isinstance(each.tag, str)
                and _name(each) == "postmeta"
                and _text(each, "meta_key") == "_thumbnail_id"
            ),
            "",
        )
        image, alt = pictures.get(thumbnail, ("", ""))
        category = next(
            (
                clean(each.text or "")
                for each in item
                if isinstance(each.tag, str) and _name(each) == "category" and each.get("domain") == "category"
            ),
            "",
        )
        entries.append(
            Entry(
                Found(
                    title=clean(_text(item, "title")),
                    category="" if category.lower() == "uncategorized" else category,
                    author=Writer(name, credentials),
                    written_at=_wordpress_date(_text(item, "post_date")) or read_feed_date(_text(item, "pubDate")),
                    updated_at=_wordpress_date(_text(item, "post_modified")),
                    image=image,
                    image_alt=clean(alt),
                    excerpt=clean(_plain_text(_text(item, "encoded", space="excerpt"))),
                    link=_text(item, "link") if _text(item, "link").startswith("http") else "",
                    publisher=clean("" if channel is None else _text(channel, "title")),
                ),
                html=_paragraphed(_text(item, "encoded", space="content")),
                is_whole=True,
            )
        )
    return entries


def _attachment_alt(item: Any) -> str:
    return next(
        (
            _text(each, "meta_value")
            for each in item
            if isinstance(each.tag, str)
            and _name(each) == "postmeta"
            and _text(each, "meta_key") == "_wp_attachment_image_alt"
        ),
        "",
    )


def _wordpress_date(text: str) -> date | None:
    return None if text.startswith("0000") else read_date(text)


def _paragraphed(html: str) -> str:
    """What WordPress does when it shows a classic post: blank lines part paragraphs; shortcodes go."""
    html = re.sub(
        r"\[caption[^\]]*\]\s*(.*?(?:/>|</a>))\s*(.*?)\s*\[/caption\]",
        r"<figure>\1<figcaption>\2</figcaption></figure>",
        html,
        flags=re.DOTALL,
    )
    html = _SHORTCODE.sub("", html)
    if re.search(r"<p\b", html, re.IGNORECASE) or "<!-- wp:" in html:
        return html
    parts = [part.strip() for part in re.split(r"\n\s*\n", html.replace("\r\n", "\n")) if part.strip()]
    return "\n".join(
        part if _BLOCK_TAG.match(part) else "<p>" + part.replace("\n", "<br>\n") + "</p>" for part in parts
    )


def as_found(entry: Entry) -> Found:
    """The entry with its text as Markdown."""
    body = read_fragment(entry.html, entry.found.link)
    notes = () if entry.is_whole else ("The feed holds only a summary of this article; import its page for all of it.",)
    return entry.found.but(body=body, notes=notes)
