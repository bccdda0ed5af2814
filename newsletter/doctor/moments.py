"""Clocks and certificates: whether a moment lies where it should.

A wrong clock makes confirmation links expire early, and Date and DKIM timestamps look forged. Nobody is asked for the
time: the answers of servers that were asked something else tell it well enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from newsletter.doctor.findings import Finding, error, ok, warning

MOST_SKEW = timedelta(seconds=60)
GROSS_SKEW = timedelta(minutes=10)
RENEW = timedelta(days=14)
"""Certificates are renewed a month before their end; who has not by then has forgotten it."""

_DATE = re.compile(r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} (?:[+-]\d{4}|GMT|UTC)")


def spoken(text: str) -> datetime | None:
    """The moment that a text names as mail headers do (RFC 5322 §3.3), as many SMTP greetings and all `Date:`s do."""
    found = _DATE.search(text)
    if found is None:
        return None
    try:
        moment = parsedate_to_datetime(found[0])
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def skew(now: datetime, theirs: datetime, who: str) -> Iterator[Finding]:
    """How far our clock is from that of somebody who has just answered."""
    difference = now - theirs
    seconds = round(abs(difference).total_seconds())
    if abs(difference) <= MOST_SKEW:
        yield ok("clock.skew", f"The clock of this machine and that of {who} agree within {max(seconds, 1)} s.")
        return
    where = "ahead of" if difference > timedelta() else "behind"
    yield (error if abs(difference) > GROSS_SKEW else warning)(
        "clock.skew",
        f"The clock of this machine is {seconds:,} s {where} that of {who}; "
        "links expire at the wrong time, and dates and signatures look forged.",
        "Have the system keep the time, for example with `timedatectl set-ntp true`.",
    )


def near_expiry(id: str, whose: str, ends: datetime, now: datetime) -> Finding:
    """Whether a certificate that verifies will do so for a while."""
    days = (ends - now).days
    if ends - now > RENEW:
        return ok(id, f"The certificate of {whose} is valid for another {days} days.")
    return warning(
        id, f"The certificate of {whose} ends in {days} days, on {ends:%d %B %Y}.", "Renew it, or see why nobody did."
    )
