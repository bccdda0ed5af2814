"""Whether a campaign should pause because of what comes back; the sender's own breakers see only what is refused.

Through a relay every copy is accepted first, and the bad news comes by mail minutes later.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from newsletter.deliveries import lifecycle
from newsletter.deliveries.breakers import MOST_REFUSALS
from newsletter.errors import StateError
from newsletter.feedback.policy import reason_to_stop, refused_by, worth_counting
from newsletter.store.feedback_schema import FeedbackKind, feedback_alarms, feedback_events
from newsletter.store.schema import CampaignStatus, DeliveryStatus, campaigns, deliveries


def look(connection: Connection, campaign_id: int, kind: FeedbackKind, provider: str, now: datetime) -> None:
    """Pause a campaign that is being sent when this event was one too many."""
    status = connection.execute(select(campaigns.c.status).where(campaigns.c.id == campaign_id)).scalar()
    if status != CampaignStatus.SENDING:
        return
    if kind is FeedbackKind.BLOCK:
        about = f"{kind}: {provider}"
        events, reason = _refusals(connection, campaign_id, provider)
    else:
        about = kind.value
        events, reason = _share(connection, campaign_id, kind)
    if not reason or events < 2 * _told(connection, campaign_id, about):
        return
    with suppress(StateError):
        lifecycle.move_campaign(connection, campaign_id, CampaignStatus.PAUSED, now=now, reason=reason)
    here = (feedback_alarms.c.campaign_id == campaign_id, feedback_alarms.c.about == about)
    connection.execute(delete(feedback_alarms).where(*here))
    connection.execute(insert(feedback_alarms).values(campaign_id=campaign_id, about=about, events=events, at=now))


def _told(connection: Connection, campaign_id: int, about: str) -> int:
    """How many there were when it was last paused for this."""
    found = connection.execute(
        select(feedback_alarms.c.events).where(
            feedback_alarms.c.campaign_id == campaign_id, feedback_alarms.c.about == about
        )
    ).scalar()
    return found or 0


def _share(connection: Connection, campaign_id: int, kind: FeedbackKind) -> tuple[int, str]:
    """Readers it was said of, and why to stop if they are too many of those mailed."""
    events = connection.execute(
        select(func.count(func.distinct(feedback_events.c.subscriber_id))).where(
            feedback_events.c.campaign_id == campaign_id, feedback_events.c.kind == kind
        )
    ).scalar_one()
    harmless = worth_counting(kind, events)
    if not harmless:
        return events, ""
    left = (
        select(deliveries.c.subscriber_id)
        .where(
            deliveries.c.campaign_id == campaign_id,
            deliveries.c.status.in_([DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.AMBIGUOUS]),
        )
        .limit(harmless)
    )
    sent = connection.execute(select(func.count()).select_from(left.subquery())).scalar_one()
    return events, "" if sent >= harmless else reason_to_stop(kind, events, campaign_id)


def _refusals(connection: Connection, campaign_id: int, provider: str) -> tuple[int, str]:
    """How often a provider sent something back because of us, and why to stop if that is all it does."""
    here = (feedback_events.c.campaign_id == campaign_id, feedback_events.c.provider == provider)
    last = connection.execute(
        select(feedback_events.c.kind, feedback_events.c.reason)
        .where(*here)
        .order_by(feedback_events.c.id.desc())
        .limit(MOST_REFUSALS)
    ).all()
    if len(last) < MOST_REFUSALS or any(row.kind != FeedbackKind.BLOCK for row in last):
        return 0, ""
    events = connection.execute(
        select(func.count()).select_from(feedback_events).where(*here, feedback_events.c.kind == FeedbackKind.BLOCK)
    ).scalar_one()
    return events, refused_by(provider, last[0].reason, campaign_id)
