"""Series: issues that every new reader of a list gets, each so many days after the confirmation.

Every step is a standing campaign of its own in the same ledger: who confirms is enrolled into all steps at once, due
on their days, and what must be true of any issue is asked again when a copy leaves. `[[series]]` is the truth about
which steps there are; the campaigns follow it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, insert, select, update

from newsletter.config.model import SeriesConfig
from newsletter.deliveries import ledger, standing
from newsletter.deliveries.lifecycle import move_campaign
from newsletter.errors import NotFoundError, RenderError
from newsletter.store.schema import (
    CampaignKind,
    CampaignStatus,
    DeliveryStatus,
    SubscriptionStatus,
    campaigns,
    deliveries,
    subscriptions,
)
from newsletter.store.types import from_millis, to_millis

WAITING = "its issue is frozen when the first copy is due"
"""Why a step that nobody has got yet is paused."""


@dataclass(frozen=True)
class Step:
    """One issue of a series, for one list."""

    series: str
    list_id: int
    slug: str
    after_days: int


def steps(configured: Sequence[SeriesConfig], list_ids: Mapping[str, int]) -> frozenset[Step]:
    """Every step of these series."""
    return frozenset(
        Step(each.name, list_ids[each.list], step.issue, step.after_days) for each in configured for step in each.steps
    )


def is_current(connection: Connection, wanted: Collection[Step]) -> bool:
    """Whether the standing campaigns are those of these steps."""
    return set(_standing(connection)) == set(wanted)


def mirror(connection: Connection, wanted: Collection[Step], now: datetime) -> None:
    """Make the standing campaigns those of these steps.

    A step that was taken out ends, and what of it has not left never does; another number of days is for those who
    confirm from now on.
    """
    present = {_name(step): (step, campaign_id) for step, campaign_id in _standing(connection).items()}
    for step in sorted(wanted, key=lambda each: (each.series, each.after_days, each.slug)):
        found = present.pop(_name(step), None)
        if found is None:
            connection.execute(
                insert(campaigns).values(
                    kind=CampaignKind.SERIES,
                    status=CampaignStatus.PAUSED,
                    pause_reason=WAITING,
                    list_id=step.list_id,
                    slug=step.slug,
                    series=step.series,
                    after_days=step.after_days,
                    is_trial=False,
                    created_at=now,
                )
            )
        elif found[0] != step:
            change = update(campaigns).where(campaigns.c.id == found[1])
            connection.execute(change.values(after_days=step.after_days))
    for _step, campaign_id in present.values():
        move_campaign(connection, campaign_id, CampaignStatus.CANCELLED, now=now)
        ledger.skip_pending(connection, campaign_id, now)


def enrol(connection: Connection, subscriber_id: int, list_id: int, now: datetime) -> None:
    """Somebody has confirmed: every step of the list's series is due on its day, but for issues they had or wait for.

    Who left and comes back gets what they have not had yet, counted from the new confirmation.
    """
    for step, campaign_id in _standing(connection).items():
        if step.list_id != list_id:
            continue
        due = now + timedelta(days=step.after_days)
        waits = (
            deliveries.c.campaign_id == campaign_id,
            deliveries.c.subscriber_id == subscriber_id,
            deliveries.c.status == DeliveryStatus.PENDING,
            deliveries.c.tries == 0,
        )
        postponed = connection.execute(update(deliveries).where(*waits).values(due_at=due, scope=_scope(due))).rowcount
        if not postponed and not connection.execute(select(_had(subscriber_id, step.slug))).scalar():
            standing.enrol(connection, campaign_id, subscriber_id, now=now, scope=_scope(due), due=due)


def postpone(connection: Connection, subscriber_id: int, until: datetime) -> None:
    """What would fall due before `until` and has not been tried is due then, dated of that day."""
    waits = (
        deliveries.c.campaign_id.in_(select(campaigns.c.id).where(campaigns.c.kind == CampaignKind.SERIES)),
        deliveries.c.subscriber_id == subscriber_id,
        deliveries.c.status == DeliveryStatus.PENDING,
        deliveries.c.tries == 0,
        deliveries.c.due_at < until,
    )
    connection.execute(update(deliveries).where(*waits).values(due_at=until, scope=_scope(until)))


def due_of(scope: Mapping[str, Any] | None) -> datetime:
    """The moment a copy of a step was to leave at, which is its Date on every try."""
    moment = from_millis((scope or {}).get("due"))
    if moment is None:
        raise RenderError("This row of a series has no date.")
    return moment


def to_freeze(connection: Connection, now: datetime) -> list[tuple[int, Step]]:
    """Steps of which a copy is due and that have not been frozen."""
    is_due = exists().where(
        deliveries.c.campaign_id == campaigns.c.id,
        deliveries.c.status == DeliveryStatus.PENDING,
        deliveries.c.due_at <= now,
    )
    rows = connection.execute(_query().where(campaigns.c.snapshot_id.is_(None), is_due)).all()
    return [(row.id, _step(row)) for row in rows]


def freeze(connection: Connection, campaign_id: int, snapshot_id: int, now: datetime) -> None:
    """From now on the step sends this Snapshot."""
    connection.execute(
        update(campaigns)
        .where(campaigns.c.id == campaign_id, campaigns.c.snapshot_id.is_(None))
        .values(snapshot_id=snapshot_id)
    )
    move_campaign(connection, campaign_id, CampaignStatus.SENDING, now=now)


def hold(connection: Connection, campaign_id: int, reason: str) -> None:
    """The step cannot be frozen, and why."""
    waiting = (campaigns.c.id == campaign_id, campaigns.c.status == CampaignStatus.PAUSED)
    connection.execute(update(campaigns).where(*waiting).values(pause_reason=reason))


def latecomers(connection: Connection, campaign_id: int) -> dict[int, datetime]:
    """Who confirmed before the step existed and has not had its issue: when it would have been due, by row number."""
    row = connection.execute(_query().where(campaigns.c.id == campaign_id)).one_or_none()
    if row is None:
        raise NotFoundError(
            f"Campaign {campaign_id} is no step of a series.", hint="`newsletter campaign list` shows the steps."
        )
    people = connection.execute(
        select(subscriptions.c.subscriber_id, subscriptions.c.confirmed_at).where(
            subscriptions.c.list_id == row.list_id,
            subscriptions.c.status == SubscriptionStatus.CONFIRMED,
            ~_had(subscriptions.c.subscriber_id, row.slug),
        )
    )
    return {each.subscriber_id: each.confirmed_at + timedelta(days=row.after_days) for each in people}


def enrol_latecomers(connection: Connection, campaign_id: int, now: datetime) -> int:
    """Give the step to everybody who would have had it, on their day or at once; returns to how many."""
    people = latecomers(connection, campaign_id)
    for subscriber_id, day in people.items():
        due = max(day, now)
        standing.enrol(connection, campaign_id, subscriber_id, now=now, scope=_scope(due), due=due)
    return len(people)


def _had(subscriber_id: int | ColumnElement[int], slug: str) -> ColumnElement[bool]:
    """SQL: a copy of that issue went to them or may have, or is on its way."""
    return exists().where(
        campaigns.c.id == deliveries.c.campaign_id,
        campaigns.c.kind.in_([CampaignKind.ISSUE, CampaignKind.SERIES]),
        campaigns.c.slug == slug,
        campaigns.c.is_trial.is_(False),
        deliveries.c.subscriber_id == subscriber_id,
        deliveries.c.status.not_in([DeliveryStatus.SKIPPED, DeliveryStatus.FAILED]),
    )


def _standing(connection: Connection) -> dict[Step, int]:
    return {_step(row): row.id for row in connection.execute(_query())}


def _query() -> Any:
    return select(campaigns).where(
        campaigns.c.kind == CampaignKind.SERIES, campaigns.c.status != CampaignStatus.CANCELLED
    )


def _step(row: Any) -> Step:
    return Step(row.series, row.list_id, row.slug, row.after_days)


def _name(step: Step) -> tuple[str, int, str]:
    """What a step remains the same by."""
    return step.series, step.list_id, step.slug


def _scope(due: datetime) -> dict[str, int]:
    return {"due": to_millis(due)}
