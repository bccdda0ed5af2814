"""What readers change themselves, and how much a link is worth.

Two links lead here. The one in every mail never expires, and mails are forwarded: it may take away (leave a list,
pause) and ask (a list, which its mailbox then has to confirm), but it shows nothing of a person and wipes nothing.
The other is mailed on request, works for two hours and proves who holds the mailbox: with it everything can be
changed, and a list that is switched on is confirmed at once, because that is what a confirmation would prove.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from newsletter.deliveries import standing
from newsletter.errors import TokenError
from newsletter.store.schema import (
    CampaignKind,
    ConsentKind,
    SubscriptionStatus,
    subscriptions,
)
from newsletter.subscribers import consent, gate, lifecycle, people, series, signup
from newsletter.subscribers.consent import Evidence, Wording
from newsletter.subscribers.linked import mailed
from newsletter.subscribers.people import Subscriber
from newsletter.tokens import KeyRing

LIFE = timedelta(hours=2)
"""How long a link works that was mailed on request: long enough for a mail that is put off once."""
AWAKE = timedelta(hours=1)
"""Time for housekeeping to have ended a pause before anything is due to its reader."""


@dataclass(frozen=True)
class Visit:
    """Who a link names, and what it is worth."""

    person: Subscriber
    is_fresh: bool
    """Whether the link was mailed on request within its life."""
    has_run_out: bool = False
    """Whether it once was; then it is worth as much as one of an old mail."""


@dataclass(frozen=True)
class Act:
    """What a reader does on a page: where from, in view of which words, and when."""

    evidence: Evidence
    wording: Wording | None
    now: datetime


@dataclass(frozen=True)
class Switched:
    """What became of the lists."""

    left: tuple[int, ...] = ()
    joined: tuple[int, ...] = ()
    asked: tuple[int, ...] = ()
    """Switched on by a link of an old mail: a confirmation is asked for, within the budgets of mails."""


def visit(connection: Connection, keys: KeyRing, token: str, now: datetime) -> Visit:
    """Whom either kind of link names. Raises `TokenError` for anything else, and when they are gone."""
    try:
        (uid,) = keys.verify("preferences", token, 1)
    except TokenError:
        uid, seq = keys.verify("access", token, 2)
        person, row = mailed(connection, CampaignKind.ACCESS, uid, seq)
        is_fresh = row.expires_at > now
        return Visit(person, is_fresh, has_run_out=not is_fresh)
    found = people.by_uid(connection, uid)
    if found is None:
        raise TokenError()
    return Visit(found, is_fresh=False)


def mail_link(connection: Connection, person: Subscriber, now: datetime) -> bool:
    """Enrol a mail with a fresh link, within the budgets of confirmations; returns whether one was (never tell)."""
    campaign_id = standing.get_or_create(connection, CampaignKind.ACCESS, None, now)
    if not gate.may_mail(connection, campaign_id, person.id, now):
        return False
    standing.enrol(connection, campaign_id, person.id, now=now, life=LIFE)
    return True


def standings(connection: Connection, person: Subscriber) -> dict[int, SubscriptionStatus]:
    """Where a person stands with every list they ever had to do with."""
    query = select(subscriptions.c.list_id, subscriptions.c.status)
    rows = connection.execute(query.where(subscriptions.c.subscriber_id == person.id))
    return {row.list_id: SubscriptionStatus(row.status) for row in rows}


def switch(connection: Connection, visit: Visit, wanted: Mapping[int, bool], act: Act) -> Switched:
    """Lists on and off; what stands as it is wanted already is left alone."""
    person, before = visit.person, standings(connection, visit.person)
    confirmed = {list_id for list_id, status in before.items() if status is SubscriptionStatus.CONFIRMED}
    off = tuple(list_id for list_id, is_on in wanted.items() if not is_on and list_id in confirmed)
    on = tuple(list_id for list_id, is_on in wanted.items() if is_on and list_id not in confirmed)
    for list_id in off:
        signup.unsubscribe(connection, person, list_id, act.evidence, act.now, farewell=False)
    for list_id in on:
        _ask(connection, person, list_id, before.get(list_id), act)
    if visit.is_fresh:
        _witness(connection, ConsentKind.REQUESTED, person, on, act)
        for list_id in on:
            _join(connection, person, list_id, act.now)
        _witness(connection, ConsentKind.CONFIRMED, person, on, act)
        return Switched(off, joined=on)
    wording = act.wording.hash if act.wording else None
    if signup.invite(connection, person, on, {"wording": wording}, act.now):
        _witness(connection, ConsentKind.REQUESTED, person, on, act)
    return Switched(off, asked=on)


def pause(connection: Connection, person: Subscriber, until: datetime | None) -> None:
    """No issues until then; None ends a pause. Subscriptions stay, and what was sent meanwhile is not sent later.

    Steps of a series are nobody else's news: they wait until the pause is over.
    """
    people.amend(connection, person.id, paused_until=until)
    if until is not None:
        series.postpone(connection, person.id, until + AWAKE)


def _ask(connection: Connection, person: Subscriber, list_id: int, before: SubscriptionStatus | None, act: Act) -> None:
    if before is None:
        lifecycle.begin(connection, person.id, list_id, act.evidence.source, act.now)
    else:
        lifecycle.move(connection, person.id, list_id, SubscriptionStatus.PENDING, act.now)


def _join(connection: Connection, person: Subscriber, list_id: int, now: datetime) -> None:
    lifecycle.move(connection, person.id, list_id, SubscriptionStatus.CONFIRMED, now)
    signup.welcome(connection, person.id, list_id, now)


def _witness(connection: Connection, kind: ConsentKind, person: Subscriber, list_ids: Sequence[int], act: Act) -> None:
    """Evidence for each of these lists."""
    acts = [consent.Act(kind, person.id, each, person.email, act.evidence, act.wording) for each in list_ids]
    consent.append(connection, acts, act.now)
