"""Which steps a Subscription may take: one table and one guarded UPDATE.

The way back from `unsubscribed` leads through `pending` only, that is through a fresh double
opt-in; no import and no editor can shorten it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, exists, insert, or_, select, update

from newsletter.deliveries.lifecycle import sources
from newsletter.store import bulk, journal
from newsletter.store.dialect import add_if_new
from newsletter.store.journal import Departure, Line
from newsletter.store.schema import (
    CampaignKind,
    DeliveryStatus,
    campaigns,
    deliveries,
    lists,
    subscribers,
    subscriptions,
)
from newsletter.store.schema import SubscriptionStatus as S
from newsletter.store.types import to_millis

CONFIRMATION_LIFE = timedelta(days=7)
"""How long a confirmation link works; after that the subscription is `expired`."""

SUBSCRIPTION: Mapping[S, frozenset[S]] = {
    S.PENDING: frozenset({S.CONFIRMED, S.UNSUBSCRIBED, S.EXPIRED}),
    S.CONFIRMED: frozenset({S.UNSUBSCRIBED}),
    S.UNSUBSCRIBED: frozenset({S.PENDING}),
    S.EXPIRED: frozenset({S.PENDING, S.UNSUBSCRIBED}),
}


def status_of(connection: Connection, subscriber_id: int, list_id: int) -> S | None:
    """Where a person stands with a list, or None."""
    found = connection.execute(
        select(subscriptions.c.status).where(
            subscriptions.c.subscriber_id == subscriber_id, subscriptions.c.list_id == list_id
        )
    ).scalar()
    return None if found is None else S(found)


def begin(connection: Connection, subscriber_id: int, list_id: int, source: str, now: datetime) -> None:
    """A new Subscription, `pending`."""
    connection.execute(
        insert(subscriptions).values(
            subscriber_id=subscriber_id,
            list_id=list_id,
            status=S.PENDING,
            source=source,
            created_at=now,
            changed_at=now,
        )
    )


def move(
    connection: Connection,
    subscriber_id: int,
    list_id: int,
    target: S,
    now: datetime,
    *,
    confirmed_at: datetime | None = None,
) -> bool:
    """Take one step; False when there is no such Subscription or the step is not allowed from where it stands.

    `confirmed_at` is the moment an import states; now when absent.
    """
    values: dict[str, object] = {"status": target, "changed_at": now}
    if target is S.CONFIRMED:
        values |= {"confirmed_at": confirmed_at or now, "unsubscribed_at": None}
    elif target is S.UNSUBSCRIBED:
        values["unsubscribed_at"] = now
    moved = connection.execute(
        update(subscriptions)
        .where(
            subscriptions.c.subscriber_id == subscriber_id,
            subscriptions.c.list_id == list_id,
            subscriptions.c.status.in_(sources(SUBSCRIPTION, target)),
        )
        .values(**values)
    ).rowcount
    if moved and target is S.UNSUBSCRIBED:
        _note_departure(connection, subscriber_id, list_id, now)
    return bool(moved)


def _note_departure(connection: Connection, subscriber_id: int, list_id: int, now: datetime) -> None:
    """No restored backup mails them again."""
    row = connection.execute(
        select(subscribers.c.address_hash, lists.c.slug)
        .join(subscriptions, subscriptions.c.subscriber_id == subscribers.c.id)
        .join(lists, lists.c.id == subscriptions.c.list_id)
        .where(subscribers.c.id == subscriber_id, lists.c.id == list_id)
    ).one()
    journal.note(connection, Line(to_millis(now), Departure.LEFT, row.address_hash, row.slug))


def ask(connection: Connection, subscriber_id: int, list_id: int, source: str, now: datetime) -> bool:
    """`pending`, unless confirmed; whether there is something to confirm. The same statements wherever it stands."""
    row = {"subscriber_id": subscriber_id, "list_id": list_id, "status": S.PENDING, "source": source}
    add_if_new(connection, subscriptions, row | {"created_at": now, "changed_at": now})
    move(connection, subscriber_id, list_id, S.PENDING, now)
    return status_of(connection, subscriber_id, list_id) is S.PENDING


def begin_many(
    connection: Connection, list_id: int, beginnings: Mapping[int, datetime | None], source: str, now: datetime
) -> None:
    """New Subscriptions by the subscriber's row number: `pending`, or confirmed where a moment says since when."""
    at = to_millis(now)
    pending, confirmed = S.PENDING.value, S.CONFIRMED.value
    bulk.insert_rows(
        connection,
        subscriptions,
        ("subscriber_id", "list_id", "status", "source", "created_at", "changed_at", "confirmed_at"),
        [
            (subscriber_id, list_id, confirmed, source, at, at, to_millis(since))
            if since
            else (subscriber_id, list_id, pending, source, at, at, None)
            for subscriber_id, since in beginnings.items()
        ],
    )


def confirm_many(connection: Connection, list_id: int, confirmed: Mapping[int, datetime], now: datetime) -> None:
    """`pending | expired → confirmed` for these subscribers, since these moments; others stay as they are."""
    if confirmed:
        here = (subscriptions.c.subscriber_id == bindparam("who"), subscriptions.c.list_id == list_id)
        who = [{"who": subscriber_id} for subscriber_id in confirmed]
        connection.execute(
            update(subscriptions)
            .where(*here, subscriptions.c.status == S.EXPIRED)
            .values(status=S.PENDING, changed_at=now),
            who,
        )
        connection.execute(
            update(subscriptions)
            .where(*here, or_(*(subscriptions.c.status == each for each in sources(SUBSCRIPTION, S.CONFIRMED))))
            .values(status=S.CONFIRMED, changed_at=now, confirmed_at=bindparam("since"), unsubscribed_at=None),
            [{"who": subscriber_id, "since": moment} for subscriber_id, moment in confirmed.items()],
        )


def expire(connection: Connection, now: datetime) -> int:
    """`pending → expired` where a confirmation was asked for and its last link has run out."""
    asked = exists().where(
        deliveries.c.subscriber_id == subscriptions.c.subscriber_id,
        deliveries.c.campaign_id == campaigns.c.id,
        campaigns.c.kind == CampaignKind.CONFIRM,
    )
    alive = asked.where(deliveries.c.expires_at > now, deliveries.c.status != DeliveryStatus.SKIPPED)
    return int(
        connection.execute(
            update(subscriptions)
            .where(
                subscriptions.c.status == S.PENDING,
                subscriptions.c.changed_at < now - CONFIRMATION_LIFE,
                asked,
                ~alive,
            )
            .values(status=S.EXPIRED, changed_at=now)
        ).rowcount
    )


def wake(connection: Connection, now: datetime) -> int:
    """End the pauses whose time has come."""
    return int(
        connection.execute(
            update(subscribers).where(subscribers.c.paused_until <= now).values(paused_until=None)
        ).rowcount
    )


def mirror_lists(connection: Connection, slugs: tuple[str, ...]) -> None:
    """Give every slug of `[[lists]]` its row; rows of lists that were removed stay, for the ledger."""
    known = set(connection.execute(select(lists.c.slug)).scalars())
    for slug in slugs:
        if slug not in known:
            connection.execute(insert(lists).values(slug=slug))


def list_ids(connection: Connection) -> dict[str, int]:
    """The row number of every list by its slug."""
    return {row.slug: row.id for row in connection.execute(select(lists.c.slug, lists.c.id))}
