"""Message header fields as bytes, folded by our own small writer.

The policies of the standard library turn a long `List-Unsubscribe` into encoded-words, which RFC 2047
§5 forbids and which costs the reader the one-click button, and they lose spaces of long subjects.
So free text goes through `email.header.Header`, which does not, and structured values are only ever
folded at white space. Nothing that could end a line gets in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from email.header import Header as Rfc2047
from email.utils import format_datetime
from functools import lru_cache
from typing import NamedTuple

from newsletter.addresses import for_the_wire
from newsletter.errors import RenderError
from newsletter.rendering.slots import without_surrogates

SOFT_LIMIT = 78
"""Preferred line length without CRLF (RFC 5322 §2.1.1)."""
HARD_LIMIT = 998
"""Line length that must not be passed (RFC 5322 §2.1.1)."""

_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
_LINE_SEPARATORS = re.compile("[\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_SPACES = re.compile("[ \t]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_DOMAIN = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_LOCAL}@{_DOMAIN}")
_LIST_ID = re.compile(_DOMAIN)
_URI = re.compile(r"(?:https?|mailto):[!-;=?-~]+", re.IGNORECASE)


class Header(NamedTuple):
    """One header field: its name and its folded ASCII value, without the final CRLF."""

    name: str
    value: bytes

    @property
    def line(self) -> bytes:
        """The whole field as it stands in the message, CRLF included."""
        return b"%b: %b\r\n" % (self.name.encode("ascii"), self.value)


def text(name: str, value: str) -> Header:
    """An unstructured field (Subject): any text, white space collapsed, encoded only where it must be.

    Lone surrogates become U+FFFD. Raises `RenderError` on control characters. RFC 5322 §2.2.1, RFC 2047.
    """
    _check_name(name)
    if len(name) + len(value) <= SOFT_LIMIT - 2 and _is_plain(value):
        return Header(name, value.encode("ascii"))
    clean = _clean(name, value)
    words = clean.split(" ")
    plain = clean.isascii() and "=?" not in clean
    if plain and max(len(name) + 2 + len(words[0]), *(len(word) + 1 for word in words)) <= SOFT_LIMIT:
        return Header(name, _fold(name, words))
    return Header(name, _encoded(name, clean))


def mailbox(name: str, display: str, address: str) -> Header:
    """A field holding one mailbox (From, To, Reply-To): the display name quoted or encoded, the domain as A-label.

    Raises `RenderError` when `address` is not a plain mailable address. RFC 5322 §3.4.
    """
    _check_name(name)
    line = f"{display} <{address}>"
    is_short = len(name) + len(line) <= SOFT_LIMIT - 2 and len(display) <= 60
    if is_short and "=?" not in display and _ATOMS.fullmatch(display) and _ADDRESS.fullmatch(address):
        return Header(name, line.encode("ascii"))
    wire = for_the_wire(address) if _has_no_controls(address) else ""
    if not _ADDRESS.fullmatch(wire) or len(wire) > 254:
        raise RenderError(f"{address!r} cannot stand in {name}.", hint="It takes one plain address: name@example.org.")
    if not _clean(name, display):
        return Header(name, wire.encode("ascii"))
    return _phrase(name, display, wire)


def list_id(phrase: str, identifier: str, *, name: str = "List-Id") -> Header:
    """`List-Id: phrase <identifier>`, e.g. `weekly.news.example.org`. RFC 2919."""
    if not _LIST_ID.fullmatch(identifier) or "." not in identifier or len(identifier) > 255:
        raise RenderError(f"{identifier!r} is not a list identifier.", hint="Use one like weekly.news.example.org.")
    return _phrase(name, phrase, identifier)


def uris(name: str, addresses: Sequence[str]) -> Header:
    """A field of URIs in angle brackets (List-Unsubscribe, List-Archive), leftmost preferred. RFC 2369 §2."""
    for address in addresses:
        if not _URI.fullmatch(address):
            raise RenderError(f"{address!r} cannot stand in {name}.", hint="It takes http, https or mailto links only.")
    if not addresses:
        raise RenderError(f"{name} needs at least one link.")
    return structured(name, ", ".join(f"<{address}>" for address in addresses))


def structured(name: str, value: str) -> Header:
    """A field whose words must not be touched (Message-ID, Precedence): folded at spaces only, never encoded.

    Raises `RenderError` on anything but printable ASCII, and when a word cannot fit a line of 998 octets.
    """
    _check_name(name)
    clean = _clean(name, value)
    if not clean or not clean.isascii():
        raise RenderError(f"{name} must be printable ASCII, not {value!r}.")
    folded = _fold(name, clean.split(" "))
    if any(len(line) > HARD_LIMIT for line in (f"{name}: ".encode() + folded).split(b"\r\n")):
        raise RenderError(f"{name} is longer than a line of mail may be.", hint=f"Keep it under {HARD_LIMIT} octets.")
    return Header(name, folded)


def ours(name: str, value: str) -> Header:
    """A structured field of one word that this program made itself for every copy, so that nobody need look at it."""
    return Header(name, value.encode("ascii"))


def date(moment: datetime, *, name: str = "Date") -> Header:
    """The origination date with a numeric zone: `Sun, 22 Nov 2026 10:44:00 +0000`. RFC 5322 §3.3."""
    if moment.tzinfo is None:
        raise RenderError("A Date needs a moment with a time zone.")
    return structured(name, format_datetime(moment))


def _is_plain(value: str) -> bool:
    """Whether free text can stand in a header as it is: most can, and looking is quicker than folding."""
    is_simple = value.isascii() and value.isprintable() and "=?" not in value and "  " not in value
    return is_simple and bool(value) and value[0] != " " and value[-1] != " "


def _phrase(name: str, phrase: str, angle: str) -> Header:
    """`phrase <angle>`; a phrase that could be misread is quoted, or encoded when it is long or not ASCII."""
    _check_name(name)
    clean = _clean(name, phrase)
    simple = clean.isascii() and "=?" not in clean and len(clean) <= 60
    if not clean:
        words = [f"<{angle}>"]
    elif simple and _ATOMS.fullmatch(clean):
        words = [*clean.split(" "), f"<{angle}>"]
    elif simple:
        escaped = re.sub(r'(["\\])', r"\\\1", clean)
        words = [f'"{escaped}"', f"<{angle}>"]
    else:
        encoded = _encoded(name, clean)
        last = len(encoded.rpartition(b"\r\n")[2]) + (0 if b"\r\n" in encoded else len(name) + 2)
        # RFC 2047 §2: a line that holds an encoded-word stays within 76.
        joint = b" " if last + len(angle) + 3 <= SOFT_LIMIT - 2 else b"\r\n "
        return Header(name, encoded + joint + f"<{angle}>".encode())
    return Header(name, _fold(name, words))


def _clean(name: str, value: str) -> str:
    """`value` on one line with single spaces. A control character is an attack or an accident: refused."""
    if not _has_no_controls(value):
        raise RenderError(f"{name} contains a line break or a control character.", hint="Take it out.")
    clean = without_surrogates(_LINE_SEPARATORS.sub(" ", value))
    return _SPACES.sub(" ", clean).strip(" ")


def _has_no_controls(value: str) -> bool:
    return _CONTROLS.search(value) is None


@lru_cache(maxsize=256)
def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise RenderError(f"{name!r} is not a header name.")


def _encoded(name: str, value: str) -> bytes:
    """`value` as encoded-words of whole characters, at most 75 long, on lines of at most 76. RFC 2047 §2."""
    folded = Rfc2047(value, "utf-8", header_name=name, maxlinelen=76).encode(linesep="\r\n")
    return folded.encode("ascii")


def _fold(name: str, words: Sequence[str]) -> bytes:
    """Words joined by spaces, a new line before each word that would pass 78. The first stays beside the name."""
    lines = [words[0]]
    room = SOFT_LIMIT - len(name) - 2
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += " " + word
        else:
            lines.append(word)
            room = SOFT_LIMIT - 1
    return "\r\n ".join(lines).encode("ascii")
