"""Who receives an issue: confirmed, not suppressed, and without a copy of it so far."""

from __future__ import annotations

from sqlalchemy import Connection, Select, exists, func, select

from newsletter.store.schema import (
    CampaignKind,
    DeliveryStatus,
    SubscriptionStatus,
    campaigns,
    deliveries,
    subscribers,
    subscriptions,
)
from newsletter.subscribers import suppression


def eligible(list_id: int, slug: str, *, is_trial: bool) -> Select[tuple[int]]:
    """Subscriber ids of a list that may get this issue, in the order they came.

    Whoever had the issue through another list, or may have had it (in flight, ambiguous), is left
    out: nobody gets it twice. Sandbox copies reached nobody and do not count.
    """
    earlier = deliveries.alias("earlier")
    had_it = exists().where(
        campaigns.c.kind == CampaignKind.ISSUE,
        campaigns.c.slug == slug,
        campaigns.c.is_trial.is_(False),
        earlier.c.campaign_id == campaigns.c.id,
        earlier.c.subscriber_id == subscriptions.c.subscriber_id,
        earlier.c.status.not_in([DeliveryStatus.SKIPPED, DeliveryStatus.FAILED]),
    )
    query = (
        select(subscriptions.c.subscriber_id)
        .where(
            subscriptions.c.list_id == list_id,
            subscriptions.c.status == SubscriptionStatus.CONFIRMED,
            ~suppression.is_suppressed(subscriptions),
        )
        .order_by(subscriptions.c.subscriber_id)
    )
    return query if is_trial else query.where(~had_it)


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
