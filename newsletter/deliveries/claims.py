"""Claims: which rows a sender may take in hand, and what a composer needs to know about each.

`pending → claimed` is the first step of the protocol in `ledger`. It runs once for many rows, in text that
was prepared once, because it reads more than any other step.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import zip_longest
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Dialect, and_, or_, select, update

from newsletter.deliveries.lifecycle import DELIVERY, sources
from newsletter.deliveries.prepared import people_of
from newsletter.store.dialect import given, prepared
from newsletter.store.schema import CampaignKind, CampaignStatus, DeliveryStatus, campaigns, deliveries, subscribers
from newsletter.store.types import from_millis, to_millis


class Delivery(NamedTuple):
    """One claimed row of the ledger with what a composer needs to know about its reader."""

    campaign_id: int
    subscriber_id: int
    seq: int
    kind: CampaignKind
    list_id: int | None
    tries: int
    uid: int
    email: str
    name: str
    fields: dict[str, Any]
    language: str
    enrolled_at: datetime | None
    scope: dict[str, Any] | None
    tags: str = "[]"
    """A JSON list as it is stored: most issues are the same for everybody, and nobody looks."""


@dataclass(frozen=True)
class Scope:
    """Which campaigns a sender may empty.

    What was launched into the sandbox must never leave through a relay, and the other way round;
    standing campaigns go wherever mail goes now.
    """

    trial: bool
    campaign_id: int | None = None

    def condition(self) -> ColumnElement[bool]:
        """SQL over `campaigns`: sending, and ours."""
        ours = and_(
            campaigns.c.status == CampaignStatus.SENDING,
            or_(campaigns.c.kind != CampaignKind.ISSUE, campaigns.c.is_trial == self.trial),
        )
        return ours if self.campaign_id is None else and_(ours, campaigns.c.id == self.campaign_id)


def claim(
    connection: Connection, worker_id: int, scope: Scope, *, now: datetime, limit: int, nth: int = 0
) -> list[Delivery]:
    """Take up to `limit` due rows in hand: standing campaigns first, people wait for those; issues share the rest.

    Issues get equal parts, what one does not use goes to the others, and their rows come in turn. `nth` counts
    the claims of a sender: another issue comes first each time, should parts not be quite equal.
    """
    query = select(campaigns.c.id, campaigns.c.kind, campaigns.c.list_id).where(scope.condition())
    claimed: list[Delivery] = []
    issues = []
    welcomes_first = campaigns.c.kind == CampaignKind.SERIES, campaigns.c.id
    for campaign in connection.execute(query.order_by(*welcomes_first)).all():
        if campaign.kind == CampaignKind.ISSUE:
            issues.append(campaign)
        elif room := limit - len(claimed):
            claimed += _claim_from(connection, worker_id, campaign, now, room)
    first = nth % len(issues) if issues else 0
    return claimed + _shared(connection, worker_id, issues[first:] + issues[:first], now, limit - len(claimed))


def _shared(connection: Connection, worker_id: int, issues: list[Any], now: datetime, room: int) -> list[Delivery]:
    """Up to `room` rows in equal parts, one of each campaign after the other."""
    parts: dict[int, list[Delivery]] = {campaign.id: [] for campaign in issues}
    while issues and room:
        unsated = []
        for position, campaign in enumerate(issues):
            share = -(-room // (len(issues) - position))
            if not share:
                break
            rows = _claim_from(connection, worker_id, campaign, now, share)
            parts[campaign.id] += rows
            room -= len(rows)
            if len(rows) == share:
                unsated.append(campaign)
        issues = unsated
    return [delivery for row in zip_longest(*parts.values()) for delivery in row if delivery is not None]


def _claim_from(connection: Connection, worker_id: int, campaign: Any, now: datetime, limit: int) -> list[Delivery]:
    due, take = _statements(connection.dialect)
    here = {"campaign": campaign.id, "now": to_millis(now)}
    rows = connection.exec_driver_sql(due, here | {"limit": limit}).all()
    by_seq: dict[int, list[int]] = {}
    for row in rows:
        by_seq.setdefault(row[1], []).append(row[0])
    for seq, people in by_seq.items():
        connection.exec_driver_sql(take, here | {"worker": worker_id, "seq": seq, "people": json.dumps(people)})
    kind = CampaignKind(campaign.kind)
    return [
        Delivery(
            campaign.id,
            subscriber_id,
            seq,
            kind,
            campaign.list_id,
            tries,
            uid,
            email,
            name,
            {} if fields == "{}" else json.loads(fields),
            language,
            from_millis(enrolled_at),
            None if scope is None else json.loads(scope),
            tags,
        )
        for subscriber_id, seq, tries, uid, email, name, fields, language, enrolled_at, scope, tags in rows
    ]


@lru_cache(maxsize=4)
def _statements(dialect: Dialect) -> tuple[str, str]:
    """What is due, and `pending → claimed`.

    Where two senders may claim at once, neither waits for a row that the other is just taking.
    """
    d, s = deliveries.c, subscribers.c
    due = (
        select(
            *(d.subscriber_id, d.seq, d.tries, s.uid, s.email, s.name, s.fields, s.language),
            *(d.enrolled_at, d.scope, s.tags),
        )
        .join(subscribers, s.id == d.subscriber_id)
        .where(
            d.campaign_id == given("campaign"),
            d.status == DeliveryStatus.PENDING.value,
            d.due_at <= given("now"),
        )
        .order_by(d.due_at, d.subscriber_id)
        .limit(given("limit"))
        .with_for_update(of=deliveries, skip_locked=True)
    )
    take = (
        update(deliveries)
        .where(*people_of(deliveries), d.status.in_(sources(DELIVERY, DeliveryStatus.CLAIMED)))
        .values(status=DeliveryStatus.CLAIMED.value, worker_id=given("worker"), changed_at=given("now"))
    )
    return prepared(due, dialect), prepared(take, dialect)
