"""Standing campaigns: people are enrolled one at a time (confirmations, welcomes, goodbyes)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select

from newsletter.store.schema import CampaignKind, CampaignStatus, DeliveryStatus, campaigns, deliveries


def get_or_create(connection: Connection, kind: CampaignKind, list_id: int | None, now: datetime) -> int:
    """The id of the standing campaign of that kind (and list; None for `confirm`, one per Site)."""
    query = select(campaigns.c.id).where(campaigns.c.kind == kind, campaigns.c.list_id.is_not_distinct_from(list_id))
    found = connection.execute(query).scalar()
    if found is None:
        found = connection.execute(
            insert(campaigns)
            .values(kind=kind, status=CampaignStatus.SENDING, list_id=list_id, is_trial=False, created_at=now)
            .returning(campaigns.c.id)
        ).scalar_one()
    return int(found)


def enrol(
    connection: Connection,
    campaign_id: int,
    subscriber_id: int,
    *,
    now: datetime,
    scope: dict[str, Any] | None = None,
    life: timedelta | None = None,
    due: datetime | None = None,
) -> int:
    """Add one pending Delivery, due at once or at `due`; returns its seq (0 for the first, then counting up)."""
    last = connection.execute(
        select(func.max(deliveries.c.seq)).where(
            deliveries.c.campaign_id == campaign_id, deliveries.c.subscriber_id == subscriber_id
        )
    ).scalar()
    seq = 0 if last is None else int(last) + 1
    connection.execute(
        insert(deliveries).values(
            campaign_id=campaign_id,
            subscriber_id=subscriber_id,
            seq=seq,
            status=DeliveryStatus.PENDING,
            due_at=due or now,
            changed_at=now,
            enrolled_at=now,
            expires_at=now + life if life else None,
            scope=scope,
        )
    )
    return seq


def enrolled_since(connection: Connection, campaign_id: int, subscriber_id: int, since: datetime) -> int:
    """How many times a person was enrolled since a moment; budgets are counted with it."""
    return int(
        connection.execute(
            select(func.count())
            .select_from(deliveries)
            .where(
                deliveries.c.campaign_id == campaign_id,
                deliveries.c.subscriber_id == subscriber_id,
                deliveries.c.enrolled_at > since,
            )
        ).scalar_one()
    )
