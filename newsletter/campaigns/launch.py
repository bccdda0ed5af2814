"""Launching: everything that is checked, frozen and written before the first copy can leave.

One transaction makes Snapshot, Campaign and one ledger row per reader, or nothing. Launching an
issue again continues what is unfinished and refuses what is finished; the unique index on (slug,
list) holds even if two editors press the button at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from sqlalchemy import Connection, Select, insert, select, update

from newsletter.campaigns import audience, snapshot
from newsletter.content.values import Issue
from newsletter.deliveries import ledger
from newsletter.deliveries.lifecycle import move_campaign
from newsletter.deliveries.retry import Decision
from newsletter.errors import RefusedError, StateError
from newsletter.rendering.variants import Edition
from newsletter.store.schema import CampaignKind, CampaignStatus, DeliveryStatus, campaigns


@dataclass(frozen=True)
class Order:
    """What is to be sent, to whom, when."""

    slug: str
    content: tuple[Issue, Edition] | None
    """None when it cannot be read or rendered; an unfinished campaign, being frozen, continues all the same."""
    list_id: int
    list_slug: str
    is_trial: bool
    """Into the sandbox."""
    at: datetime | None = None
    """When sending starts; None is now."""


@dataclass(frozen=True)
class Plan:
    """What launching would do, for the operator to agree to."""

    audience: int
    sample: Sequence[str]
    campaign_id: int | None
    """The unfinished campaign that would be continued, if there is one."""
    variants: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    """How many readers get each variant, by the tags that name it; empty when all get the same."""


@dataclass(frozen=True)
class Launched:
    """A campaign that is under way."""

    campaign_id: int
    audience: int
    continued: bool


def plan(connection: Connection, order: Order) -> Plan:
    """Look, change nothing. Raises `RefusedError` when the issue was already sent to this list."""
    standing = _standing(connection, order)
    if standing is not None:
        _refuse_finished(connection, standing, order)
        return Plan(standing.audience, (), standing.id)
    people = audience.eligible(order.list_id, order.slug, is_trial=order.is_trial)
    shares = _shares(connection, people, order.content[1]) if order.content else {}
    return Plan(audience.count(connection, people), audience.sample(connection, people), None, shares)


def _shares(connection: Connection, people: Select[tuple[int]], edition: Edition) -> dict[tuple[str, ...], int]:
    if len(edition.renderings) == 1:
        return {}
    shares = dict.fromkeys(edition.names, 0)
    for tags, number in audience.by_tags(connection, people):
        shares[edition.names[edition.number(tags)]] += number
    return shares


def launch(
    connection: Connection, order: Order, *, errors: Sequence[str], expect: int | None, now: datetime
) -> Launched:
    """Start the campaign, or continue the unfinished one.

    `errors` are the findings that forbid sending; `expect` is the audience the operator agreed to.
    Raises `RefusedError` and leaves nothing behind when either speaks against it.
    """
    standing = _standing(connection, order)
    if standing is not None:
        _refuse_finished(connection, standing, order)
        _refuse_surprise(standing.audience, expect)
        if standing.status == CampaignStatus.PAUSED:
            move_campaign(connection, standing.id, resumed_status(connection, standing.id, now), now=now)
        return Launched(standing.id, standing.audience, continued=True)
    if errors or order.content is None:
        refuse_faults(order.slug, errors)
    snapshot_id = snapshot.take(connection, *order.content, now)
    campaign_id = int(
        connection.execute(
            insert(campaigns)
            .values(
                kind=CampaignKind.ISSUE,
                status=CampaignStatus.SENDING if order.at is None else CampaignStatus.SCHEDULED,
                list_id=order.list_id,
                snapshot_id=snapshot_id,
                slug=order.slug,
                is_trial=order.is_trial,
                scheduled_at=order.at,
                created_at=now,
            )
            .returning(campaigns.c.id)
        ).scalar_one()
    )
    people = audience.eligible(order.list_id, order.slug, is_trial=order.is_trial)
    frozen = ledger.freeze(connection, campaign_id, people, order.at or now)
    _refuse_surprise(frozen, expect)
    if frozen == 0:
        raise RefusedError(
            f"Nobody on the list {order.list_slug} is waiting for issue {order.slug}.",
            hint="`newsletter subscriber list` shows who is confirmed.",
        )
    connection.execute(update(campaigns).where(campaigns.c.id == campaign_id).values(audience=frozen))
    return Launched(campaign_id, frozen, continued=False)


def refuse_faults(slug: str, errors: Sequence[str]) -> NoReturn:
    """Findings that forbid sending."""
    first = errors[0] if errors else "it cannot be rendered."
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    raise RefusedError(
        f"Issue {slug} cannot be sent: {first}{more}", hint=f"Run `newsletter check {slug}` to see everything."
    )


def cancel(connection: Connection, campaign_id: int, now: datetime) -> int:
    """End a campaign for good; what has not left stays unsent. Returns how many were left out."""
    refuse_standing(connection, campaign_id)
    move_campaign(connection, campaign_id, CampaignStatus.CANCELLED, now=now)
    return ledger.skip_pending(connection, campaign_id, now)


def resumed_status(connection: Connection, campaign_id: int, now: datetime) -> CampaignStatus:
    """Where `resume` leads: back to waiting when its time has not come yet, else to sending.

    Only what is paused is resumed: a finished campaign sends again by `resolve` alone.
    """
    row = connection.execute(select(campaigns).where(campaigns.c.id == campaign_id)).one_or_none()
    if row is not None and row.status != CampaignStatus.PAUSED:
        raise StateError(
            f"Campaign {campaign_id} is {row.status}, not paused.",
            hint=f"`newsletter campaign show {campaign_id}` tells where it stands.",
        )
    at = row.scheduled_at if row is not None else None
    return CampaignStatus.SCHEDULED if at is not None and at > now else CampaignStatus.SENDING


def resolve(connection: Connection, campaign_id: int, *, resend: bool, now: datetime) -> int:
    """Settle every ambiguous copy as the operator says; returns how many there were.

    A second try carries the same Message-ID as the first, so that receivers who fold duplicates can.
    """
    refuse_standing(connection, campaign_id)
    status = connection.execute(select(campaigns.c.status).where(campaigns.c.id == campaign_id)).scalar()
    if resend and status == CampaignStatus.CANCELLED:
        raise RefusedError(
            f"Campaign {campaign_id} was cancelled, so nothing of it is sent again.",
            hint=f"`newsletter campaign resolve {campaign_id} --mark-sent` settles the copies in doubt.",
        )
    target = DeliveryStatus.PENDING if resend else DeliveryStatus.SENT
    count = ledger.resolve(connection, campaign_id, Decision(target), now)
    if not count:
        raise RefusedError(
            f"Campaign {campaign_id} has no copies in doubt.",
            hint=f"`newsletter campaign show {campaign_id}` tells what became of every copy.",
        )
    if resend and status == CampaignStatus.FINISHED:
        move_campaign(connection, campaign_id, CampaignStatus.SENDING, now=now)
    return count


def refuse_standing(connection: Connection, campaign_id: int) -> None:
    """Only campaigns of issues are paused, resumed and cancelled: readers wait for the others."""
    kind = connection.execute(select(campaigns.c.kind).where(campaigns.c.id == campaign_id)).scalar()
    if kind == CampaignKind.SERIES:
        raise StateError(
            f"Campaign {campaign_id} is a step of a series, which newsletter.toml decides about.",
            hint="Take the step out of [[series]] to end it.",
        )
    if kind is not None and kind != CampaignKind.ISSUE:
        raise StateError(f"Campaign {campaign_id} sends {kind} mails as long as people sign up; it cannot be stopped.")


def _standing(connection: Connection, order: Order) -> Any:
    return connection.execute(
        select(campaigns)
        .where(
            campaigns.c.kind == CampaignKind.ISSUE,
            campaigns.c.slug == order.slug,
            campaigns.c.list_id == order.list_id,
            campaigns.c.is_trial == order.is_trial,
            campaigns.c.status != CampaignStatus.CANCELLED,
        )
        .order_by(campaigns.c.id.desc())
        .limit(1)
    ).one_or_none()


def _refuse_finished(connection: Connection, standing: Any, order: Order) -> None:
    if standing.status != CampaignStatus.FINISHED:
        return
    place = "into the sandbox" if order.is_trial else f"to the list {order.list_slug}"
    hint = (
        "Set up [smtp] to send it to readers."
        if order.is_trial
        else f"`newsletter campaign show {standing.id}` tells what became of every copy."
    )
    in_doubt = ledger.totals(connection, standing.id).ambiguous
    if in_doubt:
        hint = (
            f"{in_doubt} of its copies are in doubt: `newsletter campaign resolve {standing.id} --mark-sent` or "
            "`--resend` settles them."
        )
    raise RefusedError(f"Issue {order.slug} was already sent {place} (campaign {standing.id}).", hint=hint)


def _refuse_surprise(actual: int, expect: int | None) -> None:
    if expect is not None and actual != expect:
        raise RefusedError(
            f"The audience is {actual} now, not {expect}.",
            hint="Nothing was sent. Look again, then agree to the new number.",
        )
