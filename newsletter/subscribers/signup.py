"""Asking, confirming, disowning and leaving: the four acts of a reader.

Each is one transaction that its door commits. What is told to the visitor never depends on whether
the address was known, subscribed or suppressed; only the owner of the mailbox can learn that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select

from newsletter.addresses import Address
from newsletter.deliveries import standing
from newsletter.store.schema import (
    CampaignKind,
    ConsentKind,
    Row,
    SubscriptionStatus,
    SuppressionReason,
    subscriptions,
)
from newsletter.store.trial import on_trial
from newsletter.store.types import iso
from newsletter.subscribers import consent, gate, lifecycle, people, series, suppression
from newsletter.subscribers.consent import Evidence, Wording
from newsletter.subscribers.linked import mailed
from newsletter.subscribers.people import Subscriber
from newsletter.tokens import KeyRing


@dataclass(frozen=True)
class Request:
    """A sign-up as it came in by a form: everything checked, nothing believed."""

    address: Address
    list_ids: tuple[int, ...]
    evidence: Evidence
    wording: Wording
    name: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    language: str = ""


class Answer(StrEnum):
    """What a link led to."""

    DONE = "done"
    ALREADY = "already"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    """Whoever reads the mailbox said that they had not asked."""


class Disowned(StrEnum):
    """What "this was not me" leads to."""

    LEFT_ALONE = "left_alone"
    """The request ends, and the address is suppressed."""
    WITHDRAWN = "withdrawn"
    """The request ends; who reads other lists of ours goes on reading them."""
    CONFIRMED = "confirmed"
    """Too late: the very thing was confirmed since, and one leaves it as one leaves any list."""


@dataclass(frozen=True)
class Outcome:
    """The answer, and the lists it is about."""

    answer: Answer
    list_ids: tuple[int, ...]


def subscribe(
    connection: Connection,
    request: Request,
    keys: KeyRing,
    now: datetime,
    *,
    due: datetime | None = None,
    in_vain: bool = False,
) -> bool:
    """Ask for a subscription; returns whether a confirmation mail was enrolled, for now or `due` (never tell).

    A suppressed address leaves no trace. Who is confirmed stays so and gets no mail. The name counts
    only once the owner of the mailbox has confirmed, so a stranger cannot rename anybody.

    The same statements run whoever has the address, however they stand, and also when nothing is to come of it
    (`in_vain`); only whether they count differs. So the time of the answer tells as little as its words.
    """
    is_suppressed = suppression.reason_for(connection, keys.address_hash(request.address.key)) is not None
    source, life = request.evidence.source, lifecycle.CONFIRMATION_LIFE
    with on_trial(connection) as trial:
        person = people.file(connection, request.address, keys, now, language=request.language)
        asked = [each for each in request.list_ids if lifecycle.ask(connection, person.id, each, source, now)]
        shown = asked or request.list_ids
        campaign_id = standing.get_or_create(connection, CampaignKind.CONFIRM, None, now)
        may_mail = gate.may_mail(connection, campaign_id, person.id, now)
        scope = _scope(request) | {"lists": list(shown)}
        standing.enrol(connection, campaign_id, person.id, now=now, scope=scope, life=life, due=due)
        consent.append(connection, [_requested(person, each, request) for each in shown], now)
        trial.counts = bool(asked) and may_mail and not is_suppressed and not in_vain
    return trial.counts


def invite(
    connection: Connection, person: Subscriber, list_ids: Sequence[int], scope: dict[str, Any], now: datetime
) -> bool:
    """Enrol one confirmation mail for these pending lists; False when there is nothing to ask or no budget left."""
    if not list_ids:
        return False
    campaign_id = standing.get_or_create(connection, CampaignKind.CONFIRM, None, now)
    if not gate.may_mail(connection, campaign_id, person.id, now):
        return False
    scope = {"name": "", "fields": {}, "language": "", "wording": None, **scope, "lists": list(list_ids)}
    standing.enrol(connection, campaign_id, person.id, now=now, scope=scope, life=lifecycle.CONFIRMATION_LIFE)
    return True


def confirm(  # noqa: PLR0917
    connection: Connection, uid: int, seq: int, evidence: Evidence, now: datetime, wording: Wording | None = None
) -> Outcome:
    """Carry out what a confirmation link promises; idempotent. Raises `TokenError` when there is no such request.

    `wording` is what the page with the button said. The evidence tells which mail led there, and when it was sent.
    """
    person, request = mailed(connection, CampaignKind.CONFIRM, uid, seq)
    list_ids = tuple(request.scope["lists"])
    standings = {list_id: lifecycle.status_of(connection, person.id, list_id) for list_id in list_ids}
    if all(status is SubscriptionStatus.CONFIRMED for status in standings.values()):
        return Outcome(Answer.ALREADY, list_ids)
    if request.expires_at <= now or SubscriptionStatus.PENDING not in standings.values():
        return Outcome(_lapsed(connection, person, request), list_ids)
    confirmed = [
        list_id
        for list_id in list_ids
        if lifecycle.move(connection, person.id, list_id, SubscriptionStatus.CONFIRMED, now)
    ]
    led_here = replace(evidence, origin=f"mail {request.campaign_id}.{seq}, {request.status} {iso(request.changed_at)}")
    acts = [
        consent.Act(ConsentKind.CONFIRMED, person.id, list_id, person.email, led_here, wording) for list_id in confirmed
    ]
    consent.append(connection, acts, now)
    for list_id in confirmed:
        welcome(connection, person.id, list_id, now)
    changes: dict[str, Any] = {}
    if request.scope["name"]:
        changes["name"] = request.scope["name"]
    if request.scope["fields"]:
        changes["fields"] = {**person.fields, **request.scope["fields"]}
    if request.scope["language"]:
        changes["language"] = request.scope["language"]
    people.amend(connection, person.id, **changes)
    return Outcome(Answer.DONE, list_ids)


def welcome(connection: Connection, subscriber_id: int, list_id: int, now: datetime) -> None:
    """Somebody has just confirmed a list: its welcome mail, and the series it begins with."""
    campaign_id = standing.get_or_create(connection, CampaignKind.WELCOME, list_id, now)
    standing.enrol(connection, campaign_id, subscriber_id, now=now)
    series.enrol(connection, subscriber_id, list_id, now)


def preview_confirmation(connection: Connection, uid: int, seq: int, now: datetime) -> Outcome:
    """What `confirm` would answer; changes nothing. Raises `TokenError` when there is no such request."""
    person, request = mailed(connection, CampaignKind.CONFIRM, uid, seq)
    list_ids = tuple(request.scope["lists"])
    standings = {lifecycle.status_of(connection, person.id, list_id) for list_id in list_ids}
    if standings == {SubscriptionStatus.CONFIRMED}:
        return Outcome(Answer.ALREADY, list_ids)
    if request.expires_at <= now or SubscriptionStatus.PENDING not in standings:
        return Outcome(_lapsed(connection, person, request), list_ids)
    return Outcome(Answer.DONE, list_ids)


def disown(connection: Connection, uid: int, seq: int, evidence: Evidence, now: datetime) -> Disowned:
    """ "This was not me": the request ends, and the address is left alone for good unless its owner reads us already.

    A stranger who types a reader's address in must not cost them what they read. The link never runs out, because it
    only protects: a mail that is found after weeks can still be answered. Once the request was confirmed it does
    nothing any more. Raises `TokenError` when there is no such request.
    """
    person, request = mailed(connection, CampaignKind.CONFIRM, uid, seq)
    answer = _disowned(connection, person, request)
    if answer is Disowned.CONFIRMED:
        return answer
    for list_id in request.scope["lists"]:
        if lifecycle.move(connection, person.id, list_id, SubscriptionStatus.UNSUBSCRIBED, now):
            _witness(connection, ConsentKind.DISOWNED, person, list_id, evidence, now)
    if answer is Disowned.LEFT_ALONE:
        suppression.suppress(
            connection, person.address_hash, SuppressionReason.MANUAL, now, note="the owner said: this was not me"
        )
    return answer


def preview_disowning(connection: Connection, uid: int, seq: int) -> Disowned:
    """What `disown` would answer; changes nothing. Raises `TokenError` when there is no such request."""
    return _disowned(connection, *mailed(connection, CampaignKind.CONFIRM, uid, seq))


def unsubscribe(
    connection: Connection, person: Subscriber, list_id: int, evidence: Evidence, now: datetime, *, farewell: bool
) -> bool:
    """Leave one list at once; False when there was nothing to leave (idempotent). `farewell` enrols a goodbye mail."""
    left = lifecycle.move(connection, person.id, list_id, SubscriptionStatus.UNSUBSCRIBED, now)
    if left:
        _witness(connection, ConsentKind.UNSUBSCRIBED, person, list_id, evidence, now)
        if farewell:
            goodbye = standing.get_or_create(connection, CampaignKind.GOODBYE, list_id, now)
            standing.enrol(connection, goodbye, person.id, now=now)
    return left


def subscribed_lists(connection: Connection, person: Subscriber) -> Sequence[int]:
    """The lists a person receives or has asked for."""
    return (
        connection.execute(
            select(subscriptions.c.list_id)
            .where(
                subscriptions.c.subscriber_id == person.id,
                subscriptions.c.status.in_([SubscriptionStatus.CONFIRMED, SubscriptionStatus.PENDING]),
            )
            .order_by(subscriptions.c.list_id)
        )
        .scalars()
        .all()
    )


def _disowned(connection: Connection, person: Subscriber, request: Row) -> Disowned:
    subscription = subscriptions.c
    rows = connection.execute(
        select(subscription.list_id, subscription.status, subscription.confirmed_at).where(
            subscription.subscriber_id == person.id
        )
    ).all()
    asked, since = request.scope["lists"], request.expires_at - lifecycle.CONFIRMATION_LIFE
    readings = [row for row in rows if row.status == SubscriptionStatus.CONFIRMED]
    was_confirmed = any(
        row.confirmed_at is not None and row.confirmed_at >= since for row in rows if row.list_id in asked
    )
    if was_confirmed or any(row.list_id in asked for row in readings):
        return Disowned.CONFIRMED
    return Disowned.WITHDRAWN if readings else Disowned.LEFT_ALONE


def _lapsed(connection: Connection, person: Subscriber, request: Row) -> Answer:
    """Why a link leads nowhere any more: the request was disowned, or has run out."""
    is_disowned = consent.was_disowned(
        connection, person.id, request.scope["lists"], request.expires_at - lifecycle.CONFIRMATION_LIFE
    )
    return Answer.WITHDRAWN if is_disowned else Answer.EXPIRED


def _scope(request: Request) -> dict[str, Any]:
    return {
        "name": people.clean_name(request.name),
        "fields": request.fields,
        "language": request.language,
        "wording": request.wording.hash,
    }


def _requested(person: Subscriber, list_id: int, request: Request) -> consent.Act:
    return consent.Act(ConsentKind.REQUESTED, person.id, list_id, person.email, request.evidence, request.wording)


def _witness(  # noqa: PLR0917
    connection: Connection, kind: ConsentKind, person: Subscriber, list_id: int, evidence: Evidence, now: datetime
) -> None:
    consent.append(connection, [consent.Act(kind, person.id, list_id, person.email, evidence)], now)
