"""Evidence of consent is kept as long as it may be needed, and its personal part no longer than that.

Somebody who has left may still ask, or sue, within the years of limitation; afterwards nothing justifies keeping where
and with what they agreed (GDPR Art. 5(1)(e)). The chain runs over commitments and holds without these parts. That
somebody has left stays known, so that no import brings them back.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from newsletter.store.engine import Database
from newsletter.store.schema import SubscriptionStatus, consent_records, lists, subscriptions

BATCH = 500
"""Records of one transaction."""


def expire(database: Database, kept: timedelta, now: datetime) -> int:
    """Erase the personal part of evidence about lists that were left longer than `kept` ago; returns of how many.

    It looks first and writes only when there is something to erase; at most one batch a call.
    """
    with database.read() as connection:
        old = _overdue(connection, now - kept)
    if old:
        with database.write() as connection:
            connection.execute(
                update(consent_records)
                .where(consent_records.c.id.in_(old))
                .values(subscriber_id=None, personal=None, salt=None)
            )
    return len(old)


def _overdue(connection: Connection, before: datetime) -> list[int]:
    same = (subscriptions.c.subscriber_id == consent_records.c.subscriber_id) & (
        subscriptions.c.list_id == consent_records.c.list_id
    )
    query = (
        select(consent_records.c.id)
        .join(subscriptions, same)
        .where(
            subscriptions.c.list_id.in_(select(lists.c.id)),
            subscriptions.c.status == SubscriptionStatus.UNSUBSCRIBED,
            subscriptions.c.unsubscribed_at < before,
            consent_records.c.personal.is_not(None),
        )
        .limit(BATCH)
    )
    return list(connection.execute(query).scalars())
