"""An import taken back, as far as nobody has acted since.

Who was added goes again; who was changed gets back what the import changed. Somebody who has confirmed, left, been
mailed or been changed since stays as they are, and it is said why. What protects people is never taken back: an
unsubscribe and a suppression stay. The chain of consent only grows: that a consent was withdrawn by this is a record,
and where the person goes, the records stay without what names them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, select, update

from newsletter.deliveries.lifecycle import DELIVERY, sources
from newsletter.errors import StateError
from newsletter.store.engine import Database
from newsletter.store.import_schema import ImportStatus, Touch, import_touches
from newsletter.store.schema import (
    CampaignKind,
    ConsentKind,
    DeliveryStatus,
    Row,
    SubscriptionStatus,
    campaigns,
    consent_records,
    deliveries,
    subscribers,
    subscriptions,
)
from newsletter.store.types import from_millis, to_millis
from newsletter.subscribers import consent, people
from newsletter.subscribers.consent import Act, Evidence
from newsletter.subscribers.importing import runs, writing
from newsletter.subscribers.people import Subscriber

BATCH = 200


@dataclass
class Taken:
    """What a taking back came to, in people."""

    rows: int = 0
    removed: int = 0
    """Gone from the list; those it had put on file are no longer on file."""
    restored: int = 0
    """As they were before."""
    stayed: int = 0
    """Somebody has acted since, or they had left."""

    def as_dict(self) -> dict[str, int]:
        """For `--json`."""
        return asdict(self)


class Stayed(NamedTuple):
    """Somebody an import touched who stays as they are."""

    email: str
    reason: str


@dataclass(frozen=True)
class _Batch:
    """Some people of an import as they are now."""

    list_id: int
    people: dict[int, Subscriber]
    on_list: dict[int, Row]
    elsewhere: frozenset[int]
    """On file for another list, too."""
    mailed: frozenset[int]
    acted: frozenset[int]
    """With a later act of consent about this list."""


def undo(
    database: Database,
    import_id: int,
    now: datetime,
    *,
    on_stayed: Callable[[Stayed], None],
    on_progress: Callable[[int], None] = lambda _rows: None,
) -> Taken:
    """Take an import back, in short turns; interrupted, the same again goes on. `StateError` when that is done."""
    with database.read() as connection:
        run = runs.get(connection, import_id)
        if run.status == ImportStatus.UNDONE:
            raise StateError(f"Import {import_id} was taken back already, on {run.undone_at.date()}.")
        if run.started_at < now - runs.UNDOABLE:
            raise StateError(
                f"Import {import_id} is older than {runs.UNDOABLE.days} days; what it found is no longer kept.",
                hint="Unsubscribe or forget people one by one.",
            )
    with database.write() as connection:
        runs.take_back(connection, import_id)
    taken, after = Taken(), 0
    while True:
        with database.write() as connection:
            touched = _page(connection, import_id, after)
            if not touched:
                runs.close(connection, import_id, now)
                return taken
            stayed = _turn(connection, run, touched, taken, now)
        after = touched[-1].subscriber_id
        for each in stayed:
            on_stayed(each)
        taken.rows += len(touched)
        on_progress(taken.rows)


def count(connection: Connection, import_id: int) -> int:
    """How many people an import has touched that are still on file."""
    query = select(func.count()).select_from(import_touches).where(import_touches.c.import_id == import_id)
    return int(connection.execute(query).scalar_one())


def _page(connection: Connection, import_id: int, after: int) -> Sequence[Row]:
    return connection.execute(
        select(import_touches)
        .where(import_touches.c.import_id == import_id, import_touches.c.subscriber_id > after)
        .order_by(import_touches.c.subscriber_id)
        .limit(BATCH)
    ).all()


def _turn(connection: Connection, run: Row, touched: Sequence[Row], taken: Taken, now: datetime) -> list[Stayed]:
    batch = _look_up(connection, run.list_id, touched)
    stayed: list[Stayed] = []
    withdrawn: list[Act] = []
    leaving: list[tuple[Row, Subscriber]] = []
    restored: list[tuple[Row, Subscriber]] = []
    for touch in touched:
        person = batch.people[touch.subscriber_id]
        if reason := _why_stays(touch, person, batch):
            stayed.append(Stayed(person.email, reason))
            continue
        status = batch.on_list[person.id].status if person.id in batch.on_list else None
        if status == SubscriptionStatus.CONFIRMED and (touch.kind != Touch.UPDATED or _status(touch)):
            withdrawn.append(Act(ConsentKind.UNDONE, person.id, run.list_id, person.email, _evidence(run)))
        (leaving if touch.kind == Touch.ADDED else restored).append((touch, person))
    consent.append(connection, withdrawn, now)
    for touch, person in restored:
        _restore(connection, touch, person, run.list_id, now)
    fallen = [touch.subscriber_id for touch, _ in restored if touch.kind == Touch.JOINED or _status(touch)]
    _skip(connection, [*fallen, *(person.id for _, person in leaving)], run.list_id, now)
    _remove(connection, [person.id for _, person in leaving], batch)
    done = [touch.subscriber_id for touch, _ in (*leaving, *restored)]
    connection.execute(
        delete(import_touches).where(import_touches.c.import_id == run.id, import_touches.c.subscriber_id.in_(done))
    )
    taken.removed += len(leaving) + sum(touch.kind == Touch.JOINED for touch, _ in restored)
    taken.restored += sum(touch.kind == Touch.UPDATED for touch, _ in restored)
    taken.stayed += len(stayed)
    return stayed


def _look_up(connection: Connection, list_id: int, touched: Sequence[Row]) -> _Batch:
    ids = [touch.subscriber_id for touch in touched]
    rows = connection.execute(select(subscriptions).where(subscriptions.c.subscriber_id.in_(ids))).all()
    since = min(touch.at for touch in touched)
    at = {touch.subscriber_id: touch.at for touch in touched}
    mailed = connection.execute(
        select(deliveries.c.subscriber_id, deliveries.c.changed_at).where(
            deliveries.c.campaign_id.in_(select(campaigns.c.id)),
            deliveries.c.subscriber_id.in_(ids),
            deliveries.c.changed_at >= since,
            deliveries.c.status.not_in([DeliveryStatus.PENDING, DeliveryStatus.CLAIMED, DeliveryStatus.SKIPPED]),
        )
    )
    acted = connection.execute(
        select(consent_records.c.subscriber_id, consent_records.c.at, consent_records.c.kind).where(
            consent_records.c.subscriber_id.in_(ids),
            consent_records.c.list_id == list_id,
            consent_records.c.at >= since,
        )
    )
    return _Batch(
        list_id=list_id,
        people={row.id: _person(row) for row in connection.execute(_on_file(ids))},
        on_list={row.subscriber_id: row for row in rows if row.list_id == list_id},
        elsewhere=frozenset(row.subscriber_id for row in rows if row.list_id != list_id),
        mailed=frozenset(row.subscriber_id for row in mailed if row.changed_at >= at[row.subscriber_id]),
        acted=frozenset(
            row.subscriber_id
            for row in acted
            if row.at > at[row.subscriber_id] or (row.at == at[row.subscriber_id] and row.kind not in _IMPORTS)
        ),
    )


_IMPORTS = frozenset({ConsentKind.IMPORTED, ConsentKind.UNSUBSCRIBED})


def _on_file(ids: Sequence[int]) -> Any:
    return select(subscribers).where(subscribers.c.id.in_(ids))


def _person(row: Row) -> Subscriber:
    known = (row.id, row.uid, row.email, row.name, row.fields, row.language, row.address_hash)
    return Subscriber(*known, tags=tuple(row.tags))


def _why_stays(touch: Row, person: Subscriber, batch: _Batch) -> str:
    """The reason, or nothing when they may be taken back."""
    if touch.kind == Touch.LEFT:
        return "had left elsewhere, which is never taken back"
    row = batch.on_list.get(person.id)
    status = None if row is None else row.status
    if status == SubscriptionStatus.UNSUBSCRIBED:
        return "has unsubscribed since"
    if person.id in batch.mailed:
        return "has been mailed since"
    if person.id in batch.acted:
        return "has confirmed or asked since" if status == SubscriptionStatus.CONFIRMED else "has acted since"
    changed_at = None if row is None else to_millis(row.changed_at)
    if writing.digest(person, status, changed_at) != touch.digest:
        return "has been changed since"
    return ""


def _status(touch: Row) -> str:
    """Where they stood with the list, if the import changed that."""
    return str((touch.previous or {}).get("status", ""))


def _restore(connection: Connection, touch: Row, person: Subscriber, list_id: int, now: datetime) -> None:
    previous = dict(touch.previous or {})
    here = (subscriptions.c.subscriber_id == person.id, subscriptions.c.list_id == list_id)
    if touch.kind == Touch.JOINED:
        connection.execute(delete(subscriptions).where(*here))
    elif "status" in previous:
        connection.execute(
            update(subscriptions)
            .where(*here, subscriptions.c.status == SubscriptionStatus.CONFIRMED)
            .values(status=previous["status"], confirmed_at=from_millis(previous["confirmed_at"]), changed_at=now)
        )
    values = {name: previous[name] for name in ("name", "fields", "tags") if name in previous}
    people.amend(connection, person.id, **values)


def _skip(connection: Connection, ids: Sequence[int], list_id: int, now: datetime) -> None:
    """Mail about this list that has not left yet stays here, the question whether they agree included."""
    waits = (
        deliveries.c.subscriber_id.in_(ids),
        deliveries.c.status.in_(sources(DELIVERY, DeliveryStatus.SKIPPED)),
    )
    skipped = {"status": DeliveryStatus.SKIPPED, "changed_at": now, "worker_id": None}
    of_list = deliveries.c.campaign_id.in_(select(campaigns.c.id).where(campaigns.c.list_id == list_id))
    connection.execute(update(deliveries).where(of_list, *waits).values(skipped))
    asking = deliveries.c.campaign_id.in_(select(campaigns.c.id).where(campaigns.c.kind == CampaignKind.CONFIRM))
    for row in connection.execute(select(deliveries).where(asking, *waits)).all():
        if (row.scope or {}).get("lists") == [list_id]:
            mine = (deliveries.c.subscriber_id == row.subscriber_id, deliveries.c.seq == row.seq)
            connection.execute(update(deliveries).where(asking, *mine).values(skipped))


def _remove(connection: Connection, ids: Sequence[int], batch: _Batch) -> None:
    """Take them off the list, and off file who is on no other."""
    connection.execute(
        delete(subscriptions).where(subscriptions.c.subscriber_id.in_(ids), subscriptions.c.list_id == batch.list_id)
    )
    gone = [subscriber_id for subscriber_id in ids if subscriber_id not in batch.elsewhere]
    connection.execute(
        update(consent_records)
        .where(consent_records.c.subscriber_id.in_(gone))
        .values(subscriber_id=None, personal=None, salt=None)
    )
    theirs = deliveries.c.campaign_id.in_(select(campaigns.c.id)) & deliveries.c.subscriber_id.in_(gone)
    for row in connection.execute(select(deliveries.c.subscriber_id).where(theirs).distinct()).all():
        # A number of nobody: SQLite deals out the highest row number again.
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.campaign_id.in_(select(campaigns.c.id)), deliveries.c.subscriber_id == row.subscriber_id
            )
            .values(subscriber_id=-1 - secrets.randbits(62), scope=None)
        )
    connection.execute(delete(subscribers).where(subscribers.c.id.in_(gone)))


def _evidence(run: Row) -> Evidence:
    return Evidence("import", origin=f"import {run.id} ({run.origin}) was taken back")
