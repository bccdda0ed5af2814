"""The ledger: freeze, arm, record, reap. Every statement that moves a Delivery is here or in `claims`.

The order of steps is what keeps the two promises "nobody gets it twice" and "nobody is forgotten":
a row is armed, and that is committed, before its final dot can leave; what happened is recorded
after. Whoever dies in between leaves a row `inflight`, and the reaper calls it `ambiguous`: it may
have been accepted, and a newsletter that comes twice is worse than one that asks its operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

from newsletter.deliveries import workers
from newsletter.deliveries.claims import Delivery, Scope
from newsletter.deliveries.lifecycle import DELIVERY, sources
from newsletter.deliveries.retry import Decision
from newsletter.store.schema import (
    CampaignKind,
    CampaignStatus,
    DeliveryStatus,
    attempts,
    campaigns,
    deliveries,
)
from newsletter.transport.base import Outcome, Verdict


class Named(Protocol):
    """Whatever names a row of the ledger."""

    @property
    def campaign_id(self) -> int: ...
    @property
    def subscriber_id(self) -> int: ...
    @property
    def seq(self) -> int: ...


@dataclass(frozen=True)
class Totals:
    """How many rows of a campaign stand where."""

    audience: int = 0
    sent: int = 0
    failed: int = 0
    ambiguous: int = 0
    skipped: int = 0
    pending: int = 0
    claimed: int = 0
    inflight: int = 0

    @property
    def open(self) -> int:
        """Rows that are not settled yet."""
        return self.pending + self.claimed + self.inflight


def freeze(connection: Connection, campaign_id: int, audience: Select[tuple[int]], now: datetime) -> int:
    """Write one pending row per subscriber id that `audience` selects, in one statement; returns how many."""
    people = audience.subquery()
    rows = select(
        literal(campaign_id),
        people.c[0],
        literal(0),
        literal(DeliveryStatus.PENDING.value),
        literal(now, deliveries.c.due_at.type),
        literal(now, deliveries.c.due_at.type),
    )
    columns = ["campaign_id", "subscriber_id", "seq", "status", "due_at", "changed_at"]
    frozen = insert(deliveries).from_select(columns, rows)
    return int(connection.execute(frozen, execution_options={"preserve_rowcount": True}).rowcount)


def is_sending() -> ColumnElement[bool]:
    """SQL: the campaign of this row of `deliveries` lets its copies go."""
    return exists().where(campaigns.c.id == deliveries.c.campaign_id, campaigns.c.status == CampaignStatus.SENDING)


def arm(
    connection: Connection, delivery: Delivery, worker_id: int, still_wanted: ColumnElement[bool], now: datetime
) -> bool:
    """Compare-and-swap `claimed → inflight`; `still_wanted` is checked in the same statement.

    False when the reader left in the meantime (the row is `skipped`), when the campaign was paused
    (the row goes back to `pending`), or when the claim is no longer ours (nothing is touched).
    """
    mine = and_(_is(delivery), deliveries.c.worker_id == worker_id, deliveries.c.status == DeliveryStatus.CLAIMED)
    sending = is_sending()
    armed = connection.execute(
        update(deliveries)
        .where(mine, sending, still_wanted)
        .values(status=DeliveryStatus.INFLIGHT, tries=deliveries.c.tries + 1, changed_at=now)
    ).rowcount
    if armed:
        return True
    back = update(deliveries).values(worker_id=null(), changed_at=now)
    connection.execute(back.where(mine, ~sending).values(status=DeliveryStatus.PENDING))
    connection.execute(back.where(mine, sending).values(status=DeliveryStatus.SKIPPED))
    return False


def record(
    connection: Connection,
    delivery: Delivery,
    worker_id: int,
    *,
    outcome: Outcome,
    decision: Decision,
    now: datetime,
) -> bool:
    """Write down what happened; a definite answer may still come after the reaper called it ambiguous.

    A refusal may come before the row was armed, because commands ride ahead of their body; it counts as a try.
    """
    status, tries = deliveries.c.status, deliveries.c.tries
    open_to = [DeliveryStatus.INFLIGHT.value]
    if outcome.verdict is not Verdict.UNKNOWN:
        open_to.append(DeliveryStatus.AMBIGUOUS.value)
    # Every arming is a fence of its own: a late answer to an earlier try says nothing about this one.
    allowed = and_(status.in_(open_to), tries == delivery.tries + 1)
    if outcome.verdict in {Verdict.REJECTED, Verdict.DEFERRED}:
        allowed = or_(allowed, and_(status == DeliveryStatus.CLAIMED, tries == delivery.tries))
    recorded = connection.execute(
        update(deliveries)
        .where(_is(delivery), deliveries.c.worker_id == worker_id, allowed)
        .values(
            status=decision.status,
            due_at=decision.due_at if decision.due_at else deliveries.c.due_at,
            worker_id=worker_id if decision.status is DeliveryStatus.AMBIGUOUS else null(),
            tries=delivery.tries + 1,
            code=outcome.code or null(),
            changed_at=now,
        )
    ).rowcount
    if outcome.verdict is not Verdict.ACCEPTED:
        note_attempt(connection, delivery, outcome, now)
    if recorded and decision.status is DeliveryStatus.PENDING:
        _deferred_after_the_end(connection, delivery, now)
    return bool(recorded)


def _deferred_after_the_end(connection: Connection, delivery: Delivery, now: datetime) -> None:
    """Nobody is forgotten: a campaign that was finished without this row goes on, a cancelled one leaves it out."""
    campaign = campaigns.c.id == delivery.campaign_id
    connection.execute(
        update(campaigns)
        .where(campaign, campaigns.c.status == CampaignStatus.FINISHED)
        .values(status=CampaignStatus.SENDING, finished_at=null())
    )
    if connection.execute(select(campaigns.c.status).where(campaign)).scalar() == CampaignStatus.CANCELLED:
        connection.execute(
            update(deliveries)
            .where(_is(delivery), deliveries.c.status == DeliveryStatus.PENDING)
            .values(status=DeliveryStatus.SKIPPED, changed_at=now)
        )


def refuse(connection: Connection, delivery: Delivery, worker_id: int, outcome: Outcome, now: datetime) -> None:
    """`claimed → failed` for a message that cannot be composed; the others go on."""
    connection.execute(
        update(deliveries)
        .where(_is(delivery), deliveries.c.worker_id == worker_id, deliveries.c.status == DeliveryStatus.CLAIMED)
        .values(status=DeliveryStatus.FAILED, worker_id=null(), changed_at=now)
    )
    note_attempt(connection, delivery, outcome, now)


def note_attempt(connection: Connection, delivery: Named, outcome: Outcome, now: datetime) -> None:
    """Append one Attempt."""
    connection.execute(
        insert(attempts).values(
            campaign_id=delivery.campaign_id,
            subscriber_id=delivery.subscriber_id,
            seq=delivery.seq,
            at=now,
            verdict=outcome.verdict.value,
            phase=outcome.phase.value,
            code=outcome.code,
            enhanced=outcome.enhanced[:16],
            text=outcome.text[:500],
        )
    )


def put_back(connection: Connection, delivery: Delivery, worker_id: int, now: datetime) -> bool:
    """`claimed → pending` for a row that nothing was tried with: due as before, no try counted.

    False when it was armed already: then it is an ordinary deferral.
    """
    return bool(
        connection.execute(
            update(deliveries)
            .where(_is(delivery), deliveries.c.worker_id == worker_id, deliveries.c.status == DeliveryStatus.CLAIMED)
            .values(status=DeliveryStatus.PENDING, worker_id=null(), changed_at=now)
        ).rowcount
    )


def put_off(connection: Connection, dues: Sequence[tuple[Delivery, datetime]], worker_id: int, now: datetime) -> None:
    """`claimed → pending` for rows that have to wait their turn, each due at its moment; no try is counted."""
    d = deliveries.c
    connection.execute(
        update(deliveries)
        .where(
            d.campaign_id == bindparam("campaign"),
            d.subscriber_id == bindparam("person"),
            d.seq == bindparam("number"),
            d.worker_id == worker_id,
            d.status == DeliveryStatus.CLAIMED,
        )
        .values(status=DeliveryStatus.PENDING, worker_id=null(), due_at=bindparam("due"), changed_at=now),
        [
            {"campaign": delivery.campaign_id, "person": delivery.subscriber_id, "number": delivery.seq, "due": due}
            for delivery, due in dues
        ],
    )


def release(connection: Connection, worker_ids: Sequence[int], now: datetime) -> int:
    """`claimed → pending` for workers that stop or are dead: these rows were never on the wire."""
    return int(
        connection.execute(
            update(deliveries)
            .where(deliveries.c.worker_id.in_(worker_ids), deliveries.c.status == DeliveryStatus.CLAIMED)
            .values(status=DeliveryStatus.PENDING, worker_id=null(), changed_at=now)
        ).rowcount
    )


def reap(connection: Connection, now: datetime) -> int:
    """Settle what dead workers held; returns how many rows of issues became ambiguous."""
    gone = workers.dead(connection, now)
    return bury(connection, gone, now) if gone else 0


def bury(connection: Connection, worker_ids: Sequence[int], now: datetime) -> int:
    """Settle what these workers held, and forget them; returns how many rows became ambiguous.

    Never `inflight → pending` for an issue: the message may have been accepted. Standing campaigns
    are at-least-once, so theirs do go back.
    """
    release(connection, worker_ids, now)
    held = and_(deliveries.c.worker_id.in_(worker_ids), deliveries.c.status == DeliveryStatus.INFLIGHT)
    of_an_issue = exists().where(campaigns.c.id == deliveries.c.campaign_id, campaigns.c.kind == CampaignKind.ISSUE)
    connection.execute(
        update(deliveries)
        .where(held, ~of_an_issue)
        .values(status=DeliveryStatus.PENDING, worker_id=null(), due_at=now, changed_at=now)
    )
    doubtful = connection.execute(
        update(deliveries).where(held, of_an_issue).values(status=DeliveryStatus.AMBIGUOUS, changed_at=now)
    ).rowcount
    for worker_id in worker_ids:
        workers.retire(connection, worker_id)
    return int(doubtful)


def totals(connection: Connection, campaign_id: int) -> Totals:
    """Count the campaign's rows by status."""
    # Deliberately no GROUP BY: for a million rows that sorts a million rows.
    counts = [func.count().filter(deliveries.c.status == status).label(status.value) for status in DeliveryStatus]
    row = connection.execute(select(*counts).where(deliveries.c.campaign_id == campaign_id)).one()
    return Totals(audience=sum(row), **row._mapping)


def next_due(connection: Connection, scope: Scope) -> datetime | None:
    """When the next pending row of these campaigns is due, or None."""
    due: list[datetime] = []
    for campaign_id in connection.execute(select(campaigns.c.id).where(scope.condition())).scalars().all():
        first = connection.execute(
            select(deliveries.c.due_at)
            .where(deliveries.c.campaign_id == campaign_id, deliveries.c.status == DeliveryStatus.PENDING)
            .order_by(deliveries.c.due_at)
            .limit(1)
        ).scalar()
        if first is not None:
            due.append(first)
    return min(due, default=None)


def held(connection: Connection, campaign_id: int) -> int:
    """How many rows of a campaign some worker has in hand or on the wire."""
    return int(
        connection.execute(
            select(func.count())
            .select_from(deliveries)
            .where(
                deliveries.c.campaign_id == campaign_id,
                or_(deliveries.c.status == DeliveryStatus.CLAIMED, deliveries.c.status == DeliveryStatus.INFLIGHT),
            )
        ).scalar_one()
    )


def resolve(connection: Connection, campaign_id: int, decision: Decision, now: datetime) -> int:
    """Move every ambiguous row as the operator decided; returns how many."""
    return int(
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.campaign_id == campaign_id,
                deliveries.c.status == DeliveryStatus.AMBIGUOUS,
            )
            .values(status=decision.status, due_at=decision.due_at or now, worker_id=null(), changed_at=now)
        ).rowcount
    )


def prove(connection: Connection, copy: tuple[int, int, int], status: DeliveryStatus, now: datetime) -> bool:
    """`ambiguous → sent | failed` for one copy (campaign, subscriber, seq) of which something came back.

    What the ledger is sure of stays: the next hop accepted a `sent` copy, whatever became of it later.
    """
    campaign_id, subscriber_id, seq = copy
    return bool(
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.campaign_id == campaign_id,
                deliveries.c.subscriber_id == subscriber_id,
                deliveries.c.seq == seq,
                deliveries.c.status == DeliveryStatus.AMBIGUOUS,
            )
            .values(status=status, worker_id=null(), changed_at=now)
        ).rowcount
    )


def skip_pending(connection: Connection, campaign_id: int, now: datetime) -> int:
    """`pending → skipped` for a campaign that is cancelled; what is on the wire finishes by itself."""
    return int(
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.campaign_id == campaign_id,
                deliveries.c.status.in_(sources(DELIVERY, DeliveryStatus.SKIPPED)),
            )
            .values(status=DeliveryStatus.SKIPPED, worker_id=null(), changed_at=now)
        ).rowcount
    )


def soon(now: datetime, due: datetime | None, patience: timedelta) -> bool:
    """Whether something is due within `patience`."""
    return due is not None and due <= now + patience


def _is(delivery: Delivery) -> ColumnElement[bool]:
    return and_(
        deliveries.c.campaign_id == delivery.campaign_id,
        deliveries.c.subscriber_id == delivery.subscriber_id,
        deliveries.c.seq == delivery.seq,
    )
