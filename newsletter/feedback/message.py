"""A message read within limits: its headers and the leaves of its MIME tree, whatever was thrown at us.

Python's parser reads hostile mail in minutes or dies of depth, so this is a reader of our own: bytes are
capped before anything else, the tree is walked with a list instead of recursion, and every count has a
ceiling. What it cannot understand it hands on as text. It raises nothing.
"""

from __future__ import annotations

import binascii
import html
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

HEAD = 256 * 1024
"""Octets kept from the beginning of a message."""
WINDOW = 32 * 1024
"""Octets kept around a report that stands behind the head."""
MAX_PARTS = 60
MAX_DEPTH = 12
MAX_HEADERS = 400
MAX_BLOCK = 128 * 1024
"""Octets of one header block."""
MAX_VALUE = 4000
"""Characters of one header field."""
MAX_TEXT = 48 * 1024
"""Octets of one part that are read as text."""

_MARKERS = (b"elivery-status", b"eedback-report", b"inal-Recipient:", b"inal-recipient:")
_FIELD = re.compile(r"([!-9;-~]{1,76})[ \t]*:[ \t]*(.*)", re.DOTALL)
_PARAMETER = re.compile(r";\s*([a-zA-Z0-9*_-]{1,40})\s*=\s*(?:\"((?:[^\"\\]|\\.){0,1000})\"|([^\s;\"]{0,1000}))")
_WORD = re.compile(r"=\?([^?\s*]{1,40})(?:\*[^?\s]{1,20})?\?([bBqQ])\?([^?\s]{0,800})\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(=\?)")
_GUESSED = re.compile(rb"(?:\A|\n)--([^\s][^\n]{2,70}?)[ \t]*\n[Cc]ontent-[A-Za-z-]{1,30}:")
_HIDDEN = re.compile(r"<(style|script|head)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_BREAK = re.compile(r"<(?:br|p|div|tr|li|h[1-6]|table)\b[^<>]{0,1000}>", re.IGNORECASE)
_TAG = re.compile(r"<(?![^<>@\s]{1,64}@)[a-zA-Z/!][^<>]{0,2000}>")
_QUADRATIC = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined"})
"""Codecs that are no character sets of mail and may take long."""
_ALSO_KNOWN_AS = {"gb2312": "gb18030", "gbk": "gb18030", "iso-8859-1": "cp1252", "us-ascii": "utf-8", "ascii": "utf-8"}

ENCLOSED = frozenset({"message/rfc822", "message/global", "text/rfc822", "message/partial"})
"""A whole message inside."""
HEADERS_ONLY = frozenset({"text/rfc822-headers", "message/rfc822-headers", "message/global-headers"})


@dataclass(frozen=True)
class Headers:
    """A header block: fields in order, names in lower case, values unfolded."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """The first field of that name, encoded-words undone, or an empty string."""
        return next((decode_words(value) for key, value in self.fields if key == name), "")

    def all(self, name: str) -> list[str]:
        """Every field of that name."""
        return [decode_words(value) for key, value in self.fields if key == name]

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.fields)

    @cached_property
    def content_type(self) -> tuple[str, dict[str, str]]:
        """The media type in lower case and its parameters; `text/plain` when there is none."""
        value = next((value for key, value in self.fields if key == "content-type"), "")
        kind = value.partition(";")[0].strip().lower() or "text/plain"
        return kind, {
            match[1].lower(): re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
            for match in _PARAMETER.finditer(value)
        }


@dataclass(frozen=True)
class Part:
    """One leaf of the tree; a message enclosed in another is a leaf too."""

    headers: Headers
    raw: bytes = field(repr=False)

    @property
    def kind(self) -> str:
        """The media type."""
        return self.headers.content_type[0]

    @cached_property
    def payload(self) -> bytes:
        """The content, transfer encoding undone."""
        return _undo(self.raw, self.headers.get("content-transfer-encoding").strip().lower())

    @cached_property
    def text(self) -> str:
        """The content as text; of HTML what a reader would see."""
        text = decode(self.payload[:MAX_TEXT], self.headers.content_type[1].get("charset", ""))
        return visible(text) if self.kind == "text/html" else text

    @cached_property
    def enclosed(self) -> tuple[Headers, str]:
        """Headers and body text of the message (or header block) inside."""
        headers, body = split(self.payload)
        return headers, decode(body[:MAX_TEXT])


@dataclass(frozen=True)
class Mail:
    """A message: its headers and its leaves in order."""

    headers: Headers
    parts: tuple[Part, ...]

    @cached_property
    def enclosed(self) -> list[Headers]:
        """Header blocks of the messages inside, outermost first."""
        return [part.enclosed[0] for part in self.parts if part.kind in ENCLOSED | HEADERS_ONLY]

    @cached_property
    def texts(self) -> list[str]:
        """What a human would read: plain parts, or HTML where there is no plain one with anything in it."""
        own = [part for part in self.parts if part.kind not in ENCLOSED | HEADERS_ONLY]
        own = [part for part in own if part.kind.startswith(("text/", "multipart/"))]
        plain = [part.text for part in own if part.kind != "text/html" and part.text.strip()]
        return plain or [part.text for part in own if part.kind == "text/html"]


def read(raw: bytes) -> Mail:
    """Read a message of any size and any line ends (LF, CRLF, bare CR, mixed)."""
    headers, body = split(_lines(_capped(raw)))
    return Mail(headers, tuple(_leaves(headers, body)))


def split(block: bytes) -> tuple[Headers, bytes]:
    """Header block and body of a message whose lines end in LF."""
    block = block.lstrip(b"\n")
    if block.startswith((b"From ", b">From ")):  # an mbox file's separator
        block = block.partition(b"\n")[2]
    head, _, body = block.partition(b"\n\n")
    fields: list[tuple[str, list[str]]] = []
    for line in decode(head[:MAX_BLOCK]).split("\n"):
        if line[:1] in {" ", "\t"} and fields:
            if len(fields[-1][1]) < 200:
                fields[-1][1].append(line.strip())
            continue
        if len(fields) >= MAX_HEADERS:
            break
        match = _FIELD.match(line[:MAX_VALUE])
        if match:
            fields.append((match[1].lower(), [match[2].strip()]))
        elif not fields:
            return Headers(), block  # no header block at all: everything is body
    return Headers(tuple((name, " ".join(lines)[:MAX_VALUE]) for name, lines in fields)), body


def decode(data: bytes, charset: str = "") -> str:
    """Bytes as text: in the charset they claim, else UTF-8, else whatever shows most of it."""
    charset = charset.strip().strip("'\"").lower()
    charset = _ALSO_KNOWN_AS.get(charset, charset)
    if not charset and b"\x1b$" in data:
        charset = "iso-2022-jp"
    if charset and charset.replace("-", "_") not in _QUADRATIC and charset != "utf-8":
        try:
            return data.decode(charset, "replace").replace("\0", " ")
        except (LookupError, UnicodeError, ValueError):
            pass
    try:
        return data.decode("utf-8").replace("\0", " ")
    except UnicodeError:
        # Cut in the middle of a character, or another charset that did not say its name.
        return data.decode("utf-8" if _mostly_utf8(data) else "cp1252", "replace").replace("\0", " ")


def decode_words(value: str) -> str:
    """A header value with its encoded-words (RFC 2047) undone."""
    if "=?" not in value:
        return value
    return _WORD.sub(_decode_word, _BETWEEN_WORDS.sub(r"\1\2", value))


def visible(document: str) -> str:
    """Of HTML what a reader would see, roughly: tags gone, line breaks kept."""
    document = _BREAK.sub("\n", _HIDDEN.sub(" ", document))
    return html.unescape(_TAG.sub("", document)).replace("\xa0", " ")


def _capped(raw: bytes) -> bytes:
    if len(raw) <= HEAD + 2 * WINDOW:
        return raw
    kept = [raw[:HEAD]]
    found = [place for place in (raw.find(marker, HEAD) for marker in _MARKERS) if place >= 0]
    if found:
        start = max(HEAD, min(found) - 2000)
        kept += [b"\n", raw[start : start + WINDOW]]
    return b"".join(kept)


def _lines(raw: bytes) -> bytes:
    return raw.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in raw else raw


def _leaves(headers: Headers, body: bytes) -> Iterator[Part]:
    waiting, count = [(headers, body, 0)], 0
    while waiting and count < MAX_PARTS:
        headers, body, depth = waiting.pop()
        count += 1
        kind, parameters = headers.content_type
        pieces = _pieces(body, parameters.get("boundary", "")) if kind.startswith("multipart/") else []
        if pieces and depth < MAX_DEPTH:
            waiting += [(*_part(piece), depth + 1) for piece in reversed(pieces)]
        else:
            yield Part(headers, body)


def _part(piece: bytes) -> tuple[Headers, bytes]:
    if piece.startswith(b"\n"):  # no headers of its own (RFC 2046 §5.1)
        return Headers(), piece[1:]
    return split(piece)


def _pieces(body: bytes, boundary: str) -> list[bytes]:
    body = b"\n" + body
    for name in (boundary.encode("utf-8", "replace").rstrip(), _guess(body)):
        if name:
            found = re.split(rb"\n--" + re.escape(name) + rb"(--)?[ \t]*(?=\n|\Z)", body, maxsplit=MAX_PARTS)
            if len(found) > 1:
                # found: preamble, then (closing mark or None, piece) again and again
                ends = [*found[1::2], b"--"].index(b"--")
                return [piece[1:] for piece in found[2::2][:ends]]
    return []


def _guess(body: bytes) -> bytes:
    match = _GUESSED.search(body[:MAX_BLOCK])
    return match[1] if match else b""


def _undo(raw: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        data = re.sub(rb"[^A-Za-z0-9+/]", b"", raw[: 2 * MAX_TEXT])
        data = data[:-1] if len(data) % 4 == 1 else data
        return _lines(binascii.a2b_base64(data + b"=" * (-len(data) % 4)))
    if encoding == "quoted-printable":
        return _lines(quopri.decodestring(raw[: 3 * MAX_TEXT]))
    return raw


def _decode_word(match: re.Match[str]) -> str:
    charset, encoding, text = match.groups()
    raw = text.encode("utf-8", "replace")
    return decode(_undo(raw, "base64") if encoding in "bB" else quopri.decodestring(raw.replace(b"_", b" ")), charset)


def _mostly_utf8(data: bytes) -> bool:
    return data.decode("utf-8", "replace").count("\ufffd") * 8 <= sum(octet > 127 for octet in data[:2000])
