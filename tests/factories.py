"""Small pieces of data for tests: people, campaigns, requests and outcomes, each with one call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, text

from newsletter import addresses
from newsletter.content.values import Image, Issue, Markdown
from newsletter.deliveries import ledger
from newsletter.rendering.slots import Rendered, Slot
from newsletter.rendering.variants import Edition
from newsletter.store.schema import (
    CampaignKind,
    CampaignStatus,
    SubscriptionStatus,
    campaigns,
    deliveries,
    subscribers,
    subscriptions,
)
from newsletter.subscribers import lifecycle, people
from newsletter.subscribers.consent import Evidence, Wording
from newsletter.subscribers.people import Subscriber
from newsletter.subscribers.signup import Request
from newsletter.tokens import KeyRing
from newsletter.transport.base import Outcome, Phase, Verdict

START = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)
TODAY = START.date()

ACCEPTED = Outcome(Verdict.ACCEPTED, Phase.DOT, 250, "2.0.0", "OK")
GREYLISTED = Outcome(Verdict.DEFERRED, Phase.RCPT, 451, "4.7.1", "Greylisted, come back later")
LOST = Outcome(Verdict.DEFERRED, Phase.DATA, 421, "4.3.2", "Shutting down", session=True)
REFUSED = Outcome(Verdict.REJECTED, Phase.RCPT, 550, "5.1.1", "No such user")
SILENCE = Outcome(Verdict.UNKNOWN, Phase.DOT, text="the connection was lost after the final dot")

WORDING = Wording("1", "en", "Get THE STEADY SPINE. No spam, and you can leave with one click.")
FORM = Evidence("form", "203.0.113.0/24", "Mozilla/5.0", origin="https://news.example.org/")
PAGE = Evidence("confirm-page", "203.0.113.0/24", "Mozilla/5.0")


def list_id(connection: Connection, slug: str = "steady-spine") -> int:
    """The row number of a list."""
    return lifecycle.list_ids(connection)[slug]


def person(connection: Connection, keys: KeyRing, email: str, *, name: str = "", now: datetime = START) -> Subscriber:
    """Somebody on file, on no list."""
    return people.file(connection, addresses.parse(email), keys, now, name=name)


def subscribed(
    connection: Connection,
    keys: KeyRing,
    email: str,
    status: SubscriptionStatus = SubscriptionStatus.CONFIRMED,
    *,
    slug: str = "steady-spine",
    now: datetime = START,
) -> Subscriber:
    """Somebody who stands with a list as `status` says, new on file or not."""
    found = people.find(connection, addresses.parse(email).key) or person(connection, keys, email, now=now)
    target = list_id(connection, slug)
    lifecycle.begin(connection, found.id, target, "form", now)
    if status is not SubscriptionStatus.PENDING:
        assert lifecycle.move(connection, found.id, target, status, now)
    return found


def readers(connection: Connection, keys: KeyRing, count: int, *, slug: str = "steady-spine") -> list[Subscriber]:
    """So many confirmed readers: r0@example.net, r1@example.net …"""
    return [subscribed(connection, keys, f"r{number}@example.net", slug=slug) for number in range(count)]


def issue_campaign(
    connection: Connection,
    *,
    slug: str = "spring",
    to: str = "steady-spine",
    trial: bool = False,
    status: CampaignStatus = CampaignStatus.SENDING,
    now: datetime = START,
) -> int:
    """A campaign of an issue to everybody who is confirmed, frozen but without a Snapshot; returns its id."""
    target = list_id(connection, to)
    campaign_id = int(
        connection.execute(
            insert(campaigns)
            .values(kind=CampaignKind.ISSUE, status=status, list_id=target, slug=slug, is_trial=trial, created_at=now)
            .returning(campaigns.c.id)
        ).scalar_one()
    )
    audience = select(subscriptions.c.subscriber_id).where(
        subscriptions.c.list_id == target, subscriptions.c.status == SubscriptionStatus.CONFIRMED
    )
    ledger.freeze(connection, campaign_id, audience, now)
    return campaign_id


def request(
    email: str, *list_ids: int, name: str = "", fields: Mapping[str, Any] | None = None, evidence: Evidence = FORM
) -> Request:
    """A sign-up as the form hands it over."""
    return Request(addresses.parse(email), list_ids or (1,), evidence, WORDING, name=name, fields=dict(fields or {}))


def unguard_evidence(connection: Connection) -> None:
    """Take away what keeps records of consent from being changed, as somebody with the database in hand could."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("ALTER TABLE consent_records DISABLE TRIGGER USER"))
    else:
        for name in ("update", "delete", "replace"):
            connection.execute(text(f"DROP TRIGGER consent_records_refuse_{name}"))


def statuses(connection: Connection, campaign_id: int) -> dict[str, str]:
    """Where every row of a campaign stands, by address."""
    rows = connection.execute(
        select(subscribers.c.email, deliveries.c.status)
        .join(deliveries, deliveries.c.subscriber_id == subscribers.c.id)
        .where(deliveries.c.campaign_id == campaign_id)
    )
    return {row.email: row.status for row in rows}


def rendered(word: str = "hello") -> Rendered:
    """A small issue rendered once, with a slot for the first name and one for the link that ends it."""
    name = Slot("NLSLOTabcd0000X", "subscriber.first_name", "friend")
    leave = Slot("NLSLOTabcd0001X", "unsubscribe_url", None)
    return Rendered(
        subject=f"Spring for {name.token}",
        preheader="What to do with a stiff neck.",
        html=f'<p>Dear {name.token}, {word}.</p><p><a href="{leave.token}">Leave</a></p>',
        text=f"Dear {name.token}, {word}.\n\n{leave.token}\n",
        slots=(name, leave),
        page=f"<p>{word}</p>",
    )


def edition(word: str = "hello") -> Edition:
    """The same for everybody."""
    return Edition.of(rendered(word))


def issue(slug: str = "spring", images: Mapping[str, Image] | None = None, on: date = TODAY) -> Issue:
    """The content that `rendered` might have come from."""
    path = Path("issues") / slug
    letter = Markdown("Hello.", path / "issue.md", 9)
    return Issue(slug, path, "Spring", "Stiff necks.", on, None, letter, None, (), dict(images or {}))
