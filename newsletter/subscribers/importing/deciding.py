"""What a batch of rows comes to beside the people on file, decided before anything is written.

Everything is asked once for the whole batch and decided in the order of the file, so that the second row of the same
person meets what the first has left. A row never does more than a plan allowed it, and never weakens what protects
anybody: precedence is erasure and complaint, bounce, leaving, and only then the wish to be a reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, select

from newsletter import tags
from newsletter.store.schema import Row, SubscriptionStatus, SuppressionReason, subscriptions
from newsletter.subscribers import people, suppression
from newsletter.subscribers.importing.rows import Candidate, Fault, Terms
from newsletter.subscribers.people import Subscriber
from newsletter.tokens import new_uid

HAS_LEFT = "has unsubscribed from this list; only they can come back, through the form"


class Effect(StrEnum):
    """What a row comes to, from the least to the most."""

    REFUSED = "refused"
    UNCHANGED = "unchanged"
    UPDATED = "updated"
    ADDED = "added"


_RANK = tuple(Effect)
_NOT_THEMSELVES = frozenset({"import", "cli", "api"})
"""Sources of a Subscription that somebody else made."""


class Entry(NamedTuple):
    """What one row came to, or would."""

    row: int
    email: str
    effect: Effect
    standing: str = ""
    """Where they stand then: `confirmed`, `pending`, `unsubscribed` or `suppressed`."""
    reason: str = ""
    """Why it stays outside, or what should be known about it."""


@dataclass
class Standing:
    """One person while a batch is decided."""

    person: Subscriber
    id: int
    """Row number of the person; 0 until they have one."""
    status: SubscriptionStatus | None = None
    """Where they stand with the list now."""
    has_left: bool = False
    confirmed_at: datetime | None = None
    changed_at: datetime | None = None
    asked_at: datetime | None = None
    """When they asked to be a reader, if they did so themselves."""
    is_new: bool = False
    before: Subscriber | None = None
    """As they were on file, when they have changed."""
    status_before: SubscriptionStatus | None = None
    confirmed_before: datetime | None = None
    begins: bool = False
    confirms: datetime | None = None
    """Since when, if this batch confirms them."""
    leaves: datetime | None = None
    """Since when, if this batch records that they have left."""

    @property
    def is_touched(self) -> bool:
        """Whether anything is to be written about them."""
        return bool(self.is_new or self.begins or self.before or self.confirms or self.leaves)


@dataclass
class Decided:
    """What a batch comes to."""

    standings: dict[str, Standing]
    suppressed: dict[bytes, SuppressionReason]
    entries: list[Entry] = field(default_factory=list)
    confirmed: list[tuple[str, Candidate]] = field(default_factory=list)
    left: list[tuple[str, Candidate]] = field(default_factory=list)
    blocked: list[Candidate] = field(default_factory=list)
    invited: list[str] = field(default_factory=list)


def look_up(connection: Connection, batch: Sequence[Candidate], list_id: int) -> Decided:
    """Everybody on file whom these rows are about; a few hundred rows at most."""
    suppressed = suppression.reasons_for(connection, {row.address_hash for row in batch if row.address})
    known = people.find_many(connection, {row.address.key for row in batch if row.address})
    if not known:
        return Decided({}, suppressed)
    rows = connection.execute(
        select(subscriptions).where(
            subscriptions.c.list_id == list_id,
            subscriptions.c.subscriber_id.in_([person.id for person in known.values()]),
        )
    )
    on_list = {row.subscriber_id: row for row in rows}
    return Decided({key: _standing(person, on_list.get(person.id)) for key, person in known.items()}, suppressed)


def decide(
    decided: Decided, batch: Sequence[Candidate], terms: Terms, now: datetime, plan: Sequence[Entry] = ()
) -> None:
    """Decide every row, in order, into `decided`; with a plan, no row does more than its entry says."""
    for index, row in enumerate(batch):
        email = row.address.email if row.address else row.typed[:254]
        planned = plan[index] if plan else None
        try:
            effect, standing, reason = _row(row, decided, terms, now, planned)
        except Fault as fault:
            effect, standing, reason = Effect.REFUSED, "", str(fault)
        decided.entries.append(Entry(row.number, email, effect, standing, reason or row.warning))


def _row(
    row: Candidate, decided: Decided, terms: Terms, now: datetime, planned: Entry | None
) -> tuple[Effect, str, str]:
    if row.fault or row.address is None:
        raise Fault(row.fault)
    reason = decided.suppressed.get(row.address_hash)
    if row.suppress is not None:
        return _suppress(row, row.suppress, decided, planned)
    if reason is not None:
        raise Fault(f"suppressed ({reason.value})")
    key = row.address.key
    standing = decided.standings.get(key)
    if row.has_left:
        return _leave(row, key, standing, decided, now, planned)
    if standing is not None and standing.has_left and standing.status is not SubscriptionStatus.CONFIRMED:
        raise Fault(HAS_LEFT)
    before = None if standing is None else standing.status
    person = _amended(_newcomer(row) if standing is None else standing.person, row)
    confirms = row.may_confirm and before is not SubscriptionStatus.CONFIRMED
    changes = confirms or (standing is not None and person is not standing.person)
    effect = Effect.ADDED if before is None else Effect.UPDATED if changes else Effect.UNCHANGED
    _allow(effect, planned)
    if standing is None:
        standing = decided.standings[key] = Standing(person, 0, is_new=True)
    elif person is not standing.person:
        standing.before, standing.person = standing.before or standing.person, person
    if before is None:
        standing.begins, standing.status = True, SubscriptionStatus.PENDING
    if confirms:
        standing.status, standing.confirmed_at = SubscriptionStatus.CONFIRMED, row.confirmed_at or now
        standing.confirms = standing.confirmed_at
        decided.confirmed.append((key, row))
    if terms.send_confirmations and before in {None, SubscriptionStatus.PENDING} and not confirms:
        decided.invited.append(key)
    return effect, standing.status or "", ""


def _suppress(
    row: Candidate, reason: SuppressionReason, decided: Decided, planned: Entry | None
) -> tuple[Effect, str, str]:
    assert row.address is not None  # noqa: S101 - the caller has looked
    there = decided.suppressed.get(row.address_hash)
    if there is not None and suppression.RANK.index(there) >= suppression.RANK.index(reason):
        return Effect.UNCHANGED, "suppressed", ""
    effect = Effect.UPDATED if row.address.key in decided.standings or there is not None else Effect.ADDED
    _allow(effect, planned)
    decided.suppressed[row.address_hash] = reason
    decided.blocked.append(row)
    return effect, "suppressed", f"never to be mailed again ({reason.value}), says the file"


def _leave(  # noqa: PLR0917
    row: Candidate, key: str, standing: Standing | None, decided: Decided, now: datetime, planned: Entry | None
) -> tuple[Effect, str, str]:
    """They have left elsewhere, which counts here too, unless they have asked again here since."""
    status = None if standing is None else standing.status
    if standing is not None and status is not None:
        if status is SubscriptionStatus.UNSUBSCRIBED:
            return Effect.UNCHANGED, status, ""
        since = standing.confirmed_at if status is SubscriptionStatus.CONFIRMED else standing.asked_at
        if row.left_at is not None and since is not None and since > row.left_at:
            return Effect.UNCHANGED, status, "has asked again here since they left there"
    effect = Effect.ADDED if status is None else Effect.UPDATED
    _allow(effect, planned)
    if standing is None:
        standing = decided.standings[key] = Standing(_newcomer(row), 0, is_new=True)
    standing.begins = standing.begins or status is None
    standing.status, standing.has_left, standing.confirms = SubscriptionStatus.UNSUBSCRIBED, True, None
    standing.leaves = row.left_at or now
    decided.confirmed = [each for each in decided.confirmed if each[0] != key]
    decided.left.append((key, row))
    return effect, SubscriptionStatus.UNSUBSCRIBED, "has left, says the file"


def _allow(effect: Effect, planned: Entry | None) -> None:
    if planned is not None and _RANK.index(effect) > _RANK.index(planned.effect):
        raise Fault(f"would now be {effect}, which was not in the plan ({planned.effect}); make a new plan")


def _standing(person: Subscriber, row: Row | None) -> Standing:
    if row is None:
        return Standing(person, person.id)
    status = SubscriptionStatus(row.status)
    return Standing(
        *(person, person.id, status, row.unsubscribed_at is not None, row.confirmed_at, row.changed_at),
        status_before=status,
        confirmed_before=row.confirmed_at,
        asked_at=None if row.source in _NOT_THEMSELVES else row.changed_at,
    )


def _newcomer(row: Candidate) -> Subscriber:
    assert row.address is not None  # noqa: S101 - the caller has looked
    return Subscriber(0, new_uid(), row.address.email, row.name, dict(row.extra), "", row.address_hash, row.tags)


def _amended(person: Subscriber, row: Candidate) -> Subscriber:
    """The person with what the row knows; the very same where that is nothing new."""
    name = row.name or person.name
    extra: Mapping[str, str] = person.fields
    if any(extra.get(key) != value for key, value in row.extra.items()):
        extra = {**extra, **row.extra}
    tagged = person.tags
    if row.tags and not set(row.tags).issubset(tagged):
        try:
            tagged = tags.together(tagged, row.tags)
        except tags.TagError as error:
            raise Fault(error.message.rstrip(".")) from error
    if name == person.name and extra is person.fields and tagged is person.tags:
        return person
    return replace(person, name=name, fields=dict(extra), tags=tagged)
