"""Complaints: feedback reports (RFC 5965, RFC 6650), and what some providers send instead.

Recipients are often blacked out (RFC 6590), so a complaint without one is still a complaint: the mail it
encloses says whose it was. Not every report complains: `not-spam` and `auth-failure` are news, not harm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.feedback import recipients
from newsletter.feedback.machines import Manner, Subject
from newsletter.feedback.message import ENCLOSED, HEADERS_ONLY, Headers, Mail, split

HARMLESS = frozenset({"not-spam", "notspam", "ham", "auth-failure", "authfailure", "dmarc", "dkim", "miscategorized"})
"""Feedback-Types that no reader's complaint stands behind (RFC 6430, RFC 6591)."""

_OPEN = re.compile(r"^Feedback-Type[ \t]*:", re.IGNORECASE | re.MULTILINE)
_ALSO = re.compile(
    r"^(?:User-Agent|Version|Source-IP|Original-Mail-From|Original-Rcpt-To|Received-Date|Arrival-Date|Reported-Domain)"
    r"[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_HIDDEN = re.compile(r"redact|xxx|\*\*|\[.*\]|removed|anonym|hidden|undisclosed", re.IGNORECASE)
_LOOPS = re.compile(
    r"\b(?:abuse|fbl|feedback|feedbackloop|complaints?|scomp|staff|spam|jmrp|arf|fbl-[\w-]+|[\w.-]*feedback[\w.-]*)@|@[\w.-]*spamcop\.",
    re.IGNORECASE,
)
_HEADER_LINES = re.compile(
    r"^(?:Received|Message-ID|DKIM-Signature|List-Unsubscribe)[ \t]*:", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True)
class Complaint:
    """A report: its type, whom it names, and what it says of itself."""

    type: str
    recipients: tuple[str, ...]
    reason: str
    copy: str = ""
    """The mail complained about, where it stands in the text."""

    @property
    def is_harmless(self) -> bool:
        """Whether nobody complained."""
        return self.type in HARMLESS

    @property
    def is_opt_out(self) -> bool:
        """Whether it only asks to be taken off a list."""
        return self.type.startswith("opt-out") or self.type == "unsubscribe"


def complaint(mail: Mail, manner: Manner) -> Complaint | None:
    """The complaint in a message, or None."""
    fields = _fields(mail)
    if fields is not None:
        said = fields.get("feedback-type").strip().lower()
        kind = said.split(";")[0].split("(")[0].strip().replace(" ", "-") or "abuse"
        agent = fields.get("user-agent")
        return Complaint(kind[:40], _named(mail, fields), f"{kind} report{f' by {agent}' if agent else ''}")
    if mail.headers.get("x-apple-unsubscribe").strip().lower() == "true":
        return Complaint("opt-out", _named(mail, None), "unsubscribed in Apple Mail")
    if _is_hotmails(mail, manner) or _is_in_its_own_way(mail, manner):
        return Complaint("abuse", _named(mail, None), mail.headers.get("subject") or "complaint")
    return None


def _fields(mail: Mail) -> Headers | None:
    """The machine-readable part, also where its type is wrong."""
    for part in mail.parts:
        if "feedback-report" in part.kind:
            return split(re.sub(rb"\n[ \t]*\n+(?=[A-Za-z-]{4,30}:)", b"\n", part.payload.strip()))[0]
    for part in mail.parts:
        if part.kind not in ENCLOSED | HEADERS_ONLY and _OPEN.search(part.text) and _ALSO.search(part.text):
            start = min(found.start() for found in (_OPEN.search(part.text), _ALSO.search(part.text)) if found)
            return split(part.text[start:].encode())[0]
    return Headers() if mail.headers.content_type[1].get("report-type", "").lower() == "feedback-report" else None


def _named(mail: Mail, fields: Headers | None) -> tuple[str, ...]:
    places = []
    if fields is not None:
        places += [fields.all("original-rcpt-to"), fields.all("removal-recipient")]
    for headers in (mail.headers, *mail.enclosed):
        places += [
            headers.all("x-hmxmroriginalrecipient"),
            headers.all("x-original-recipient"),
            headers.all("x-rcpt-to"),
        ]
    places += [headers.all("to") for headers in mail.enclosed]
    for values in places:
        found = [address for value in values for address in recipients.addresses(value) if not _HIDDEN.search(address)]
        if len(found) == 1 or (found and values is places[0]):
            return tuple(found[:100])
    return ()


def _is_hotmails(mail: Mail, manner: Manner) -> bool:
    """Microsoft's JMRP: the mail enclosed, and nothing else."""
    if not mail.enclosed:
        return False
    sender = mail.headers.get("from").lower()
    return (
        any("x-hmxmroriginalrecipient" in headers for headers in (mail.headers, *mail.enclosed))
        or "staff@hotmail" in sender
        or (manner.subject is Subject.COMPLAINT and not manner.is_daemon)
    )


def _is_in_its_own_way(mail: Mail, manner: Manner) -> bool:
    """A subject that says so, from an address that does such things, with the mail in the text."""
    return (
        manner.subject is Subject.COMPLAINT
        and bool(_LOOPS.search(mail.headers.get("from")))
        and any(_HEADER_LINES.search(text) for text in mail.texts)
    )
