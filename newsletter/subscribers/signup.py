"""Asking, confirming, disowning and leaving: the four acts of a reader.

Each is one transaction that its door commits. What is told to the visitor never depends on whether
the address was known, subscribed or suppressed; only the owner of the mailbox can learn that.
"""

from __future__ import annotations

import secrets
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
    SubscriptionStatus,
    SuppressionReason,
    subscriptions,
)
from newsletter.store.undone import undone
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
    only once the owner of the mailbox has confirmed, so a stranger cannot rename anybody. When nothing
    comes of it, or nothing is to come of it (`in_vain`), the same work is done for nobody and undone,
    so that the time of the answer tells nothing either.
    """
    is_suppressed = suppression.reason_for(connection, keys.address_hash(request.address.key)) is not None
    if not is_suppressed and not in_vain and _take(connection, request, keys, now, due):
        return True
    with undone(connection):
        _take(connection, replace(request, address=_nobody(request.address)), keys, now, due)
    return False


def _take(connection: Connection, request: Request, keys: KeyRing, now: datetime, due: datetime | None) -> bool:
    source = request.evidence.source
    person = people.find(connection, request.address.key)
    if person is None:
        person = people.file(connection, request.address, keys, now, language=request.language)
    else:
        with undone(connection):
            people.file(connection, _nobody(request.address), keys, now, language=request.language)
    wanted = [list_id for list_id in request.list_ids if _ask(connection, person, list_id, source, now)]
    invited = invite(connection, person, wanted, _scope(request), now, due)
    if invited:
        for list_id in wanted:
            _witness(connection, ConsentKind.REQUESTED, person, list_id, request.evidence, now, request.wording)
    return invited


def _nobody(alike: Address) -> Address:
    """An address that nobody has."""
    local = secrets.token_hex(12)
    return Address(f"{local}@{alike.domain}", f"{local}@{alike.domain}")


def invite(  # noqa: PLR0917
    connection: Connection,
    person: Subscriber,
    list_ids: Sequence[int],
    scope: dict[str, Any],
    now: datetime,
    due: datetime | None = None,
) -> bool:
    """Enrol one confirmation mail for these pending lists; False when there is nothing to ask or no budget left."""
    if not list_ids:
        return False
    campaign_id = standing.get_or_create(connection, CampaignKind.CONFIRM, None, now)
    if not gate.may_mail(connection, campaign_id, person.id, now):
        return False
    scope = {"name": "", "fields": {}, "language": "", "wording": None, **scope, "lists": list(list_ids)}
    life = lifecycle.CONFIRMATION_LIFE
    standing.enrol(connection, campaign_id, person.id, now=now, scope=scope, life=life, due=due)
    return True


def confirm(connection: Connection, uid: int, seq: int, evidence: Evidence, now: datetime) -> Outcome:
    """Carry out what a confirmation link promises; idempotent. Raises `TokenError` when there is no such request."""
    person, request = mailed(connection, CampaignKind.CONFIRM, uid, seq)
    list_ids = tuple(request.scope["lists"])
    standings = {list_id: lifecycle.status_of(connection, person.id, list_id) for list_id in list_ids}
    if all(status is SubscriptionStatus.CONFIRMED for status in standings.values()):
        return Outcome(Answer.ALREADY, list_ids)
    if request.expires_at <= now or SubscriptionStatus.PENDING not in standings.values():
        return Outcome(Answer.EXPIRED, list_ids)
    confirmed = [
        list_id
        for list_id in list_ids
        if lifecycle.move(connection, person.id, list_id, SubscriptionStatus.CONFIRMED, now)
    ]
    for list_id in confirmed:
        _witness(connection, ConsentKind.CONFIRMED, person, list_id, evidence, now)
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
        return Outcome(Answer.EXPIRED, list_ids)
    return Outcome(Answer.DONE, list_ids)


def disown(connection: Connection, uid: int, seq: int, evidence: Evidence, now: datetime) -> None:
    """ "This was not me": the address is left alone for good. Raises `TokenError` when there is no such request."""
    person, request = mailed(connection, CampaignKind.CONFIRM, uid, seq)
    for list_id in request.scope["lists"]:
        if lifecycle.move(connection, person.id, list_id, SubscriptionStatus.UNSUBSCRIBED, now):
            _witness(connection, ConsentKind.DISOWNED, person, list_id, evidence, now)
    suppression.suppress(
        connection, person.address_hash, SuppressionReason.MANUAL, now, note="the owner said: this was not me"
    )


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


def _scope(request: Request) -> dict[str, Any]:
    return {
        "name": people.clean_name(request.name),
        "fields": request.fields,
        "language": request.language,
        "wording": request.wording.hash,
    }


def _ask(connection: Connection, person: Subscriber, list_id: int, source: str, now: datetime) -> bool:
    status = lifecycle.status_of(connection, person.id, list_id)
    if status is None:
        lifecycle.begin(connection, person.id, list_id, source, now)
        return True
    if status is SubscriptionStatus.CONFIRMED:
        return False
    if status is not SubscriptionStatus.PENDING:
        lifecycle.move(connection, person.id, list_id, SubscriptionStatus.PENDING, now)
    return True


def _witness(  # noqa: PLR0917
    connection: Connection,
    kind: ConsentKind,
    person: Subscriber,
    list_id: int,
    evidence: Evidence,
    now: datetime,
    wording: Wording | None = None,
) -> None:
    consent.append(connection, [consent.Act(kind, person.id, list_id, person.email, evidence, wording)], now)
