"""Which steps a Campaign and a Delivery may take: two tables, and the guarded UPDATEs for campaigns.

The ledger guards its own UPDATEs with `sources`, so that no statement in the house can move a row
along an edge that is not written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import Connection, exists, select, update

from newsletter.errors import NotFoundError, StateError
from newsletter.store.schema import CampaignKind, campaigns, deliveries
from newsletter.store.schema import CampaignStatus as C
from newsletter.store.schema import DeliveryStatus as D

Status = TypeVar("Status", bound=StrEnum)

CAMPAIGN: Mapping[C, frozenset[C]] = {
    C.SCHEDULED: frozenset({C.SENDING, C.PAUSED, C.CANCELLED}),
    C.SENDING: frozenset({C.PAUSED, C.FINISHED, C.CANCELLED}),
    C.PAUSED: frozenset({C.SENDING, C.SCHEDULED, C.CANCELLED}),
    C.FINISHED: frozenset({C.SENDING}),
    C.CANCELLED: frozenset(),
}
"""A finished campaign sends again only when an ambiguous row turns out not to be sent, or the operator says so."""

DELIVERY: Mapping[D, frozenset[D]] = {
    D.PENDING: frozenset({D.CLAIMED, D.SKIPPED}),
    D.CLAIMED: frozenset({D.PENDING, D.INFLIGHT, D.SKIPPED, D.FAILED}),
    D.INFLIGHT: frozenset({D.PENDING, D.SENT, D.FAILED, D.AMBIGUOUS}),
    D.AMBIGUOUS: frozenset({D.SENT, D.FAILED, D.PENDING}),
    D.SENT: frozenset(),
    D.FAILED: frozenset(),
    D.SKIPPED: frozenset(),
}
"""`claimed → failed` is a message that cannot be composed; `ambiguous →` needs evidence or the operator."""


def sources(transitions: Mapping[Status, frozenset[Status]], target: Status) -> list[str]:
    """The statuses from which `target` may be reached."""
    return [status.value for status, targets in transitions.items() if target in targets]


LATE = timedelta(hours=1)
"""A schedule missed by more than this is held: a good morning in the evening is for the operator to decide."""


def move_campaign(connection: Connection, campaign_id: int, target: C, *, now: datetime, reason: str = "") -> None:
    """Take one step, or raise `StateError` saying where the campaign stands."""
    moved = connection.execute(
        update(campaigns)
        .where(campaigns.c.id == campaign_id, campaigns.c.status.in_(sources(CAMPAIGN, target)))
        .values(
            status=target.value,
            pause_reason=reason,
            finished_at=now if target in {C.FINISHED, C.CANCELLED} else None,
        )
    ).rowcount
    if moved:
        return
    status = connection.execute(select(campaigns.c.status).where(campaigns.c.id == campaign_id)).scalar()
    if status is None:
        raise NotFoundError(f"There is no campaign {campaign_id}.", hint="`newsletter campaign list` shows them all.")
    raise StateError(
        f"Campaign {campaign_id} is {status}; it cannot become {target.value}.",
        hint=f"`newsletter campaign show {campaign_id}` tells what became of every copy.",
    )


def start_scheduled(connection: Connection, now: datetime) -> int:
    """`scheduled → sending` for campaigns whose time has come, `→ paused` for those that missed it by far."""
    late = select(campaigns.c.id, campaigns.c.scheduled_at).where(
        campaigns.c.status == C.SCHEDULED, campaigns.c.scheduled_at < now - LATE
    )
    for row in connection.execute(late).all():
        when = f"{row.scheduled_at:%Y-%m-%d %H:%M} UTC"
        reason = f"its time, {when}, was missed by {_in_words(now - row.scheduled_at)}; resume sends it now"
        with suppress(StateError):  # another sender was quicker, or the operator
            move_campaign(connection, row.id, C.PAUSED, now=now, reason=reason)
    return int(
        connection.execute(
            update(campaigns)
            .where(campaigns.c.status == C.SCHEDULED, campaigns.c.scheduled_at <= now)
            .values(status=C.SENDING)
        ).rowcount
    )


def finish_done(connection: Connection, now: datetime) -> int:
    """`sending → finished` for issues of which no row is pending, claimed or in flight."""
    unsettled = exists().where(
        deliveries.c.campaign_id == campaigns.c.id,
        deliveries.c.status.in_([D.PENDING, D.CLAIMED, D.INFLIGHT]),
    )
    return int(
        connection.execute(
            update(campaigns)
            .where(campaigns.c.kind == CampaignKind.ISSUE, campaigns.c.status == C.SENDING, ~unsettled)
            .values(status=C.FINISHED, finished_at=now)
        ).rowcount
    )


def _in_words(span: timedelta) -> str:
    hours, minutes = divmod(span // timedelta(minutes=1), 60)
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours} h {minutes} min"
