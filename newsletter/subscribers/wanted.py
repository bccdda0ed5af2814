"""Is this message still wanted? The SQL condition that the arm statement of the ledger carries.

It is asked again in the very statement that lets a message go, so that a reader who leaves while a
campaign runs is not mailed a second later.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, or_, select

from newsletter.store.schema import (
    CampaignKind,
    SubscriptionStatus,
    campaigns,
    deliveries,
    subscribers,
    subscriptions,
)
from newsletter.subscribers import suppression


def still_wanted() -> ColumnElement[bool]:
    """Correlates with the `deliveries` row that is being armed."""
    kind = select(campaigns.c.kind).where(campaigns.c.id == deliveries.c.campaign_id).scalar_subquery()
    confirmed = exists().where(
        campaigns.c.id == deliveries.c.campaign_id,
        subscriptions.c.list_id == campaigns.c.list_id,
        subscriptions.c.subscriber_id == deliveries.c.subscriber_id,
        subscriptions.c.status == SubscriptionStatus.CONFIRMED,
    )
    asked_for = exists().where(
        subscriptions.c.subscriber_id == deliveries.c.subscriber_id,
        subscriptions.c.status == SubscriptionStatus.PENDING,
    )
    paused = exists().where(subscribers.c.id == deliveries.c.subscriber_id, subscribers.c.paused_until.is_not(None))
    return and_(
        ~suppression.is_suppressed(deliveries),
        or_(
            and_(kind.in_([CampaignKind.ISSUE, CampaignKind.SERIES]), confirmed, ~paused),
            and_(kind == CampaignKind.WELCOME, confirmed),
            and_(kind == CampaignKind.CONFIRM, asked_for),
            kind.in_([CampaignKind.GOODBYE, CampaignKind.ACCESS, CampaignKind.ADDRESS, CampaignKind.MOVED]),
        ),
    )
