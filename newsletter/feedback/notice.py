"""Bounces written for humans only: who is meant, and which words belong to whom.

Every mail server has its own way, but nearly all of them put the address at the beginning of a line and the
reason behind it, and the mail they send back after both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from newsletter.feedback import recipients
from newsletter.feedback.codes import folded
from newsletter.feedback.machines import phrases
from newsletter.feedback.message import Headers, Mail

MAX_LINES = 2000
MAX_SEGMENTS = 50

_LEADS = re.compile(
    r"[\W_]*(?:(?:(?:final|original|failed|intended) )?"
    r"(?:recipients?|rcpt|to|address|addressee|user|e-?mail|mailbox|an|a|destinataire|destinatario|empf.{1,2}nger|adresse"
    r"|rcpt to|recipient address|your message to|delivery to|message to|undeliverable to|could not be delivered to)"
    r"\b[\W_]*)?\Z",
    re.IGNORECASE,
)
"""What may stand on the line in front of an address that the lines below are about."""


_NOBODY = re.compile(
    r"[\W_]*(?:from|sender|message-?id|return-path|reply-to|received|envelope-from)\b[^\w]*[:=]", re.IGNORECASE
)
"""A line that names somebody else."""
_HEADER = re.compile(r"(?:received|return-path|dkim-signature)\s*:", re.IGNORECASE)
_OUTSIDE = ("to", "from", "delivered-to", "x-original-to", "reply-to", "return-path", "cc")
_INSIDE = ("from", "sender", "reply-to", "return-path", "message-id")


@dataclass(frozen=True)
class Segment:
    """What a notice says about one address."""

    address: str
    text: str


def parts(text: str) -> tuple[str, str]:
    """A text as notice and copy of the mail that came back; either may be empty."""
    starts = tuple(phrases()["copies"]["starts"])
    lines = text.split("\n")[:MAX_LINES]
    for number, line in enumerate(lines):
        if line.rstrip() == "--" and any(lines[:number]):  # a signature, or what a filter has put below
            return "\n".join(lines[:number]), ""
        if line and _head(line).startswith(starts) and (_HEADER.match(line) or any(lines[:number])):
            return "\n".join(lines[:number]), "\n".join(lines[number:])
    return "\n".join(lines), ""


def segments(mail: Mail, text: str, back: Sequence[Headers]) -> list[Segment]:
    """The addresses a notice is about, each with its words; one without address when none is named.

    `back` are the headers of the mail that came back: they say who was not meant, and who was when nobody is named.
    """
    failed = [address for value in mail.headers.all("x-failed-recipients") for address in recipients.addresses(value)]
    own = _ours(mail, back) - {address.lower() for address in failed}
    named: dict[str, list[str]] = {address.lower(): [address] for address in failed}
    current: list[str] | None = None
    others: list[str] = []
    for line in text.split("\n")[:MAX_LINES]:
        for place, address in recipients.places(line, 5):
            key = address.lower()
            if key in own or key.startswith(("postmaster@", "mailer-daemon@")) or _NOBODY.match(line):
                continue
            if key in named or (not failed and _LEADS.match(line[:place]) and len(named) < MAX_SEGMENTS):
                current = named.setdefault(key, [address])
            else:
                others.append(address)
            break
        if current is not None:
            current.append(line.strip())
    if not named:
        return [Segment(others[0] if others else meant(back), text)]
    return [Segment(lines[0], "\n".join(lines[1:])) for lines in named.values()]


def meant(back: Sequence[Headers]) -> str:
    """Whom the mail that came back was for, when it says so of one person."""
    to = [address for headers in back for value in headers.all("to") for address in recipients.addresses(value, 2)]
    return to[0] if len(set(to)) == 1 else ""


def _ours(mail: Mail, back: Sequence[Headers]) -> set[str]:
    fields = [(mail.headers, _OUTSIDE), *((headers, _INSIDE) for headers in back)]
    values = [value for headers, names in fields for name in names for value in headers.all(name)]
    return {address.lower() for value in values for address in recipients.addresses(value)}


def _head(line: str) -> str:
    """The beginning of a line, folded; dashes keep their number."""
    return folded(line[:60].strip())
