"""Confirmation mails to one person, counted in the ledger itself: the last word, whatever the entrance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter.deliveries import standing

BUDGETS: Sequence[tuple[timedelta, int]] = ((timedelta(minutes=10), 1), (timedelta(days=1), 3))
"""Confirmation mails to one address: at most so many within so long."""


def may_mail(connection: Connection, campaign_id: int, subscriber_id: int, now: datetime) -> bool:
    """Whether the budgets allow one more confirmation mail to this person."""
    counts = [standing.enrolled_since(connection, campaign_id, subscriber_id, now - span) for span, _ in BUDGETS]
    return all(count < limit for count, (_, limit) in zip(counts, BUDGETS, strict=True))
