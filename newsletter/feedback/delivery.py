"""Which of our mails a message is about: the names we gave it, wherever they come back.

All of it is hearsay. Intake proves a name by its MAC, or finds it in the ledger; this only collects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from newsletter.feedback import recipients
from newsletter.feedback.message import Headers, Mail, split
from newsletter.feedback.verdict import Delivery

MOST = 8
"""Candidates of one sort."""
MAX_NAME = 300

_VERP = re.compile(r"(?<![a-z0-9])b-[a-z2-7]{37}(?![a-z0-9])", re.IGNORECASE)
_LINK = re.compile(r"<\s*(https?://[^<>\s]{1,1000})\s*>", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<[^<>\s]{3,298}>")
_SEGMENT = re.compile(r"/([A-Za-z0-9_=-]{16,200})(?:[/?#][^/]*)?\Z")


def candidates(mail: Mail, texts: Iterable[str], copies: Iterable[str], envid: str) -> Delivery:
    """Every name found in the headers, in reports and notices (`texts`), and in the mail that came back."""
    back = sent_back(mail, copies)
    verp = _VERP.findall(
        "\n".join([*_values(mail.headers), *(value for headers in back for value in _values(headers)), *texts])
    )
    return Delivery(
        _distinct(found.lower() for found in verp),
        _distinct([envid, recipients.decoded(envid)]),
        _distinct(
            found for headers in back for value in headers.all("message-id") for found in _MESSAGE_ID.findall(value)
        ),
        _distinct(value.strip() for headers in back for value in headers.all("feedback-id")),
        _distinct(
            segment[1]
            for headers in back
            for value in headers.all("list-unsubscribe")
            for link in _LINK.findall(value)
            if (segment := _SEGMENT.search(link))
        ),
    )


def sent_back(mail: Mail, copies: Iterable[str]) -> list[Headers]:
    """Headers of the mail that came back: enclosed, or copied into a text."""
    return [*mail.enclosed, *(_headers_of(copy) for copy in copies if copy)]


def _values(headers: Headers) -> list[str]:
    return [value for _, value in headers.fields if "@" in value or "b-" in value.lower()]


def _headers_of(copy: str) -> Headers:
    """The header block in a copy, which may stand behind a line of introduction or a mark of quotation."""
    lines = [line.removeprefix("> ") for line in copy.split("\n")[:400]]
    first = next((number for number, line in enumerate(lines) if _begins_headers(line)), None)
    return Headers() if first is None else split("\n".join(lines[first:]).encode())[0]


def _begins_headers(line: str) -> bool:
    return line.lower().startswith(
        ("received:", "return-path:", "from:", "message-id:", "date:", "dkim-signature:", "subject:", "to:")
    )


def _distinct(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name[:MAX_NAME] for name in found if name and name.isprintable()))[:MOST]
