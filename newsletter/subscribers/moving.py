"""A change of address: asked for with a fresh link, proved from the new mailbox, told to the old one.

Nothing changes until somebody presses the button in the new mailbox, so nobody can have a stranger's address put
on a list; and a new address gets as few mails as any other, whoever asks.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, select, update

from newsletter import addresses
from newsletter.addresses import Address
from newsletter.deliveries import standing
from newsletter.store import journal
from newsletter.store.journal import Departure, Line
from newsletter.store.schema import CampaignKind, ConsentKind, SubscriptionStatus, deliveries, subscribers
from newsletter.store.types import to_millis
from newsletter.subscribers import consent, gate, people, preferences, suppression
from newsletter.subscribers.consent import Act
from newsletter.subscribers.linked import mailed
from newsletter.subscribers.people import Subscriber
from newsletter.tokens import KeyRing

LIFE = timedelta(days=1)
"""How long the link to a new address works."""


class Moved(StrEnum):
    """What the button in the new mailbox led to."""

    DONE = "done"
    ALREADY = "already"
    EXPIRED = "expired"
    TAKEN = "taken"
    """Somebody else is on file under that address, or it is never to be mailed."""


def ask(connection: Connection, person: Subscriber, address: Address, keys: KeyRing, now: datetime) -> bool:
    """Enrol a mail to the new address; returns whether one was (never tell, it would say who is suppressed)."""
    if suppression.reason_for(connection, keys.address_hash(address.key)) is not None:
        return False
    campaign_id = standing.get_or_create(connection, CampaignKind.ADDRESS, None, now)
    if not gate.may_mail(connection, campaign_id, person.id, now) or not _may_be_asked(
        connection, campaign_id, address, now
    ):
        return False
    standing.enrol(connection, campaign_id, person.id, now=now, scope={"email": address.email}, life=LIFE)
    return True


def preview(connection: Connection, uid: int, seq: int, now: datetime) -> tuple[Moved, Address]:
    """What `move` would answer, and the address it is about; changes nothing. `TokenError` without such a request."""
    person, row = mailed(connection, CampaignKind.ADDRESS, uid, seq)
    address = addresses.parse(row.scope["email"])
    holder = people.find(connection, address.key)
    if holder is not None and holder.id == person.id:
        return Moved.ALREADY, address
    if row.expires_at <= now:
        return Moved.EXPIRED, address
    return (Moved.DONE if holder is None else Moved.TAKEN), address


def move(connection: Connection, uid: int, seq: int, act: preferences.Act, keys: KeyRing) -> tuple[Moved, Address]:
    """Change the address; idempotent. Consent follows it: a record for every list says where it was given."""
    answer, address = preview(connection, uid, seq, act.now)
    digest = keys.address_hash(address.key)
    if answer is Moved.DONE and suppression.reason_for(connection, digest) is not None:
        return Moved.TAKEN, address
    if answer is not Moved.DONE:
        return answer, address
    person, _ = mailed(connection, CampaignKind.ADDRESS, uid, seq)
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == person.id)
        .values(email=address.email, email_key=address.key, address_hash=digest)
    )
    journal.note(connection, Line(to_millis(act.now), Departure.MOVED, person.address_hash, digest.hex()))
    evidence = replace(act.evidence, basis="the reader's own change of address")
    confirmed = [
        Act(ConsentKind.CONFIRMED, person.id, list_id, address.email, evidence, act.wording)
        for list_id, status in preferences.standings(connection, person).items()
        if status is SubscriptionStatus.CONFIRMED
    ]
    consent.append(connection, confirmed, act.now)
    notice = standing.get_or_create(connection, CampaignKind.MOVED, None, act.now)
    scope = {"email": person.email, "masked": addresses.mask(address.email)}
    standing.enrol(connection, notice, person.id, now=act.now, scope=scope)
    return Moved.DONE, address


def _may_be_asked(connection: Connection, campaign_id: int, address: Address, now: datetime) -> bool:
    """Whether the budgets allow one more such mail to this mailbox, whoever asks for it."""
    asked = connection.execute(
        select(deliveries.c.enrolled_at, deliveries.c.scope).where(
            deliveries.c.campaign_id == campaign_id,
            deliveries.c.enrolled_at > now - max(span for span, _limit in gate.BUDGETS),
        )
    ).all()
    theirs = [row.enrolled_at for row in asked if row.scope and addresses.parse(row.scope["email"]).key == address.key]
    return all(sum(at > now - span for at in theirs) < limit for span, limit in gate.BUDGETS)
