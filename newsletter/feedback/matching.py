"""Which mail of ours a report is about: candidates are believed only when they prove to be ours.

Anybody can write a bounce. So first comes the envelope sender, whose MAC nobody can make; then the Message-ID we
derive, and the unsubscribe link, which are as good; and only when a report names nothing at all that looks like
ours, its address, and that only within two months of a mail to it. A report with a name that is almost right is a
forgery and matches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, exists, select

from newsletter import addresses
from newsletter.errors import AddressError, TokenError
from newsletter.feedback.policy import ELSEWHERE
from newsletter.feedback.verdict import Verdict
from newsletter.store.schema import CampaignKind, DeliveryStatus, campaigns, deliveries
from newsletter.subscribers import people
from newsletter.subscribers.people import Subscriber
from newsletter.tokens import KeyRing

BY_ADDRESS = timedelta(days=60)

ON_THE_WIRE = (DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.AMBIGUOUS, DeliveryStatus.INFLIGHT)
_MESSAGE_ID = re.compile(r"<?c(\d{1,10})\.([0-9a-f]{32})(?:@[^<>\s]{1,255})?>?", re.IGNORECASE)


@dataclass(frozen=True)
class Match:
    """A person and, mostly, the one mail to them that something came back for."""

    person: Subscriber
    how: str
    """`verp`, `message-id`, `unsubscribe` or `address`."""
    campaign_id: int | None = None
    seq: int | None = None
    kind: CampaignKind | None = None
    list_id: int | None = None
    is_trial: bool = False
    sent_at: datetime | None = None
    has_moved: bool = False
    """The reader has another address by now."""

    @property
    def is_about_the_address(self) -> bool:
        """Whether it says anything of the address on file."""
        return not (self.is_trial or self.has_moved or self.kind in ELSEWHERE)


def find(connection: Connection, keys: KeyRing, verdict: Verdict, now: datetime) -> Match | None:
    """What a verdict is about, or None when it is about nothing of ours."""
    named = verdict.delivery
    claims_to_be_ours = bool(named.verp)
    for local_part in named.verp:
        try:
            what = keys.read_verp(local_part)
        except TokenError:
            continue
        if match := _copy(connection, what.subscriber_uid, what.campaign_id, what.seq, "verp"):
            return match
    readers = list(_readers(connection, keys, verdict))
    for text in (*named.envids, *named.message_ids):
        ours = _MESSAGE_ID.fullmatch(text.strip())
        if ours is None:
            continue
        claims_to_be_ours = True
        for uid in readers:
            if match := _by_message_id(connection, keys, uid, (int(ours[1]), ours[2].lower())):
                return match
    for uid, list_id in _left(keys, named.unsubscribe):
        if match := _latest(connection, uid, "unsubscribe", campaigns.c.list_id == list_id):
            return match
    if claims_to_be_ours or not verdict.recipient:
        return None
    found = _person(connection, verdict.recipient)
    if found is None:
        return None
    return _latest(connection, found.uid, "address", deliveries.c.changed_at >= now - BY_ADDRESS)


def of_list(connection: Connection, uid: int, list_id: int) -> Match | None:
    """The person and the newest mail of a list to them, for who leaves by mail; without one the person alone."""
    match = _latest(connection, uid, "unsubscribe", campaigns.c.list_id == list_id)
    if match is not None:
        return match
    person = people.by_uid(connection, uid)
    return None if person is None else Match(person, "unsubscribe", list_id=list_id)


def _readers(connection: Connection, keys: KeyRing, verdict: Verdict) -> Iterator[int]:
    """Who it may be about: those whose links are inside, and who has the address."""
    yield from dict.fromkeys(uid for uid, _ in _left(keys, verdict.delivery.unsubscribe))
    if verdict.recipient and (person := _person(connection, verdict.recipient)):
        yield person.uid


def _left(keys: KeyRing, tokens: Iterable[str]) -> Iterator[tuple[int, int]]:
    for token in tokens:
        try:
            uid, list_id = keys.verify("unsubscribe", token, 2)
        except TokenError:
            continue
        yield uid, list_id


def _person(connection: Connection, recipient: str) -> Subscriber | None:
    try:
        return people.find(connection, addresses.parse(recipient.strip()).key)
    except AddressError:
        return None


def _by_message_id(connection: Connection, keys: KeyRing, uid: int, name: tuple[int, str]) -> Match | None:
    """The copy of that name: the name is a MAC over campaign, reader and number."""
    campaign_id, digest = name
    person = people.by_uid(connection, uid)
    if person is None:
        return None
    numbers = connection.execute(
        select(deliveries.c.seq).where(deliveries.c.campaign_id == campaign_id, deliveries.c.subscriber_id == person.id)
    ).scalars()
    for seq in numbers.all():
        if keys.digest("message-id", campaign_id, uid, seq) == digest:
            return _copy(connection, uid, campaign_id, seq, "message-id")
    return None


def _copy(connection: Connection, uid: int, campaign_id: int, seq: int, how: str) -> Match | None:
    return _latest(connection, uid, how, deliveries.c.campaign_id == campaign_id, deliveries.c.seq == seq)


def _latest(connection: Connection, uid: int, how: str, *conditions: ColumnElement[bool]) -> Match | None:
    """The newest copy to that reader that left and fits."""
    person = people.by_uid(connection, uid)
    if person is None:
        return None
    row = connection.execute(
        select(deliveries, campaigns.c.kind, campaigns.c.list_id, campaigns.c.is_trial)
        .join(campaigns, campaigns.c.id == deliveries.c.campaign_id)
        .where(
            deliveries.c.subscriber_id == person.id,
            deliveries.c.campaign_id.in_(select(campaigns.c.id)),  # the ledger's key begins with the campaign
            deliveries.c.status.in_(ON_THE_WIRE),
            *conditions,
        )
        .order_by(deliveries.c.changed_at.desc(), deliveries.c.campaign_id.desc(), deliveries.c.seq.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return Match(
        person,
        how,
        *(row.campaign_id, row.seq, CampaignKind(row.kind), row.list_id, bool(row.is_trial), row.changed_at),
        has_moved=_has_moved(connection, person.id, row.changed_at),
    )


def _has_moved(connection: Connection, subscriber_id: int, since: datetime) -> bool:
    """Whether the reader changed their address after a moment: the old one is told of it, once each time."""
    notice = exists().where(
        campaigns.c.kind == CampaignKind.MOVED,
        deliveries.c.campaign_id == campaigns.c.id,
        deliveries.c.subscriber_id == subscriber_id,
        deliveries.c.enrolled_at >= since,
    )
    return bool(connection.execute(select(notice)).scalar())
