"""Sign-ups that nobody confirmed do not stay: some days after their link has run out they are deleted.

Whoever did not confirm has not agreed to be on file (GDPR Art. 5(1)(c) and (e)), and may not even know of it. What
stays are numbers: nameless rows of the ledger, links of the chain of consent without their personal part, the
gate's tallies. Nobody is suppressed by it, so that they can sign up again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, exists, select, update

from newsletter.store.schema import SubscriptionStatus, consent_records, lists, subscribers, subscriptions
from newsletter.subscribers import forget

BATCH = 25
"""Subscriptions deleted in one transaction, at some 4 ms each: whoever signs up or sends waits no longer than that."""


def drop(connection: Connection, kept: timedelta, now: datetime, limit: int = BATCH) -> int:
    """Delete subscriptions that expired longer than `kept` ago, `limit` at the most; returns how many.

    With the last one the person goes. Who stands with another list in any way stays on file for that.
    """
    old = connection.execute(
        select(subscriptions.c.subscriber_id, subscriptions.c.list_id)
        .where(
            subscriptions.c.list_id.in_(select(lists.c.id)),
            subscriptions.c.status == SubscriptionStatus.EXPIRED,
            subscriptions.c.changed_at < now - kept,
        )
        .limit(limit)
    ).all()
    for row in old:
        _drop_one(connection, row.subscriber_id, row.list_id)
    if old:
        _let_go(connection, {row.subscriber_id for row in old}, now)
    return len(old)


def _drop_one(connection: Connection, subscriber_id: int, list_id: int) -> None:
    connection.execute(
        delete(subscriptions).where(subscriptions.c.subscriber_id == subscriber_id, subscriptions.c.list_id == list_id)
    )
    connection.execute(
        update(consent_records)
        .where(consent_records.c.subscriber_id == subscriber_id, consent_records.c.list_id == list_id)
        .values(subscriber_id=None, personal=None, salt=None)
    )


def _let_go(connection: Connection, candidates: set[int], now: datetime) -> None:
    """Those of the candidates who stand with no list any more."""
    alone = ~exists().where(subscriptions.c.subscriber_id == subscribers.c.id)
    gone = connection.execute(
        select(subscribers.c.id, subscribers.c.uid).where(subscribers.c.id.in_(candidates), alone)
    ).all()
    for person in gone:
        forget.let_go(connection, person.id, person.uid, now)
