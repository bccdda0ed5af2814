"""Forgetting a person: everything that names them goes, and what proves or protects something stays nameless.

What stays is the keyed hash of the address with the reason `erased`, so that no import and no stranger brings
them back; the ledger, whose rows get a number that was never anybody's; and the chain of consent, whose links run
over commitments and hold without the personal part (GDPR Art. 17 and 5(1)(e)). Which tables name people is said in
`holdings`, and nowhere else.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, exists, select, update

from newsletter.deliveries.lifecycle import DELIVERY, sources
from newsletter.store.access_schema import api_answers
from newsletter.store.engine import Database
from newsletter.store.feedback_schema import feedback_events
from newsletter.store.schema import (
    DeliveryStatus,
    SuppressionReason,
    attempts,
    campaigns,
    deliveries,
    subscribers,
)
from newsletter.subscribers import holdings, suppression
from newsletter.subscribers.holdings import HOLDINGS, Trail
from newsletter.subscribers.people import Subscriber
from newsletter.subscribers.traces import Traces


def forget(connection: Connection, person: Subscriber, now: datetime, *, former: Collection[bytes] = ()) -> None:
    """Take one person out of everything. Mail to them that has not left yet is skipped.

    `former` are the keyed hashes of addresses they had before, which are refused from now on as well. When it is
    committed, `leave_no_trace` takes the last copies out of the files.
    """
    trail = holdings.trail_of(connection, person)
    for address_hash in (person.address_hash, *former):
        suppression.suppress(connection, address_hash, SuppressionReason.ERASED, now)
    _skip(connection, person.id, now)
    erase(connection, trail)
    _renumber(connection, person.id)


def let_go(connection: Connection, subscriber_id: int, uid: int, now: datetime) -> None:
    """Take out of every table somebody who never confirmed. Nothing is suppressed: they may sign up again.

    What is known by the address alone, such as replies under past issues, was not part of that sign-up and stays.
    """
    _skip(connection, subscriber_id, now)
    _erase_rows(connection, Trail(subscriber_id, uid, ()))
    _renumber(connection, subscriber_id)


def erase(connection: Connection, trail: Trail) -> None:
    """Take out of every table what is found by this trail."""
    _erase_rows(connection, trail)
    _erase_mentions(connection, trail)


def _skip(connection: Connection, subscriber_id: int, now: datetime) -> None:
    """Mail that has not left yet stays here."""
    mine = deliveries.c.campaign_id.in_(select(campaigns.c.id)) & (deliveries.c.subscriber_id == subscriber_id)
    connection.execute(
        update(deliveries)
        .where(mine, deliveries.c.status.in_(sources(DELIVERY, DeliveryStatus.SKIPPED)))
        .values(status=DeliveryStatus.SKIPPED, changed_at=now, worker_id=None)
    )


def _erase_rows(connection: Connection, trail: Trail) -> None:
    for holding in HOLDINGS:
        theirs = holding.theirs(trail)
        change = (
            delete(holding.table).where(theirs)
            if holding.erased is None
            else update(holding.table).where(theirs).values(**holding.erased)
        )
        connection.execute(change)


def leave_no_trace(database: Database) -> None:
    """Overwrite what deleted rows have left behind, as far as the database leaves that to us."""
    database.leave_no_trace()


def sweep(connection: Connection) -> int:
    """Erase what relays said of readers who were forgotten while a mail to them was on the wire; returns how often."""
    known = exists().where(subscribers.c.id == attempts.c.subscriber_id)
    return int(connection.execute(update(attempts).where(attempts.c.text != "", ~known).values(text="")).rowcount)


def _erase_mentions(connection: Connection, trail: Trail) -> None:
    """Drop kept answers of the API that name the person, and what a relay was quoted with as a reason to pause."""
    traces, uid = Traces(trail.addresses), f'"{trail.uid}"'
    kept = connection.execute(select(api_answers).where(api_answers.c.body.is_not(None)))
    named = [
        (row.key_id, row.word)
        for row in kept
        if uid in row.body or f"/{trail.uid}" in str(row.headers) or traces.found(f"{row.headers}{row.body}".encode())
    ]
    for key_id, word in named:
        connection.execute(delete(api_answers).where(api_answers.c.key_id == key_id, api_answers.c.word == word))
    reasons = connection.execute(select(campaigns.c.id, campaigns.c.pause_reason).where(campaigns.c.pause_reason != ""))
    for row in reasons.all():
        if traces.found(row.pause_reason.encode()):
            connection.execute(update(campaigns).where(campaigns.c.id == row.id).values(pause_reason=""))


def _renumber(connection: Connection, subscriber_id: int) -> None:
    """Give the rows that stay a number of nobody: SQLite deals out the highest row number again.

    Not the one on the wire: its sender still has to settle it.
    """
    number = -1 - secrets.randbits(62)
    for table in (feedback_events, attempts, deliveries):
        theirs = table.c.campaign_id.in_(select(campaigns.c.id)) & (table.c.subscriber_id == subscriber_id)
        if table is deliveries:
            theirs &= deliveries.c.status != DeliveryStatus.INFLIGHT
        connection.execute(update(table).where(theirs).values(subscriber_id=number))
