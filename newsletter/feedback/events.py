"""Events as they are shown: page by page, the newest first, and counted for a campaign."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from newsletter.store.feedback_schema import FeedbackKind, feedback_events
from newsletter.store.schema import campaigns, subscribers
from newsletter.store.types import iso

Row = dict[str, Any]
"""One event as it is shown."""


def page(
    connection: Connection,
    *,
    kind: str | None = None,
    campaign_id: int | None = None,
    subscriber_id: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Row]:
    """Events below id `before`, with the address while its subscriber is on file."""
    e = feedback_events.c
    wanted = [
        condition
        for given, condition in (
            (kind, e.kind == kind),
            (campaign_id, e.campaign_id == campaign_id),
            (subscriber_id, e.subscriber_id == subscriber_id),
            (before, e.id < (before or 0)),
        )
        if given is not None
    ]
    rows = connection.execute(
        select(feedback_events, subscribers.c.uid, subscribers.c.email, campaigns.c.slug)
        .outerjoin(subscribers, subscribers.c.id == e.subscriber_id)
        .outerjoin(campaigns, campaigns.c.id == e.campaign_id)
        .where(*wanted)
        .order_by(e.id.desc())
        .limit(limit)
    )
    return [
        {
            "id": row.id,
            "at": iso(row.at),
            "kind": row.kind,
            "source": row.source,
            "matched": row.matched,
            "subscriber": row.uid,
            "email": row.email,
            "campaign": row.campaign_id,
            "issue": row.slug or None,
            "seq": row.seq,
            "provider": row.provider or None,
            "code": row.code,
            "enhanced": row.enhanced or None,
            "reason": row.reason,
        }
        for row in rows
    ]


def of_campaign(connection: Connection, campaign_id: int) -> dict[str, int]:
    """For how many readers of a campaign each kind came back; kinds that did not are left out."""
    e = feedback_events.c
    rows = connection.execute(
        select(e.kind, func.count(func.distinct(e.subscriber_id)).label("readers"))
        .where(e.campaign_id == campaign_id)
        .group_by(e.kind)
        .order_by(e.kind)
    )
    return {row.kind: row.readers for row in rows}


def blocked_by(connection: Connection, campaign_id: int) -> dict[str, int]:
    """Which providers sent copies of a campaign back because of us, and how many."""
    e = feedback_events.c
    readers = func.count(func.distinct(e.subscriber_id))
    rows = connection.execute(
        select(e.provider, readers.label("readers"))
        .where(e.campaign_id == campaign_id, e.kind == FeedbackKind.BLOCK)
        .group_by(e.provider)
        .order_by(readers.desc(), e.provider)
    )
    return {row.provider: row.readers for row in rows}
