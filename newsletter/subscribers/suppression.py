"""Suppressions: addresses that are never mailed again, known only by a keyed hash.

A Suppression survives the Subscriber. Reasons have a rank; a weaker one never replaces a stronger,
so that an import or a soft bounce cannot hide a complaint.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, insert, select, update

from newsletter.store import bulk, journal
from newsletter.store.journal import Departure, Line
from newsletter.store.schema import SuppressionReason, subscribers, suppressions
from newsletter.store.types import to_millis

RANK: Sequence[SuppressionReason] = (
    SuppressionReason.UNREACHABLE,
    SuppressionReason.MANUAL,
    SuppressionReason.HARD_BOUNCE,
    SuppressionReason.COMPLAINT,
    SuppressionReason.ERASED,
)
"""From the weakest to the strongest."""


def reason_for(connection: Connection, address_hash: bytes) -> SuppressionReason | None:
    """Why an address is suppressed, or None."""
    found = connection.execute(
        select(suppressions.c.reason).where(suppressions.c.address_hash == address_hash)
    ).scalar()
    return None if found is None else SuppressionReason(found)


def reasons_for(connection: Connection, address_hashes: Collection[bytes]) -> dict[bytes, SuppressionReason]:
    """Why these addresses are suppressed, of those that are; a few hundred at most."""
    rows = bulk.select_rows(connection, suppressions, ("address_hash", "reason"), "address_hash", address_hashes)
    return {row.address_hash: SuppressionReason(row.reason) for row in rows}


def suppress(
    connection: Connection, address_hash: bytes, reason: SuppressionReason, now: datetime, note: str = ""
) -> None:
    """Never mail this address again."""
    standing = reason_for(connection, address_hash)
    if standing is None or RANK.index(reason) > RANK.index(standing):
        journal.note(connection, Line(to_millis(now), Departure.SUPPRESSED, address_hash, reason.value))
    if standing is None:
        connection.execute(
            insert(suppressions).values(address_hash=address_hash, reason=reason, note=note, created_at=now)
        )
    elif RANK.index(reason) > RANK.index(standing):
        connection.execute(
            update(suppressions)
            .where(suppressions.c.address_hash == address_hash)
            .values(reason=reason, note=note, created_at=now)
        )


def release(connection: Connection, address_hash: bytes, now: datetime) -> bool:
    """Lift a suppression; consent is not restored by it."""
    lifted = connection.execute(delete(suppressions).where(suppressions.c.address_hash == address_hash)).rowcount
    if lifted:
        journal.note(connection, Line(to_millis(now), Departure.RELEASED, address_hash))
    return bool(lifted)


def page(connection: Connection, after: bytes = b"", limit: int = 1000) -> list[Any]:
    """Suppressions in the order of their hashes, a page at a time, with the address where it is still on file."""
    return list(
        connection.execute(
            select(suppressions, subscribers.c.email)
            .outerjoin(subscribers, subscribers.c.address_hash == suppressions.c.address_hash)
            .where(suppressions.c.address_hash > after)
            .order_by(suppressions.c.address_hash)
            .limit(limit)
        )
    )


def is_suppressed(table: Table) -> ColumnElement[bool]:
    """SQL: the subscriber of this row of `table` (with a `subscriber_id`) is suppressed."""
    return (
        exists()
        .where(subscribers.c.id == table.c.subscriber_id, suppressions.c.address_hash == subscribers.c.address_hash)
        .correlate(table)
    )
