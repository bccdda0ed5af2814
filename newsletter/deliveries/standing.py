"""Standing campaigns: people are enrolled one at a time (confirmations, welcomes, goodbyes)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from newsletter.deliveries import ledger
from newsletter.store.schema import CampaignKind, CampaignStatus, DeliveryStatus, campaigns, deliveries, subscribers
from newsletter.transport.base import Outcome, Phase, Verdict


@dataclass(frozen=True)
class Waiting:
    """A mail that is not due yet and was never tried."""

    campaign_id: int
    subscriber_id: int
    seq: int
    domain: str
    """Of its reader, as an A-label."""


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


def waiting(connection: Connection, kind: CampaignKind, now: datetime, limit: int) -> Sequence[Waiting]:
    """Mails of that kind that were enrolled for later and never tried, the first due first."""
    campaign_ids = select(campaigns.c.id).where(campaigns.c.kind == kind)
    rows = connection.execute(
        select(deliveries.c.campaign_id, deliveries.c.subscriber_id, deliveries.c.seq, subscribers.c.email_key)
        .join(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
        .where(
            deliveries.c.campaign_id.in_(campaign_ids),
            deliveries.c.status == DeliveryStatus.PENDING,
            deliveries.c.due_at > now,
            deliveries.c.tries == 0,
        )
        .order_by(deliveries.c.due_at)
        .limit(limit)
    )
    return [Waiting(*row[:3], row.email_key.rpartition("@")[2]) for row in rows]


def release(connection: Connection, mail: Waiting, now: datetime) -> bool:
    """A mail that waits is due now; False when it no longer waits."""
    return _change(connection, mail, due_at=now, changed_at=now)


def leave_out(connection: Connection, mail: Waiting, why: str, now: datetime) -> bool:
    """`pending → skipped` for a mail that is better not sent, with an Attempt that says why; False when it is gone."""
    left_out = _change(connection, mail, status=DeliveryStatus.SKIPPED, changed_at=now)
    if left_out:
        outcome = Outcome(Verdict.REJECTED, Phase.CONNECT, text=f"not sent: {why}")
        ledger.note_attempt(connection, mail, outcome, now)
    return left_out


def _change(connection: Connection, mail: Waiting, **values: Any) -> bool:
    return bool(
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.campaign_id == mail.campaign_id,
                deliveries.c.subscriber_id == mail.subscriber_id,
                deliveries.c.seq == mail.seq,
                deliveries.c.status == DeliveryStatus.PENDING,
            )
            .values(**values)
        ).rowcount
    )
