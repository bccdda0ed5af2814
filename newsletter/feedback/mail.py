"""One message that came back, from its bytes to what follows: reports are taken in, leavers leave, the rest is nothing.

Nobody is ever answered: whoever sent it may not exist, or be another machine (RFC 3834 §2).
"""

from __future__ import annotations

import hashlib
import re

from newsletter.errors import TokenError
from newsletter.feedback import message
from newsletter.feedback.classify import classify
from newsletter.feedback.intake import MAIL, Intake, Report, Tally

MOST = 16 * 1024 * 1024
"""Octets of a message that are read; more than any report needs, which quotes headers."""

_LEAVE = re.compile(r"(?<![a-z0-9-])u-[a-z2-7]{34}(?=@)", re.IGNORECASE)
_ADDRESSED = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to", "cc")
"""Where a mail system notes, and a person writes, whom it is for."""


def take_in(intake: Intake, raw: bytes) -> Tally:
    """Do what a message says; the same message again changes nothing. Raises `StoreError` only."""
    name = hashlib.sha256(raw).hexdigest()
    tally = Tally()
    for number, local_part in enumerate(_leaving(raw)):
        try:
            tally += intake.leave(local_part, f"mail:{name}:u{number}")
        except TokenError:
            tally += Tally(unmatched=1)
    if tally != Tally():
        return tally
    verdicts = classify(raw)
    return intake.take([Report(f"mail:{name}:{number}", MAIL, verdict, raw) for number, verdict in enumerate(verdicts)])


def _leaving(raw: bytes) -> list[str]:
    """Addresses of ours that end a subscription, if a person wrote to them; subject and body do not matter."""
    mail = message.read(raw)
    if mail.headers.content_type[0] == "multipart/report" or mail.headers.get("return-path").strip() == "<>":
        return []
    if mail.headers.get("auto-submitted").strip().lower() not in {"", "no"}:
        return []
    found = [address for name in _ADDRESSED for value in mail.headers.all(name) for address in _LEAVE.findall(value)]
    return list(dict.fromkeys(address.lower() for address in found))
