"""What must be true of the ledger whatever has happened; anything else is a fault of ours, or somebody else's hand.

These are the three promises of the house, asked of the rows themselves: nobody got an issue twice, nobody of an
audience is missing, and no row is in the hands of nobody.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from newsletter.store.schema import CampaignKind, CampaignStatus, DeliveryStatus, campaigns, deliveries

_HELD = (DeliveryStatus.CLAIMED.value, DeliveryStatus.INFLIGHT.value)
_OPEN = (DeliveryStatus.PENDING.value, *_HELD)
_SETTLED = (DeliveryStatus.SENT.value, DeliveryStatus.FAILED.value, DeliveryStatus.SKIPPED.value)
_ISSUES = (CampaignKind.ISSUE.value, CampaignKind.SERIES.value)


def broken(connection: Connection) -> Iterator[str]:
    """What does not hold, a sentence each."""
    yield from _finished_with_work_left(connection)
    yield from _hands(connection)
    yield from _audiences(connection)
    yield from _twice(connection)


def _finished_with_work_left(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        select(deliveries.c.campaign_id, func.count().label("number"))
        .join(campaigns, campaigns.c.id == deliveries.c.campaign_id)
        .where(campaigns.c.status == CampaignStatus.FINISHED.value, deliveries.c.status.in_(_OPEN))
        .group_by(deliveries.c.campaign_id)
    )
    for row in rows:
        yield f"campaign {row.campaign_id} is finished, but {row.number} of its copies are not"


def _hands(connection: Connection) -> Iterator[str]:
    count = select(func.count()).select_from(deliveries)
    ours = deliveries.c.campaign_id.in_(select(campaigns.c.id))
    lost = connection.execute(count.where(ours, deliveries.c.status.in_(_HELD), deliveries.c.worker_id.is_(None)))
    if number := lost.scalar_one():
        yield f"{number} copies are in the hands of no worker"
    kept = connection.execute(count.where(ours, deliveries.c.status.in_(_SETTLED), deliveries.c.worker_id.is_not(None)))
    if number := kept.scalar_one():
        yield f"{number} copies are settled, but still in the hands of a worker"


def _audiences(connection: Connection) -> Iterator[str]:
    rows = select(func.count()).where(deliveries.c.campaign_id == campaigns.c.id).correlate(campaigns).scalar_subquery()
    found = connection.execute(
        select(campaigns.c.id, campaigns.c.audience, rows.label("number")).where(
            campaigns.c.kind == CampaignKind.ISSUE.value
        )
    )
    for row in found:
        if row.number != row.audience:
            yield f"campaign {row.id} was launched to {row.audience} readers and has {row.number} copies"


def _twice(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        select(campaigns.c.slug, deliveries.c.subscriber_id)
        .join(campaigns, campaigns.c.id == deliveries.c.campaign_id)
        .where(
            campaigns.c.kind.in_(_ISSUES),
            campaigns.c.is_trial.is_(False),
            deliveries.c.status == DeliveryStatus.SENT.value,
        )
        .group_by(campaigns.c.slug, deliveries.c.subscriber_id)
        .having(func.count() > 1)
    )
    by_issue: dict[str, int] = {}
    for row in rows:
        by_issue[row.slug] = by_issue.get(row.slug, 0) + 1
    for slug, number in by_issue.items():
        yield f"issue {slug} was sent twice to {number} readers"
