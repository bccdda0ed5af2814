"""Feeds of past issues for those who read without an address: RSS 2.0, Atom and JSON Feed 1.1, in full.

Made in code and not by templates, because a feed has one right form, and a slip in a template would break
every reader's program at once. All three say the same, in the words of the archive's pages.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from types import MappingProxyType
from urllib.parse import urljoin

from flask import Blueprint, Response, abort, request
from lxml import etree

from newsletter.campaigns import publication
from newsletter.campaigns.publication import PublicIssue
from newsletter.config import Config
from newsletter.rendering.slots import without_surrogates
from newsletter.web.archive import refuse_private, with_replies
from newsletter.web.door import door
from newsletter.web.links import in_fragment

blueprint = Blueprint("feeds", __name__)

MOST = 20
"""Issues in a feed; the newest."""

ATOM = "http://www.w3.org/2005/Atom"
CONTENT = "http://purl.org/rss/1.0/modules/content/"
XML = "http://www.w3.org/XML/1998/namespace"
JSON_FEED = "https://jsonfeed.org/version/1.1"

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""When a feed without an issue changed; Atom wants a moment, and any other would change without a reason."""

# What XML 1.0 §2.2 has no way to write; nobody misses it in JSON either.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Channel:
    """What a feed says about itself."""

    title: str
    description: str
    language: str
    base_url: str

    @property
    def home(self) -> str:
        """The page that shows the same."""
        return f"{self.base_url}/archive/"

    def address(self, path: str) -> str:
        """The absolute address of a path on our own pages."""
        return f"{self.base_url}{path}"

    def content(self, issue: PublicIssue) -> str:
        """The whole issue, with addresses that lead home from anywhere."""
        page = self.address(issue.path)

        def absolute(address: str) -> str:
            is_path = address.startswith("/") and not address.startswith("//")
            return self.address(address) if is_path else urljoin(page, address)

        return in_fragment(_writable(issue.page), absolute)


def channel(config: Config) -> Channel:
    """The feed of a Site."""
    first = config.default_list
    return Channel(
        title=config.name,
        description=first.description or first.pitch or first.title,
        language=config.language,
        base_url=config.base_url,
    )


def rss(about: Channel, issues: Sequence[PublicIssue]) -> bytes:
    """RSS 2.0 with the full content beside the summary (RSS Advisory Board, content module)."""
    root = etree.Element("rss", {"version": "2.0"}, nsmap={"atom": ATOM, "content": CONTENT})
    top = etree.SubElement(root, "channel")
    _add(top, "title", about.title)
    _add(top, "link", about.home)
    _add(top, "description", about.description)
    _add(top, "language", about.language)
    if issues:
        _add(top, "lastBuildDate", format_datetime(_changed_at(issues), usegmt=True))
    own = {"href": about.address("/feed.xml"), "rel": "self", "type": "application/rss+xml"}
    etree.SubElement(top, f"{{{ATOM}}}link", own)
    for issue in issues:
        item = etree.SubElement(top, "item")
        _add(item, "title", issue.subject)
        _add(item, "link", about.address(issue.path))
        _add(item, "guid", about.address(issue.path), isPermaLink="true")
        _add(item, "pubDate", format_datetime(issue.published_at, usegmt=True))
        if issue.preheader:
            _add(item, "description", issue.preheader)
        _add(item, f"{{{CONTENT}}}encoded", about.content(issue))
    return _serialised(root)


def atom(about: Channel, issues: Sequence[PublicIssue]) -> bytes:
    """Atom (RFC 4287)."""
    root = etree.XML(f'<feed xmlns="{ATOM}"/>')
    root.set(f"{{{XML}}}lang", about.language)
    _add(root, f"{{{ATOM}}}id", about.home)
    _add(root, f"{{{ATOM}}}title", about.title)
    _add(root, f"{{{ATOM}}}subtitle", about.description)
    _add(root, f"{{{ATOM}}}updated", _rfc3339(_changed_at(issues)))
    _add(etree.SubElement(root, f"{{{ATOM}}}author"), f"{{{ATOM}}}name", about.title)
    own = {"rel": "self", "type": "application/atom+xml", "href": about.address("/feed.atom")}
    etree.SubElement(root, f"{{{ATOM}}}link", own)
    etree.SubElement(root, f"{{{ATOM}}}link", {"rel": "alternate", "type": "text/html", "href": about.home})
    for issue in issues:
        entry = etree.SubElement(root, f"{{{ATOM}}}entry")
        address = about.address(issue.path)
        _add(entry, f"{{{ATOM}}}id", address)
        _add(entry, f"{{{ATOM}}}title", issue.subject)
        etree.SubElement(entry, f"{{{ATOM}}}link", {"rel": "alternate", "type": "text/html", "href": address})
        _add(entry, f"{{{ATOM}}}published", _rfc3339(issue.published_at))
        _add(entry, f"{{{ATOM}}}updated", _rfc3339(issue.updated_at))
        if issue.preheader:
            _add(entry, f"{{{ATOM}}}summary", issue.preheader)
        _add(entry, f"{{{ATOM}}}content", about.content(issue), type="html")
    return _serialised(root)


def json_feed(about: Channel, issues: Sequence[PublicIssue]) -> bytes:
    """JSON Feed 1.1."""
    items = []
    for issue in issues:
        address = about.address(issue.path)
        item = {
            "id": address,
            "url": address,
            "title": _writable(issue.subject),
            "summary": _writable(issue.preheader),
            "content_html": about.content(issue),
            "date_published": _rfc3339(issue.published_at),
            "date_modified": _rfc3339(issue.updated_at),
        }
        if issue.picture is not None:
            item["image"] = about.address(issue.picture.path)
        items.append({key: value for key, value in item.items() if value})
    document = {
        "version": JSON_FEED,
        "title": _writable(about.title),
        "description": _writable(about.description),
        "home_page_url": about.home,
        "feed_url": about.address("/feed.json"),
        "language": about.language,
        "authors": [{"name": about.title, "url": f"{about.base_url}/"}],
        "items": items,
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8") + b"\n"


@dataclass(frozen=True)
class Kind:
    """One way to write a feed."""

    media_type: str
    write: Callable[[Channel, Sequence[PublicIssue]], bytes]


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "feed.xml": Kind("application/rss+xml; charset=utf-8", rss),
        "feed.atom": Kind("application/atom+xml; charset=utf-8", atom),
        "feed.json": Kind("application/feed+json", json_feed),
    }
)


@blueprint.get("/<any('feed.xml', 'feed.atom', 'feed.json'):name>")
def feed(name: str) -> Response:
    """The newest issues in full; who has them already is told so (RFC 9110 §13)."""
    refuse_private()
    here = door()
    kind = KINDS.get(name) or abort(404)
    with here.site.database.read() as connection:
        heads = tuple(publication.heads(connection)[:MOST])
        if name not in here.feeds or here.feeds[name][0] != heads:
            issues = [with_replies(here, publication.read(connection, head)) for head in heads]
            here.feeds[name] = (heads, kind.write(channel(here.site.config), issues))
    heads, data = here.feeds[name]
    response = Response(data, content_type=kind.media_type)
    response.headers["Cache-Control"] = "public, max-age=300"
    response.set_etag(hashlib.sha256(data).hexdigest()[:32])
    response.last_modified = max((head.changed_at for head in heads), default=LONG_AGO)
    response.make_conditional(request)
    return response


def _changed_at(issues: Sequence[PublicIssue]) -> datetime:
    return max((issue.updated_at for issue in issues), default=LONG_AGO)


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _writable(text: str) -> str:
    return _UNWRITABLE.sub("", without_surrogates(text))


def _add(parent: etree._Element, tag: str, text: str, **attributes: str) -> None:
    etree.SubElement(parent, tag, attributes).text = _writable(text)


def _serialised(root: etree._Element) -> bytes:
    etree.indent(root, space=" ")
    document: bytes = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"
