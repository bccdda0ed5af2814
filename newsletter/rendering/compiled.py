"""A message as a byte template: transfer-encoded once, then only its slots are filled per reader.

Building MIME with the standard library costs milliseconds a copy; for a big list that is hours. Here
everything constant is quoted-printable ahead of time. A soft line break stands on both sides of
every slot, so that a value never moves a line break, nor the encoding, of what is around it. For the
same reason every static segment is whole lines, and its canonical form for DKIM is made ahead too.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType

from newsletter.errors import RenderError
from newsletter.rendering import headers as fields
from newsletter.rendering import related
from newsletter.rendering.headers import Header
from newsletter.rendering.related import Media
from newsletter.rendering.slots import TOKEN, Rendered, Slot, as_html, as_text, resolve, without_surrogates
from newsletter.transport.dkim import Field, Signer, relaxed_field, relaxed_lines

_Escape = Callable[[str], str]
_Part = bytes | tuple[Slot, _Escape]
"""Static bytes, or a slot and how its value is escaped there."""
_Use = tuple[Slot, tuple[_Escape, ...]]
"""A slot and all the ways in which it is escaped."""

# The standard encoder forgets to count white space at a line's end once it is written as =20 or =09.
_TOO_LONG = re.compile(rb"^([^\n]{74,75})(=20|=09)$", re.MULTILINE)
_DOTTED = re.compile(rb"^\..*$", re.MULTILINE)
_SOFT_BREAK = b"=\r\n"
# Most values read the same in HTML, in plain text and in quoted-printable.
_SIMPLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 !#$%()*+,\-./:;?@\[\\\]^_`{|}~]*")
_FULL = 75
"""Characters beside the soft break in a line of 76 (RFC 2045 §6.7)."""
_OURS = frozenset({"dkim-signature", "subject", "mime-version", "content-type", "content-transfer-encoding"})


@dataclass(frozen=True)
class _Template:
    """Bytes with places for values; the first piece is never a place."""

    pieces: tuple[bytes, ...]
    """Empty where a value goes."""
    places: tuple[tuple[int, int], ...]
    """Which piece is replaced by which value."""

    def filled(self, values: Sequence[bytes]) -> list[bytes]:
        """The pieces, the values among them."""
        pieces = list(self.pieces)
        for place, value in self.places:
            pieces[place] = values[value]
        return pieces


@dataclass(frozen=True)
class CompiledMessage:
    """Text and HTML as static bytes and slots; see `compile_message`."""

    _static_headers: tuple[Header, ...]
    _mime_headers: tuple[Header, ...]
    _subject: Header | tuple[str | Slot, ...]
    """Ready when it is the same for everybody, else in pieces."""
    _body: _Template
    _uses: tuple[_Use, ...]
    """What has to be encoded for every reader: each once, however often it stands in the body."""

    def fill(self, values: Mapping[str, str], headers: Sequence[Header] = (), signer: Signer | None = None) -> bytes:
        """The message for one reader: ASCII, CRLF line ends, no line over 998 octets (RFC 5322 §2.1.1) or
        beginning with a dot.

        `values` maps slot names to raw text; `headers` are those of this copy (To, Date, Message-ID …) and come
        first, but for the DKIM-Signature when there is a `signer`. The bytes follow from the arguments alone.
        Raises `RenderError` when a slot used has neither value nor fallback, when a field would stand twice, or
        when a message without From or Date is to be signed.
        """
        _refuse_doubles(tuple([name for name, _ in headers]), self._static_names)
        encoded = self._encoded(values)
        subject = self._subject if isinstance(self._subject, Header) else _personal_subject(self._subject, values)
        body = self._body.filled(encoded)
        lines = [b"%b: %b\r\n" % (name.encode("ascii"), value) for name, value in headers]
        lines += (self._static_lines, subject.line, self._mime_lines)
        if signer is None:
            return b"".join(lines + body)
        fields = [relaxed_field(header.name, header.value) for header in headers]
        fields += (*self._static_fields, relaxed_field(subject.name, subject.value), *self._mime_fields)
        body_hash = self._hash_of_first.copy()
        relaxed = {value: relaxed_lines(value) for value in encoded}
        body_hash.update(b"".join(self._relaxed_body.filled([relaxed[value] for value in encoded])[1:]))
        signature = Header("DKIM-Signature", signer.sign(fields, body_hash.digest()))
        return b"".join((signature.line, *lines, *body))

    def _encoded(self, values: Mapping[str, str]) -> list[bytes]:
        """One value for each escape of each use."""
        encoded: list[bytes] = []
        for slot, escapes in self._uses:
            value = resolve(slot, values)
            if len(value) <= _FULL and _SIMPLE.fullmatch(value):
                encoded += [value.encode("ascii") + _SOFT_BREAK] * len(escapes)
            else:
                encoded += [_broken_off(escape(value)) for escape in escapes]
        return encoded

    @cached_property
    def _static_names(self) -> tuple[str, ...]:
        return tuple(header.name for header in self._static_headers)

    @cached_property
    def _static_lines(self) -> bytes:
        return b"".join(header.line for header in self._static_headers)

    @cached_property
    def _mime_lines(self) -> bytes:
        return b"".join(header.line for header in self._mime_headers) + b"\r\n"

    @cached_property
    def _static_fields(self) -> tuple[Field, ...]:
        return tuple(relaxed_field(header.name, header.value) for header in self._static_headers)

    @cached_property
    def _mime_fields(self) -> tuple[Field, ...]:
        return tuple(relaxed_field(header.name, header.value) for header in self._mime_headers)

    @cached_property
    def _relaxed_body(self) -> _Template:
        """The body in canonical form. It never ends in an empty line, so piece by piece is as good as in one."""
        return _Template(tuple(map(relaxed_lines, self._body.pieces)), self._body.places)

    @cached_property
    def _hash_of_first(self) -> hashlib._Hash:
        """What stands before the first slot is the same for everybody."""
        return hashlib.sha256(self._relaxed_body.pieces[0])


def compile_message(
    rendered: Rendered, headers: Sequence[Header] = (), media: Media = MappingProxyType({})
) -> CompiledMessage:
    """Encode `rendered` as multipart/alternative, text first and HTML last (RFC 2046 §5.1.4), ready to be filled.

    `headers` are the fields every copy shares (From, Reply-To, List-Id …); Subject comes from `rendered`,
    MIME-Version and Content-Type are written here. Pictures with a `cid:` address are taken from `media` and stand
    with the HTML in a multipart/related (RFC 2387); `RenderError` when one is missing there.
    """
    _refuse_doubles((), tuple(header.name for header in headers))
    by_token = {slot.token: slot for slot in rendered.slots}
    # "=_" cannot occur in quoted-printable, so the boundary is in no body whatever the values are (RFC 2045 §6.7).
    digest = hashlib.sha256(_utf8(f"{rendered.text}\0{rendered.html}")).hexdigest()[:32]
    boundary = b"=_" + digest.encode("ascii")
    parts = _merged(
        [
            _part_head(boundary, b"plain"),
            *_segments(rendered.text, by_token, as_text),
            b"\r\n",
            *_html(rendered.html, by_token, media, boundary),
            b"\r\n--" + boundary + b"--\r\n",
        ]
    )
    escapes: dict[Slot, list[_Escape]] = {}
    for slot, escape in dict.fromkeys(part for part in parts if not isinstance(part, bytes)):
        escapes.setdefault(slot, []).append(escape)
    fills = [(slot, escape) for slot, ways in escapes.items() for escape in ways]
    return CompiledMessage(
        _static_headers=tuple(headers),
        _mime_headers=(
            Header("MIME-Version", b"1.0"),
            Header("Content-Type", b'multipart/alternative;\r\n boundary="' + boundary + b'"'),
        ),
        _subject=_subject(rendered.subject, by_token),
        _body=_Template(
            pieces=tuple(part if isinstance(part, bytes) else b"" for part in parts),
            places=tuple((n, fills.index(part)) for n, part in enumerate(parts) if not isinstance(part, bytes)),
        ),
        _uses=tuple((slot, tuple(ways)) for slot, ways in escapes.items()),
    )


def _html(body: str, by_token: Mapping[str, Slot], media: Media, boundary: bytes) -> list[_Part]:
    """The HTML part; with its pictures where it embeds any. The last line is left open."""
    segments = _segments(body, by_token, as_html)
    if not related.embeds(body):
        return [_part_head(boundary, b"html"), *segments]
    # Of equal length and different: neither can be taken for the other (RFC 2046 §5.1.2).
    inner = b"=_" + hashlib.sha256(boundary).hexdigest()[:32].encode("ascii")
    return [
        b"--" + boundary + b"\r\n" + related.head(inner) + _part_head(inner, b"html"),
        *segments,
        related.parts(body, media, inner) + b"\r\n--" + inner + b"--",
    ]


def _segments(body: str, by_token: Mapping[str, Slot], escape: Callable[[str], str]) -> list[_Part]:
    """`body` cut at its slots. Static bytes before a slot end at a line start of the encoded form."""
    parts: list[_Part] = []
    position = 0
    for match in TOKEN.finditer(body):
        slot = by_token.get(match[0])
        if slot is None:
            continue
        parts += [_broken_off(body[position : match.start()]), (slot, escape)]
        position = match.end()
    parts.append(_quoted(_utf8(body[position:])))
    return parts


def _merged(
    parts: Sequence[_Part],
) -> list[_Part]:
    """Neighbouring static bytes as one, empty ones dropped."""
    merged: list[_Part] = []
    for part in parts:
        if isinstance(part, bytes) and merged and isinstance(merged[-1], bytes):
            merged[-1] += part
        elif part != b"":
            merged.append(part)
    return merged


def _quoted(data: bytes) -> bytes:
    """Quoted-printable with lines of at most 76 and CRLF ends (RFC 2045 §6.7); every kind of line end is a line end."""
    unix = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    encoded = binascii.b2a_qp(unix, quotetabs=False, istext=True)
    fitting = _TOO_LONG.sub(rb"\1=\n\2", encoded)
    return _DOTTED.sub(_undotted, fitting).replace(b"\n", b"\r\n")


def _undotted(match: re.Match[bytes]) -> bytes:
    """A line that begins with a dot, written so that it does not: nobody need stuff it (RFC 5321 §4.5.2)."""
    line, done = match[0], b""
    while line.startswith(b"."):
        line = line[1:]
        if len(line) + 3 <= _FULL + 1:
            return done + b"=2E" + line
        done += b"=2E=\n"
    return done + line


def _broken_off(segment: str) -> bytes:
    """`segment` encoded so that whatever follows starts on a fresh line without one appearing in the decoded text."""
    if not segment:
        return b""
    if segment.isascii() and segment.isprintable() and "=" not in segment:
        # Most values: nothing to encode, and several times faster than asking the encoder.
        if len(segment) <= _FULL and segment[0] != ".":
            return segment.encode("ascii") + _SOFT_BREAK
        lines = [segment[start : start + _FULL] for start in range(0, len(segment), _FULL)]
        if not any(line.startswith(".") for line in lines):
            return "=\r\n".join([*lines, ""]).encode("ascii")
    # A sentinel keeps the encoder from treating the end of the segment as the end of a line: a last
    # line may then have 75 octets at most, and the soft break still fits into 76.
    encoded = _quoted(_utf8(segment) + b"x")[:-1]
    if encoded.endswith((b"=\r\n", b"\r\n")) or not encoded:
        return encoded
    return encoded + _SOFT_BREAK


def _utf8(text: str) -> bytes:
    return without_surrogates(text).encode("utf-8")


def _part_head(boundary: bytes, subtype: bytes) -> bytes:
    return (
        b"--" + boundary + b"\r\nContent-Type: text/" + subtype + b'; charset="utf-8"\r\n'
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )


def _subject(subject: str, by_token: Mapping[str, Slot]) -> Header | tuple[str | Slot, ...]:
    """The field when no slot stands in it, else its text in pieces."""
    pieces: list[str | Slot] = []
    position = 0
    for match in TOKEN.finditer(subject):
        if (slot := by_token.get(match[0])) is not None:
            pieces += (subject[position : match.start()], slot)
            position = match.end()
    return (*pieces, subject[position:]) if pieces else fields.text("Subject", as_text(subject))


def _personal_subject(pieces: Sequence[str | Slot], values: Mapping[str, str]) -> Header:
    words = [piece if isinstance(piece, str) else resolve(piece, values) for piece in pieces]
    return fields.text("Subject", as_text("".join(words)))


@lru_cache(maxsize=256)
def _refuse_doubles(own: tuple[str, ...], shared: tuple[str, ...]) -> None:
    """Every field once (RFC 5322 §3.6), and none that is written here."""
    seen = set(_OURS)
    for name in (*own, *shared):
        lower = name.lower()
        if lower in seen:
            raise RenderError(f"The header {name} would stand twice in the message.")
        seen.add(lower)
