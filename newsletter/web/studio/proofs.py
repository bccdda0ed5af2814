"""A proof: one copy as one reader gets it, taken apart into what mail programs show of it.

It is read back from the bytes of the message, not from what made them, so that what is seen is what is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import default
from typing import Any

import lxml.html
from jinja2 import Environment

from newsletter.rendering.clients import GMAIL_CLIPS_AT
from newsletter.rendering.environment import render_template
from newsletter.rendering.views import INBOX, TEXT, Address, seen, view, with_pictures

CUTS = ((35, "Watch, or a small phone"), (60, "Phone"), (90, "Desktop"))
"""Characters that lists of mail show, and which lists those are."""
SNIPPET = 180
"""Characters of a mail's beginning that programs put behind the subject at the most."""

_FILLER = re.compile("[\u00a0\u00ad\u034f\u2007\u200b\u200c\u200d\ufeff\\s]{20,}")
_UNSEEN = re.compile("[\u00ad\u034f\u200b\u200c\u200d\ufeff]")
_NO_TEXT = frozenset({"head", "script", "style", "title", "template"})


@dataclass(frozen=True)
class Proof:
    """One copy."""

    message: bytes
    sender: str
    to: str
    subject: str
    html: str
    text: str
    encoded: int
    """Bytes of the HTML part as it travels."""

    @property
    def clip_size(self) -> int:
        """Bytes that count towards Gmail's limit: nobody knows which it counts, so the larger."""
        return max(self.encoded, len(self.html.encode()))

    @property
    def snippet(self) -> str:
        """What a list of mail shows behind the subject: the preheader, or whatever the mail begins with."""
        return snippet(self.html)


@dataclass(frozen=True)
class Row:
    """A line of a list of mail; what it has no room for stands in the second half of each pair."""

    limit: int
    where: str
    subject: tuple[str, str]
    snippet: tuple[str, str]


def take_apart(message: bytes) -> Proof:
    """The parts of `message`, decoded as a mail program does; empty where there are none."""
    parsed = message_from_bytes(message, policy=default)
    html, text = _part(parsed, "text/html"), _part(parsed, "text/plain")
    return Proof(
        message=message,
        sender=str(parsed["From"] or ""),
        to=str(parsed["To"] or ""),
        subject=str(parsed["Subject"] or "").strip(),
        html=_decoded(html),
        text=_decoded(text).replace("\r\n", "\n"),
        encoded=0 if html is None else _length(html),
    )


def document(pages: Environment, proof: Proof, key: str, address: Address) -> str:
    """View `key` of `proof` as an HTML document of its own; `pages` are the program's own templates.

    Raises `NotFoundError` when there is no such view.
    """
    if key == TEXT.key:
        return render_template(pages, "web/studio/text.html", {"text": proof.text})
    if key == INBOX.key:
        return render_template(pages, "web/studio/inbox.html", {"proof": proof, "rows": rows(proof)})
    return with_pictures(seen(proof.html, view(key).key), address)


def rows(proof: Proof) -> list[Row]:
    """How lists of mail of several widths show it."""
    return [Row(limit, where, cut(proof.subject, limit), cut(proof.snippet, limit)) for limit, where in CUTS]


def cut(text: str, limit: int) -> tuple[str, str]:
    """The first `limit` characters, and the rest."""
    return text[:limit], text[limit:]


def snippet(html: str) -> str:
    """The first words of the body, hidden ones included, up to the filler that keeps the rest out of sight."""
    if not html.strip():
        return ""
    tree = lxml.html.document_fromstring(html)
    body = next(iter(tree.iter("body")), tree)
    words: list[str] = []
    length = 0
    for piece in _texts(body):
        words.append(piece)
        length += len(piece)
        if _FILLER.search(piece) or length > 4 * SNIPPET:
            break
    start = _FILLER.split("".join(words).lstrip(), maxsplit=1)[0]
    return " ".join(_UNSEEN.sub("", start).split())[:SNIPPET]


def more_articles(size: int, bare: int, articles: int) -> int:
    """About how many more articles fit until Gmail clips: `size` bytes with `articles` of them, `bare` without any."""
    each = max(1.0, (size - bare) / articles) if articles else 2700.0
    return max(0, int((GMAIL_CLIPS_AT - size) / each))


def _part(parsed: Message, content_type: str) -> Message | None:
    return next((part for part in parsed.walk() if part.get_content_type() == content_type), None)


def _decoded(part: Message | None) -> str:
    payload = None if part is None else part.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _length(part: Message) -> int:
    """Octets of the encoded body; the parser has made its line ends single characters."""
    encoded = str(part.get_payload())
    return len(encoded) + encoded.count("\n") - encoded.count("\r\n")


def _texts(element: Any) -> Iterator[str]:
    """Text in document order, with a space where a block or a cell ends."""
    if element.text:
        yield element.text
    for child in element:
        if isinstance(child.tag, str) and child.tag not in _NO_TEXT:
            yield from _texts(child)
            if child.tag in {"div", "p", "td", "tr", "h1", "h2", "h3", "li", "br", "table"}:
                yield " "
        if child.tail:
            yield child.tail
