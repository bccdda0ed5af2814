"""Whom a link names that stood in a mail of ours, and which mail that was."""

from __future__ import annotations

from sqlalchemy import Connection, select

from newsletter.errors import TokenError
from newsletter.store.schema import CampaignKind, DeliveryStatus, Row, campaigns, deliveries
from newsletter.subscribers import people
from newsletter.subscribers.people import Subscriber


def mailed(connection: Connection, kind: CampaignKind, uid: int, seq: int) -> tuple[Subscriber, Row]:
    """The person and the ledger row of a mail of this standing kind that was not left out, or `TokenError`."""
    person = people.by_uid(connection, uid)
    row = None
    if person is not None:
        row = connection.execute(
            select(deliveries)
            .join(campaigns, campaigns.c.id == deliveries.c.campaign_id)
            .where(
                campaigns.c.kind == kind,
                deliveries.c.subscriber_id == person.id,
                deliveries.c.seq == seq,
                deliveries.c.status != DeliveryStatus.SKIPPED,
            )
        ).one_or_none()
    if person is None or row is None:
        raise TokenError()
    return person, row
