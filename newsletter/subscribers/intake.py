"""Many rows at once: read and judged before the writer's turn, then taken in with a handful of statements.

A sign-up waits behind whoever writes, so a turn must be short. Everything that needs no database happens
before it (`prepare`); what needs one is asked once for the whole batch and decided in Python, in the order
of the file, so that the second row of the same person meets what the first has left (`take`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import Connection, select

from newsletter import addresses, tags
from newsletter.addresses import Address
from newsletter.config import FieldConfig
from newsletter.errors import AddressError
from newsletter.store.schema import ConsentKind, SubscriptionStatus, subscriptions
from newsletter.subscribers import consent, fields, lifecycle, people, signup, suppression
from newsletter.subscribers.consent import Evidence
from newsletter.subscribers.people import Subscriber
from newsletter.tokens import KeyRing, new_uid

FIRST_YEAR = 1971
"""There was no e-mail before; a time zone cannot push a moment of this year out of the calendar."""

HAS_LEFT = "has unsubscribed from this list; only they can come back, through the form"


@dataclass(frozen=True)
class Terms:
    """On what terms rows come in."""

    list_id: int
    list_slug: str
    """A row that names another list is not for this one."""
    confirmed: bool = False
    basis: str = ""
    source: str = "import"
    """`import` or `cli`."""
    origin: str = ""
    """Name of the file, for the evidence."""
    send_confirmations: bool = False


@dataclass
class Report:
    """How many rows came to what; refused ones are told one by one as they are met."""

    rows: int = 0
    confirmed: int = 0
    pending: int = 0
    unchanged: int = 0
    refused: int = 0
    invited: int = 0

    def as_dict(self) -> dict[str, int]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True)
class Refusal:
    """One row that stays outside, and why."""

    row: int
    email: str
    reason: str


class Candidate(NamedTuple):
    """One row as far as it can be judged without looking at anybody on file."""

    number: int
    typed: str
    """The address as it stood in the row."""
    address: Address | None = None
    address_hash: bytes = b""
    name: str = ""
    extra: Mapping[str, str] = MappingProxyType({})
    tags: tuple[str, ...] = ()
    confirmed_at: datetime | None = None
    may_confirm: bool = False
    fault: str = ""
    """Why it stays outside, or nothing."""


class _Fault(Exception):
    """Carries the reason of one refused row."""


@dataclass
class _Standing:
    """One person while a batch is decided."""

    person: Subscriber
    id: int
    """Row number of the person; 0 until they have one."""
    status: SubscriptionStatus | None = None
    """Where they stand with the list now."""
    has_left: bool = False
    is_new: bool = False
    is_amended: bool = False
    begins: bool = False
    confirmed_at: datetime | None = None
    """Since when, if this batch confirms them."""


@dataclass
class _Decided:
    """What a batch comes to, before anything is written."""

    standings: dict[str, _Standing]
    confirmed: list[tuple[str, Candidate]] = field(default_factory=list)
    invited: list[str] = field(default_factory=list)


def prepare(  # noqa: PLR0917
    row: int, record: Mapping[str, str], terms: Terms, declared: Sequence[FieldConfig], keys: KeyRing, now: datetime
) -> Candidate:
    """Judge one row by itself; faults are kept in it, so that rows are refused in the order of the file."""
    typed = record.get("email", "")
    try:
        address = addresses.parse(typed)
    except AddressError as error:
        return Candidate(row, typed, fault=str(error).rstrip("."))
    address_hash = keys.address_hash(address.key)
    try:
        status = _status(record, terms)
        return Candidate(
            *(row, typed, address, address_hash),
            name=people.clean_name(record.get("name", "")),
            extra=_extra(record, declared),
            tags=_tags(record.get("tags", "")),
            confirmed_at=_confirmed_at(record.get("confirmed_at", "").strip(), now),
            may_confirm=terms.confirmed and status is SubscriptionStatus.CONFIRMED,
        )
    except _Fault as fault:
        return Candidate(row, typed, address, address_hash, fault=str(fault))


def take(
    connection: Connection, batch: Sequence[Candidate], terms: Terms, report: Report, now: datetime
) -> list[Refusal]:
    """Bring a batch in, in its order; counts into `report` and returns who stays outside.

    A few hundred rows at most, inside one write transaction.
    """
    decided = _Decided(_standings(connection, batch, terms.list_id))
    suppressed = suppression.reasons_for(connection, {row.address_hash for row in batch if row.address})
    refusals = []
    for row in batch:
        report.rows += 1
        reason = suppressed.get(row.address_hash)
        try:
            if reason is not None:
                raise _Fault(f"suppressed ({reason.value})")
            _decide(row, decided, terms, report)
        except _Fault as fault:
            report.refused += 1
            refusals.append(Refusal(row.number, row.typed[:254], str(fault)))
    _write(connection, decided, terms, now)
    for key in decided.invited:
        standing = decided.standings[key]
        report.invited += signup.invite(connection, replace(standing.person, id=standing.id), [terms.list_id], {}, now)
    return refusals


def _standings(connection: Connection, batch: Sequence[Candidate], list_id: int) -> dict[str, _Standing]:
    known = people.find_many(connection, {row.address.key for row in batch if row.address})
    if not known:
        return {}
    rows = connection.execute(
        select(subscriptions.c.subscriber_id, subscriptions.c.status, subscriptions.c.unsubscribed_at).where(
            subscriptions.c.list_id == list_id,
            subscriptions.c.subscriber_id.in_([person.id for person in known.values()]),
        )
    )
    on_list = {row.subscriber_id: (SubscriptionStatus(row.status), row.unsubscribed_at is not None) for row in rows}
    return {key: _Standing(person, person.id, *on_list.get(person.id, (None, False))) for key, person in known.items()}


def _decide(row: Candidate, decided: _Decided, terms: Terms, report: Report) -> None:
    if row.fault or row.address is None:
        raise _Fault(row.fault)
    key = row.address.key
    standing = decided.standings.get(key)
    if standing is None:
        newcomer = Subscriber(
            0, new_uid(), row.address.email, row.name, dict(row.extra), "", row.address_hash, row.tags
        )
        standing = decided.standings[key] = _Standing(newcomer, 0, is_new=True)
    before = standing.status
    if standing.has_left and before is not SubscriptionStatus.CONFIRMED:
        raise _Fault(HAS_LEFT)
    _amend(standing, row)
    if before is None:
        standing.begins, standing.status = True, SubscriptionStatus.PENDING
    if row.may_confirm and before is not SubscriptionStatus.CONFIRMED:
        standing.status = SubscriptionStatus.CONFIRMED
        decided.confirmed.append((key, row))
        report.confirmed += 1
    elif before is None:
        report.pending += 1
    else:
        report.unchanged += 1
    if terms.send_confirmations and before in {None, SubscriptionStatus.PENDING}:
        decided.invited.append(key)


def _amend(standing: _Standing, row: Candidate) -> None:
    person = standing.person
    name = row.name or person.name
    extra = person.fields
    if any(extra.get(key) != value for key, value in row.extra.items()):
        extra = {**extra, **row.extra}
    tagged = person.tags
    if row.tags and not set(row.tags).issubset(tagged):
        try:
            tagged = tags.together(tagged, row.tags)
        except tags.TagError as error:
            raise _Fault(error.message.rstrip(".")) from error
    if name != person.name or extra is not person.fields or tagged is not person.tags:
        standing.person = replace(person, name=name, fields=extra, tags=tagged)
        standing.is_amended = True


def _write(connection: Connection, decided: _Decided, terms: Terms, now: datetime) -> None:
    standings = decided.standings
    for key, row in decided.confirmed:
        standings[key].confirmed_at = row.confirmed_at or now
    newcomers = {key: standing.person for key, standing in standings.items() if standing.is_new}
    for key, subscriber_id in people.file_many(connection, newcomers, now).items():
        standings[key].id = subscriber_id
    everybody = standings.values()
    people.amend_many(connection, [each.person for each in everybody if each.is_amended and not each.is_new])
    begun = {each.id: each.confirmed_at for each in everybody if each.begins}
    confirmed = {each.id: each.confirmed_at for each in everybody if each.confirmed_at and not each.begins}
    lifecycle.begin_many(connection, terms.list_id, begun, terms.source, now)
    lifecycle.confirm_many(connection, terms.list_id, confirmed, now)
    acts = [_act(standings[key], row, terms) for key, row in decided.confirmed]
    consent.append(connection, acts, now)


def _act(standing: _Standing, row: Candidate, terms: Terms) -> consent.Act:
    origin = f"{terms.origin} line {row.number}" if row.number else terms.origin
    if row.confirmed_at:
        origin += f", confirmed {row.confirmed_at.date()}"
    evidence = Evidence(terms.source, basis=terms.basis, origin=origin)
    return consent.Act(ConsentKind.IMPORTED, standing.id, terms.list_id, standing.person.email, evidence)


def _status(record: Mapping[str, str], terms: Terms) -> SubscriptionStatus:
    """What the row says about itself, as our own export writes it; a row that says nothing may be confirmed."""
    if not record.get("list") and not record.get("status"):
        return SubscriptionStatus.CONFIRMED
    listed = record.get("list", "").strip()
    if listed and listed.casefold() != terms.list_slug.casefold():
        raise _Fault(f"belongs to the list {listed[:63]}, says the file")
    stated = record.get("status", "").strip().lower()
    if stated == SubscriptionStatus.UNSUBSCRIBED:
        raise _Fault("has unsubscribed, says the file")
    try:
        return SubscriptionStatus(stated or SubscriptionStatus.CONFIRMED)
    except ValueError as error:
        known = ", ".join(SubscriptionStatus)
        raise _Fault(f"the status {stated[:20]!r} is unknown; known are {known}") from error


def _extra(record: Mapping[str, str], declared: Sequence[FieldConfig]) -> dict[str, str]:
    """Values of declared fields; that one is required binds the form, not what people already know of their readers."""
    found = {}
    for each in declared:
        raw = record.get(each.name, "")
        try:
            value = fields.check(each, raw) if raw.strip() else ""
        except fields.FieldError as error:
            raise _Fault(str(error).rstrip(".")) from error
        if value:
            found[each.name] = value
    return found


@lru_cache(maxsize=1024)
def _tags(text: str) -> tuple[str, ...]:
    """What a row says; people come by a few combinations of tags, not by thousands."""
    try:
        return tags.split(text)
    except tags.TagError as error:
        raise _Fault(str(error).rstrip(".")) from error


@lru_cache(maxsize=1024)
def _confirmed_at(text: str, now: datetime) -> datetime | None:
    """A moment of the file; lists that were kept elsewhere have a few thousand days, not a million."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _Fault("confirmed_at is not a date such as 2026-09-15 or 2026-09-15T08:00:00+02:00") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > now or moment.year < FIRST_YEAR:
        raise _Fault("confirmed_at lies in the future" if moment > now else "confirmed_at lies too far back")
    return moment
