"""DKIM signatures (RFC 6376) over the exact bytes that go on the wire: rsa-sha256, relaxed/relaxed.

Signing costs a quarter of a millisecond of arithmetic per copy and nothing else should cost anything:
a signer gets header fields and the hash of the body in canonical form, so that whoever knows which
parts are the same in every copy canonicalises them once. A signature is a function of the message
alone (PKCS #1 v1.5 has no randomness, `t=` is the message's Date), so a second try has the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from newsletter.errors import RenderError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

OVERSIGNED = (
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "reply-to",
    "content-type",
    "content-transfer-encoding",
    "list-unsubscribe",
    "list-unsubscribe-post",
)
"""Named once more than they stand, present or not, so that none can be added on the way (§8.15, RFC 8058 §4)."""

SIGNED = (
    *OVERSIGNED,
    "message-id",
    "mime-version",
    "sender",
    "in-reply-to",
    "references",
    "list-id",
    "list-help",
    "list-owner",
    "list-archive",
    "list-post",
    "list-subscribe",
    "feedback-id",
    "cfbl-address",
    "cfbl-feedback-id",
    "precedence",
    "auto-submitted",
    "x-auto-response-suppress",
)
"""Every field that is covered when it stands in the message (§5.4.1)."""

LINE = 76
"""Octets of a line of the field at the most, unless the domain alone is longer."""

_BLANKS = re.compile(rb"[ \t]+")
_NEXT_FIELD = re.compile(rb"\r\n(?![ \t])")
_NAME = re.compile(rb"[!-9;-~]+")


class Field(NamedTuple):
    """A header field in relaxed form (§3.4.2)."""

    name: str
    """Lower-case."""
    line: bytes
    """`name:value` with CRLF."""


class _Plan(NamedTuple):
    """All of a signature that depends on the fields' names only."""

    order: tuple[int, ...]
    """Positions of the covered fields as they are hashed."""
    date: int
    wire: bytes
    """The value of the field up to `t=`."""
    relaxed: bytes
    """The same in relaxed form, the name in front."""


def relaxed_field(name: str, value: bytes) -> Field:
    """A header field in relaxed form: lower-case name, one line, blanks as one space, none at the ends (§3.4.2)."""
    lower = name.lower()
    if b"\n" in value or b"\t" in value or b"  " in value:
        value = _BLANKS.sub(b" ", value.replace(b"\r\n", b""))
    text = value.strip(b" ")
    return Field(lower, lower.encode("ascii") + b":" + text + b"\r\n")


def relaxed_lines(data: bytes) -> bytes:
    """Whole lines of a body with blanks as one space and none before a line end (§3.4.4).

    What begins at the start of a line and ends with CRLF can be put through in pieces. Empty lines at the
    end of a body, which do not count, are left to `relaxed_body`.
    """
    if b"  " not in data and b" \r" not in data and b"\t" not in data:
        return data
    return b"\r\n".join([_BLANKS.sub(b" ", line).rstrip(b" ") for line in data.split(b"\r\n")])


def relaxed_body(body: bytes) -> bytes:
    """A whole body in relaxed form: no empty lines at its end, CRLF behind a last line (§3.4.4)."""
    lines = relaxed_lines(body).rstrip(b" ")
    end = len(lines)
    while lines.endswith(b"\r\n", 0, end):
        end -= 2
    return lines[:end] + b"\r\n" if end else b""


class Signer:
    """Signs as one domain with one RSA key; safe to share between threads, which sign side by side."""

    def __init__(self, domain: str, selector: str, key: RSAPrivateKey) -> None:
        """`domain` is the `d=`, as an A-label; the public key is at `<selector>._domainkey.<domain>`."""
        self.domain = domain
        self.selector = selector
        # Everything that composes loads this module, and most of it for the canonical forms alone.
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        self._key = key
        self._how = PKCS1v15(), SHA256()
        self._plan = lru_cache(maxsize=256)(self._planned)

    @property
    def bits(self) -> int:
        """Length of the key."""
        return self._key.key_size

    def sign(self, fields: Sequence[Field], body_hash: bytes) -> bytes:
        """The value of the DKIM-Signature field, folded, without the final CRLF.

        `fields` are all those of the message from top to bottom, `body_hash` is the SHA-256 of the relaxed
        body. Raises `RenderError` when there is no From or no usable Date.
        """
        plan = self._plan(tuple([field.name for field in fields]))
        proof = b"%d; bh=%s;" % (_seconds(fields[plan.date].line), base64.b64encode(body_hash))
        # §3.7: the field itself comes last, with an empty b= and without CRLF.
        covered = [fields[position].line for position in plan.order]
        data = b"".join([*covered, plan.relaxed, proof, b" b="])
        signature = b"b=" + base64.b64encode(self._key.sign(data, *self._how))
        room = LINE - 1
        folded = [signature[start : start + room] for start in range(0, len(signature), room)]
        return b"\r\n ".join([plan.wire + proof, *folded])

    def sign_message(self, message: bytes) -> bytes:
        """A message (CRLF line ends) that comes in one piece, with its signature in front. Errors as of `sign`."""
        head, _, body = message.partition(b"\r\n\r\n")
        fields = []
        for line in _NEXT_FIELD.split(head):
            name, colon, value = line.partition(b":")
            if not colon or not _NAME.fullmatch(name):
                raise RenderError("What is to be signed is not a mail message.")
            fields.append(relaxed_field(name.decode("ascii"), value))
        value = self.sign(fields, hashlib.sha256(relaxed_body(body)).digest())
        return b"DKIM-Signature: " + value + b"\r\n" + message

    def _planned(self, names: tuple[str, ...]) -> _Plan:
        for needed in ("from", "date"):
            if needed not in names:
                raise RenderError(f"A message without {needed.title()} cannot be signed.")
        order: list[int] = []
        listed: list[str] = []
        for name in SIGNED:
            # §5.4.2: of fields that stand several times the lowest is covered first.
            positions = [position for position in reversed(range(len(names))) if names[position] == name]
            order += positions
            listed += [name] * (len(positions) + (name in OVERSIGNED))
        tags = ["v=1;", " a=rsa-sha256;", " c=relaxed/relaxed;", f" d={self.domain};", f" s={self.selector};"]
        listed[0] = f" h={listed[0]}"
        wire = _folded([*tags, *(f"{name}:" for name in listed[:-1]), f"{listed[-1]};"]) + b"\r\n t="
        relaxed = relaxed_field("DKIM-Signature", wire).line.removesuffix(b"\r\n")
        return _Plan(tuple(order), names.index("date"), wire, relaxed)


def _folded(words: Sequence[str]) -> bytes:
    """Words put one behind the other, on a new line where `LINE` would be passed (§3.2 allows that between any two)."""
    lines = [""]
    room = LINE - len("DKIM-Signature: ")
    for word in words:
        if lines[-1] and len(lines[-1]) + len(word) > room:
            lines.append("")
            room = LINE - 1
        lines[-1] += word if lines[-1] else word.lstrip()
    return "\r\n ".join(lines).encode("ascii")


@lru_cache(maxsize=1024)
def _seconds(line: bytes) -> int:
    """`date:Sun, 22 Nov 2026 10:44:00 +0000` → seconds since 1970 (§3.5, `t=`)."""
    try:
        return int(parsedate_to_datetime(line[len(b"date:") :].decode("ascii").strip()).timestamp())
    except ValueError as error:
        raise RenderError("The Date of the message cannot be read, so it cannot be signed.") from error
