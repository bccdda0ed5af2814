"""What became of a campaign: counts from the ledger and the words of the servers that refused."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select, tuple_

from newsletter.deliveries import ledger
from newsletter.errors import NotFoundError
from newsletter.store.schema import (
    CampaignKind,
    DeliveryStatus,
    Row,
    attempts,
    campaigns,
    deliveries,
    lists,
    subscribers,
)
from newsletter.store.types import iso

_LAST = (
    select(func.max(attempts.c.id))
    .where(
        attempts.c.campaign_id == deliveries.c.campaign_id,
        attempts.c.subscriber_id == deliveries.c.subscriber_id,
        attempts.c.seq == deliveries.c.seq,
    )
    .correlate(deliveries)
    .scalar_subquery()
)
"""SQL: the number of the newest Attempt of a delivery."""


def summary(connection: Connection, campaign_id: int) -> dict[str, Any]:
    """One campaign with its ledger totals; `NotFoundError` when there is none."""
    row = connection.execute(
        select(campaigns, lists.c.slug.label("list_slug"))
        .outerjoin(lists, lists.c.id == campaigns.c.list_id)
        .where(campaigns.c.id == campaign_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no campaign {campaign_id}.", hint="`newsletter campaign list` shows them all.")
    totals = ledger.totals(connection, campaign_id)
    return {
        **_described(row),
        "audience": totals.audience,
        "sent": totals.sent,
        "deferred": totals.pending,
        "failed": totals.failed,
        "ambiguous": totals.ambiguous,
        "skipped": totals.skipped,
        "in_hand": totals.claimed + totals.inflight,
    }


def summaries(connection: Connection) -> list[dict[str, Any]]:
    """Every campaign, newest first."""
    ids = connection.execute(select(campaigns.c.id).order_by(campaigns.c.id.desc())).scalars().all()
    return [summary(connection, campaign_id) for campaign_id in ids]


def page(connection: Connection, *, before: int | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Campaigns without their totals, the newest first, below id `before`."""
    query = (
        select(campaigns, lists.c.slug.label("list_slug"))
        .outerjoin(lists, lists.c.id == campaigns.c.list_id)
        .order_by(campaigns.c.id.desc())
        .limit(limit)
    )
    rows = connection.execute(query if before is None else query.where(campaigns.c.id < before))
    return [_described(row) for row in rows]


def unfinished(connection: Connection) -> list[dict[str, Any]]:
    """Issues of which copies may still leave, or are in doubt; newest first."""
    issues = [row for row in summaries(connection) if row["kind"] == CampaignKind.ISSUE and not row["sandbox"]]
    return [row for row in issues if row["deferred"] or row["in_hand"] or row["ambiguous"]]


def troubles(connection: Connection, campaign_id: int, limit: int = 20) -> list[dict[str, Any]]:
    """Rows that are not simply sent, with the last thing a server said about each."""
    rows = connection.execute(
        select(deliveries, subscribers.c.email, attempts.c.text, attempts.c.phase, attempts.c.enhanced)
        .outerjoin(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
        .outerjoin(attempts, attempts.c.id == _LAST)
        .where(
            deliveries.c.campaign_id == campaign_id,
            deliveries.c.status.in_([DeliveryStatus.FAILED, DeliveryStatus.AMBIGUOUS])
            | ((deliveries.c.status == DeliveryStatus.PENDING) & (deliveries.c.tries > 0)),
        )
        .order_by(deliveries.c.changed_at.desc())
        .limit(limit)
    )
    return [
        {
            "email": row.email,
            "status": row.status,
            "tries": row.tries,
            "due_at": iso(row.due_at) if row.status == DeliveryStatus.PENDING else None,
            "code": row.code,
            "enhanced": row.enhanced,
            "phase": row.phase,
            "text": row.text,
        }
        for row in rows
    ]


def copies(
    connection: Connection, subscriber_id: int, *, before: tuple[int, int] | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """What was or will be mailed to one reader, the newest campaign first, below (campaign, seq) `before`."""
    place = tuple_(deliveries.c.campaign_id, deliveries.c.seq)
    query = (
        select(deliveries, campaigns.c.kind, campaigns.c.slug, attempts.c.text, attempts.c.enhanced)
        # The key of the ledger begins with the campaign, so there is one look-up for each of these few.
        .join(campaigns, campaigns.c.id == deliveries.c.campaign_id)
        .outerjoin(attempts, attempts.c.id == _LAST)
        .where(deliveries.c.subscriber_id == subscriber_id)
        .order_by(deliveries.c.campaign_id.desc(), deliveries.c.seq.desc())
        .limit(limit)
    )
    return [
        {
            "campaign": row.campaign_id,
            "kind": row.kind,
            "issue": row.slug or None,
            "seq": row.seq,
            "status": row.status,
            "tries": row.tries,
            "due_at": iso(row.due_at),
            "changed_at": iso(row.changed_at),
            "code": row.code,
            "enhanced": row.enhanced,
            "text": row.text,
        }
        for row in connection.execute(query if before is None else query.where(place < before))
    ]


def _described(row: Row) -> dict[str, Any]:
    return {
        "campaign": row.id,
        "kind": row.kind,
        "issue": row.slug or None,
        "series": row.series or None,
        "list": row.list_slug,
        "status": row.status,
        "sandbox": bool(row.is_trial),
        "pause_reason": row.pause_reason or None,
        "scheduled_at": iso(row.scheduled_at),
        "created_at": iso(row.created_at),
        "finished_at": iso(row.finished_at),
        "audience": row.audience,
    }
