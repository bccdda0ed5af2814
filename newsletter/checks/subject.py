"""What rules look at: the issue, its rendering, and the final bytes of one sample copy, parsed once.

Rules judge bytes that a reader's mail program will judge, not intentions; every view of them is made
when the first rule asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from functools import cached_property
from typing import Any
from urllib.parse import SplitResult, urlsplit

import lxml.html

from newsletter.checks.extras import NOTHING_MORE, Extras
from newsletter.checks.looks import Looks
from newsletter.checks.sheets import Sheet
from newsletter.checks.sources import Place, Sources, sources_of
from newsletter.checks.theme import NO_THEME, Theme
from newsletter.config import Config
from newsletter.content.values import Image, Issue
from newsletter.rendering.slots import TOKEN, Rendered

_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_UNSEEN = frozenset({"head", "script", "style", "title", "template"})
_CONDITIONAL = re.compile(r"<!--\[if\b[^\]]*\]>(?!<!-->|-->)(.*?)<!\[endif\]-->", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Subject:
    """One issue under examination."""

    issue: Issue
    rendered: Rendered
    message: bytes
    """The final MIME of one sample copy, CRLF line ends."""
    config: Config
    theme: Theme = NO_THEME
    """The templates it was made with."""
    extras: Extras = NOTHING_MORE

    # -- the message ---------------------------------------------------------------------------

    @cached_property
    def mail(self) -> Message:
        """The copy, parsed leniently (compat32)."""
        return BytesParser(policy=compat32).parsebytes(self.message)

    @cached_property
    def text_part(self) -> Message | None:
        """The first text/plain part."""
        return self._part("text/plain")

    @cached_property
    def html_part(self) -> Message | None:
        """The first text/html part."""
        return self._part("text/html")

    @cached_property
    def text(self) -> str:
        """The plain text a reader sees, with `\\n` line ends; empty without a text part."""
        return decoded(self.text_part).replace("\r\n", "\n")

    @cached_property
    def html(self) -> str:
        """The HTML source a reader's program gets; empty without an HTML part."""
        return decoded(self.html_part)

    def headers(self, name: str) -> list[str]:
        """Every field of that name, unfolded, not decoded."""
        return [re.sub(r"\r?\n(?=[ \t])", "", str(value)).strip() for value in self.mail.get_all(name, [])]

    @cached_property
    def subject_line(self) -> str:
        """The decoded Subject of the copy; as it stands when it cannot be decoded, empty when there is none."""
        for value in self.headers("Subject"):
            try:
                return str(make_header(decode_header(value)))
            except (HeaderParseError, LookupError, UnicodeError, ValueError):
                return value
        return ""

    @cached_property
    def preheader(self) -> str:
        """The preview text with its fallbacks filled in."""
        fallbacks = {slot.token: slot.fallback or "" for slot in self.rendered.slots}
        return TOKEN.sub(lambda token: fallbacks.get(token[0], token[0]), self.rendered.preheader).strip()

    @cached_property
    def unsubscribe_urls(self) -> list[str]:
        """The http and https addresses of List-Unsubscribe (RFC 2369 §2), white space taken out."""
        uris = (re.sub(r"\s", "", uri) for value in self.headers("List-Unsubscribe") for uri in _bracketed(value))
        return [uri for uri in uris if uri.lower().startswith(("http:", "https:"))]

    # -- the HTML tree -------------------------------------------------------------------------

    @cached_property
    def tree(self) -> Any:
        """The root element of the HTML, as lxml reads it; never empty."""
        source = self.html.encode() if self.html.strip() else b"<html></html>"
        parser = lxml.html.HTMLParser(encoding="utf-8")
        return lxml.html.document_fromstring(source, parser=parser, ensure_head_body=True)

    @cached_property
    def elements(self) -> list[Any]:
        """Every element of the tree in document order, without comments."""
        return [element for element in self.tree.iter() if isinstance(element.tag, str)]

    def every(self, *tags: str) -> list[Any]:
        """The elements of these tags."""
        return [element for element in self.elements if element.tag in tags]

    @cached_property
    def visible_text(self) -> str:
        """What a reader sees of the HTML, white space collapsed."""
        return " ".join(" ".join(_texts(self.tree)).split())

    @cached_property
    def sheets(self) -> list[Sheet]:
        """Every `<style>` that is not inside a comment."""
        return [
            Sheet(element.text or "", any(parent.tag == "head" for parent in element.iterancestors()))
            for element in self.every("style")
        ]

    @cached_property
    def looks(self) -> Looks:
        """Colours and sizes of all text, in both modes."""
        return Looks(self.elements, self.sheets)

    @cached_property
    def conditional(self) -> list[str]:
        """What stands in the conditional comments for Outlook, in order."""
        return [found[1] for found in _CONDITIONAL.finditer(self.html)]

    # -- where it came from --------------------------------------------------------------------

    @cached_property
    def sources(self) -> Sources:
        """What the authors wrote."""
        return sources_of(self.issue)

    @cached_property
    def images(self) -> dict[str, Image]:
        """Every picture that the mail shows by the name it is served under, as it is sent."""
        sent: dict[str, Image] = {each.media_name: each for each in self.rendered.pictures}
        return {name: each for name, each in sent.items() if name in self.rendered.html} or self.issue.all_images()

    def find(self, *needles: str, templates: str = "") -> Place:
        """Where an author wrote one of `needles`, else where a template says it, else the issue itself.

        `templates` narrows down which templates: the end of their names.
        """
        written = self.sources.find(*needles)
        if written != self.sources.home:
            return written
        place = self.theme.find(*needles, templates=templates)
        return written if place.path is None else place

    def made_by(self, element: Any) -> Place:
        """The template line that makes an element like this one, by its class, its words, or else its tag."""
        words = (element.get("class") or "").split()
        text = (element.text or element.get("alt") or "").strip()
        classes = [f'class="{" ".join(words)}"', f'class="{words[0]}'] if words else []
        return self.theme.find(*classes, *([f">{text}<", f'"{text}"'] if text else []), f"<{element.tag}")

    def picture(self, element: Any) -> Image | None:
        """The picture of the issue that an `<img>` shows; None for others."""
        return self.images.get(re.split("[/:]", str(element.get("src") or ""))[-1].partition("@")[0])

    def place_of(self, image: Image) -> Place:
        """Where a picture is named."""
        return self.sources.find(image.path.name)

    def is_ours(self, url: str) -> bool:
        """Whether `url` leads to our own pages."""
        return url == self.config.base_url or url.startswith(f"{self.config.base_url}/")

    def _part(self, content_type: str) -> Message | None:
        return next((part for part in self.mail.walk() if part.get_content_type() == content_type), None)


def decoded(part: Message | None) -> str:
    """The text of a leaf part; what its charset cannot say becomes U+FFFD."""
    payload = None if part is None else part.get_payload(decode=True)
    if part is None or not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset("utf-8"), "replace")
    except (LookupError, ValueError):  # a charset nobody has, or a codec that is stricter than asked for
        return payload.decode("utf-8", "replace")


def encoded(part: Message) -> str:
    """The body of a leaf part as it travels; empty when its charset lets nothing through."""
    try:
        return str(part.get_payload())
    except (LookupError, ValueError):
        return ""


def hidden(element: Any) -> bool:
    """Whether this element itself is not shown."""
    return element.get("hidden") is not None or _HIDDEN.search(element.get("style") or "") is not None


def shown(element: Any) -> bool:
    """Whether an element and everything around it is shown."""
    return not any(hidden(each) for each in (element, *element.iterancestors()))


def split(url: str) -> SplitResult:
    """The parts of `url`; all empty when it is not one."""
    try:
        return urlsplit(url.strip())
    except ValueError:
        return urlsplit("")


def short(text: str, limit: int = 70) -> str:
    """`text` on one line, cut to what fits into a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _bracketed(value: str) -> list[str]:
    found: list[str] = re.findall(r"<([^<>]*)>", value)
    return found


def _texts(element: Any) -> Iterator[str]:
    """Visible text in document order."""
    if element.text:
        yield element.text
    for child in element:
        if isinstance(child.tag, str) and child.tag not in _UNSEEN and not hidden(child):
            yield from _texts(child)
        if child.tail:
            yield child.tail
