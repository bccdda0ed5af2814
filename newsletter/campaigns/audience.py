"""Who receives an issue: confirmed, not suppressed, not on a pause, and without a copy of it so far."""

from __future__ import annotations

from sqlalchemy import Column, ColumnElement, Connection, Select, exists, func, select

from newsletter.store.schema import (
    CampaignKind,
    DeliveryStatus,
    SubscriptionStatus,
    campaigns,
    deliveries,
    subscribers,
    subscriptions,
    suppressions,
)


def eligible(list_id: int, slug: str, *, is_trial: bool) -> Select[tuple[int]]:
    """Subscriber ids of a list that may get this issue, in the order they came.

    Whoever had the issue through another list, or may have had it (in flight, ambiguous), is left
    out: nobody gets it twice. Sandbox copies reached nobody and do not count.
    """
    reader = subscriptions.c.subscriber_id
    query = (
        select(reader)
        .where(
            subscriptions.c.list_id == list_id,
            subscriptions.c.status == SubscriptionStatus.CONFIRMED,
            reader.not_in(_suppressed()),
            reader.not_in(select(subscribers.c.id).where(subscribers.c.paused_until.is_not(None)).correlate(None)),
        )
        .order_by(reader)
    )
    return query if is_trial else query.where(~_had_it(reader, slug))


def _suppressed() -> Select[tuple[int]]:
    """Who is on file and suppressed; asked once for a whole audience, because they are few among many."""
    hashes = select(suppressions.c.address_hash)
    return select(subscribers.c.id).where(subscribers.c.address_hash.in_(hashes)).correlate(None)


def _had_it(reader: Column[int], slug: str) -> ColumnElement[bool]:
    """SQL: a real campaign of this issue, to whichever list, has a copy for `reader`."""
    # A list of its own, so that those campaigns, if there are any, are looked for only once.
    sent = select(campaigns.c.id).where(
        campaigns.c.kind.in_([CampaignKind.ISSUE, CampaignKind.SERIES]),
        campaigns.c.slug == slug,
        campaigns.c.is_trial.is_(False),
    )
    return exists().where(
        deliveries.c.campaign_id.in_(sent),
        deliveries.c.subscriber_id == reader,
        deliveries.c.status.not_in([DeliveryStatus.SKIPPED, DeliveryStatus.FAILED]),
    )


def count(connection: Connection, audience: Select[tuple[int]]) -> int:
    """How many that are."""
    return int(connection.execute(select(func.count()).select_from(audience.order_by(None).subquery())).scalar_one())


def sample(connection: Connection, audience: Select[tuple[int]], size: int = 3) -> list[str]:
    """A few addresses for the operator to look at before saying yes."""
    ids = audience.limit(size).subquery()
    return list(
        connection.execute(
            select(subscribers.c.email).join(ids, ids.c.subscriber_id == subscribers.c.id).order_by(subscribers.c.id)
        ).scalars()
    )


def by_tags(connection: Connection, audience: Select[tuple[int]]) -> list[tuple[list[str], int]]:
    """Every combination of tags that somebody of them has, and how many have it."""
    ids = audience.order_by(None).subquery()
    found = connection.execute(
        select(subscribers.c.tags, func.count())
        .join(ids, ids.c.subscriber_id == subscribers.c.id)
        .group_by(subscribers.c.tags)
    )
    return [(tags, number) for tags, number in found]
