"""Forgetting a person: everything that names them goes, and what proves or protects something stays nameless.

What stays is the keyed hash of the address with the reason `erased`, so that no import and no stranger brings
them back; the ledger, whose rows keep numbers that lead nowhere now; and the chain of consent, whose links run
over commitments and hold without the personal part (GDPR Art. 17 and 5(1)(e)).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, delete, select, update

from newsletter import addresses
from newsletter.deliveries.lifecycle import DELIVERY, sources
from newsletter.store.engine import Database
from newsletter.store.reply_schema import replies
from newsletter.store.schema import (
    DeliveryStatus,
    SuppressionReason,
    attempts,
    campaigns,
    consent_records,
    deliveries,
    subscribers,
)
from newsletter.subscribers import suppression
from newsletter.subscribers.gate import allowed
from newsletter.subscribers.people import Subscriber


def forget(connection: Connection, person: Subscriber, now: datetime) -> None:
    """Take one person out of everything. Mail to them that has not left yet is skipped.

    When it is committed, `leave_no_trace` takes the last copies out of the files.
    """
    suppression.suppress(connection, person.address_hash, SuppressionReason.ERASED, now)
    theirs, tried = _rows_of(deliveries, person), _rows_of(attempts, person)
    connection.execute(
        update(deliveries)
        .where(*theirs, deliveries.c.status.in_(sources(DELIVERY, DeliveryStatus.SKIPPED)))
        .values(status=DeliveryStatus.SKIPPED, changed_at=now, worker_id=None)
    )
    connection.execute(update(deliveries).where(*theirs, deliveries.c.scope.is_not(None)).values(scope=None))
    connection.execute(update(attempts).where(*tried).values(text=""))  # relays like to quote whom they refuse
    connection.execute(
        update(consent_records)
        .where(consent_records.c.subscriber_id == person.id)
        .values(subscriber_id=None, personal=None, salt=None)
    )
    allowed.remove(connection, addresses.parse(person.email).key)
    connection.execute(delete(replies).where(replies.c.email_key == addresses.parse(person.email).key))
    connection.execute(delete(subscribers).where(subscribers.c.id == person.id))


def leave_no_trace(database: Database) -> None:
    """Empty the write-ahead log, which keeps pages as they were; in the file itself deleted rows are zeroed.

    A reader who looks at that very moment keeps the log alive; then the next checkpoint does it.
    """
    connection = database.engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()


def _rows_of(table: Table, person: Subscriber) -> tuple[ColumnElement[bool], ...]:
    """Their rows, found through the index that begins with the campaign."""
    every = select(campaigns.c.id)
    return table.c.campaign_id.in_(every), table.c.subscriber_id == person.id
