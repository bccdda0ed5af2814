"""Departures: what the journal beside the database knows and a restored backup does not.

Who left, complained or was forgotten after the backup was taken is in the journal, by keyed hash, and is sent away
again before anything can leave. Who left and came back in the lost time stays away: the proof of their return is
lost as well. A line counts only against what is older than itself, so reading one twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection, select

from newsletter.store import journal
from newsletter.store.engine import Database
from newsletter.store.journal import Departure, Journal, Line
from newsletter.store.schema import (
    SubscriptionStatus,
    SuppressionReason,
    lists,
    subscribers,
    subscriptions,
    suppressions,
)
from newsletter.store.types import from_millis, to_millis
from newsletter.subscribers import forget, lifecycle, people, signup, suppression
from newsletter.subscribers.consent import Evidence
from newsletter.subscribers.people import Subscriber

TURN = 500
"""Lines in one transaction."""
EVIDENCE = Evidence("restored", basis="had left when a backup was restored that did not know it")


@dataclass
class CaughtUp:
    """What a database learned from the journal."""

    left: int = 0
    suppressed: int = 0
    released: int = 0
    forgotten: int = 0

    @property
    def total(self) -> int:
        """How many things changed."""
        return self.left + self.suppressed + self.released + self.forgotten


def is_behind(connection: Connection, kept: Journal) -> bool:
    """Whether the journal knows more than this database, or this database more than the journal."""
    name, size = kept.state()
    known = kept.known(connection, name) if name else None
    return known != size


def catch_up(database: Database, kept: Journal) -> CaughtUp:
    """Bring database and journal to the same knowledge; quick when they have it."""
    learned = CaughtUp()
    with database.read() as connection:
        name, size = kept.state()
        known = kept.known(connection, name) if name else None
    if name and known == size:
        return learned
    if known is None or known > size or known == journal.INCOMPLETE:
        # Never heard of, or cut short: whichever of the two is poorer gets what the other has.
        complete(database, kept)
        name, size = kept.state()
        known = 0
    former: dict[bytes, bytes] = {}
    lines = kept.lines(known, size) if name else iter(())
    while batch := list(islice(lines, TURN)):
        with database.write() as connection:
            replay(connection, batch, learned, former)
            journal.unnoted(connection)
    if name:
        with database.write() as connection:
            journal.keep_position(connection, name, size)
    if learned.forgotten:
        forget.leave_no_trace(database)
    return learned


def complete(database: Database, kept: Journal) -> None:
    """Write down everything that the database knows: for a journal that is new, or has lost something."""
    with database.read() as connection:
        lines = _everything(connection)
        kept.append([])
        while batch := [str(line) for line in islice(lines, 10_000)]:
            kept.append(batch)


def replay(
    connection: Connection, lines: Iterable[Line], learned: CaughtUp, former: dict[bytes, bytes] | None = None
) -> None:
    """Do again what these lines tell, in their order. `former` collects changes of address: new hash to old."""
    moves = {} if former is None else former
    list_ids = lifecycle.list_ids(connection)
    for line in lines:
        at = from_millis(line.at)
        if at is None:
            continue
        if line.what is Departure.MOVED:
            moves[_digest(line.detail)] = line.address_hash
        elif line.what is Departure.RELEASED:
            since = connection.execute(
                select(suppressions.c.created_at).where(suppressions.c.address_hash == line.address_hash)
            ).scalar()
            if since is not None and since <= at:
                learned.released += suppression.release(connection, line.address_hash, at)
        elif line.what is Departure.LEFT:
            person = _person(connection, line.address_hash, moves)
            list_id = list_ids.get(line.detail)
            if person is not None and list_id is not None and _stood(connection, person, list_id, at):
                learned.left += signup.unsubscribe(connection, person, list_id, EVIDENCE, at, farewell=False)
        elif line.detail in set(SuppressionReason):
            before = suppression.reason_for(connection, line.address_hash)
            suppression.suppress(connection, line.address_hash, SuppressionReason(line.detail), at)
            learned.suppressed += before != suppression.reason_for(connection, line.address_hash)
            person = _person(connection, line.address_hash, moves)
            if line.detail == SuppressionReason.ERASED and person is not None and _is_older(connection, person, at):
                forget.forget(connection, person, at)
                learned.forgotten += 1


def _is_older(connection: Connection, person: Subscriber, at: datetime) -> bool:
    """Whether they were on file then; after that they may have signed up anew, if it was allowed."""
    created_at = connection.execute(select(subscribers.c.created_at).where(subscribers.c.id == person.id)).scalar_one()
    return bool(created_at <= at)


def _stood(connection: Connection, person: Subscriber, list_id: int, at: datetime) -> bool:
    """Whether what they have with the list is older than that moment, and not over."""
    row = connection.execute(
        select(subscriptions.c.status, subscriptions.c.changed_at).where(
            subscriptions.c.subscriber_id == person.id, subscriptions.c.list_id == list_id
        )
    ).one_or_none()
    return row is not None and row.status != SubscriptionStatus.UNSUBSCRIBED and row.changed_at <= at


def _person(connection: Connection, address_hash: bytes, moves: dict[bytes, bytes]) -> Subscriber | None:
    """Who has that address, or had it before they moved as the journal tells."""
    for _ in range(10):
        uid = connection.execute(
            select(subscribers.c.uid).where(subscribers.c.address_hash == address_hash).limit(1)
        ).scalar()
        if uid is not None:
            return people.by_uid(connection, uid)
        if address_hash not in moves:
            return None
        address_hash = moves[address_hash]
    return None


def _everything(connection: Connection) -> Iterator[Line]:
    for row in connection.execute(select(suppressions).order_by(suppressions.c.created_at)):
        yield Line(to_millis(row.created_at), Departure.SUPPRESSED, row.address_hash, row.reason)
    gone = (
        select(subscribers.c.address_hash, subscriptions.c.unsubscribed_at, lists.c.slug)
        .join(subscribers, subscribers.c.id == subscriptions.c.subscriber_id)
        .join(lists, lists.c.id == subscriptions.c.list_id)
        .where(subscriptions.c.status == SubscriptionStatus.UNSUBSCRIBED, subscriptions.c.unsubscribed_at.is_not(None))
    )
    for row in connection.execute(gone):
        yield Line(to_millis(row.unsubscribed_at), Departure.LEFT, row.address_hash, row.slug)


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
