"""One row by itself: what can be judged without looking at anybody on file.

A row needs a basis and a date of consent, its own or the file's, to make anybody a reader; without them they are
pending and nothing is mailed (CASL s. 10 asks for both, GDPR Art. 7(1) for proof).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from newsletter import addresses, tags
from newsletter.addresses import Address
from newsletter.config import FieldConfig
from newsletter.errors import AddressError
from newsletter.store.schema import SubscriptionStatus, SuppressionReason
from newsletter.subscribers import fields, people
from newsletter.subscribers.importing import dates
from newsletter.tokens import KeyRing

FIRST_YEAR = 1971
"""There was no e-mail before; a time zone cannot push a moment of this year out of the calendar."""
MAX_BASIS = 500
SUPPRESSING: Mapping[str, SuppressionReason] = MappingProxyType(
    {
        "bounced": SuppressionReason.HARD_BOUNCE,
        "complained": SuppressionReason.COMPLAINT,
        "blocked": SuppressionReason.MANUAL,
    }
)
"""Standings that are no matter of one list: the address is never mailed again."""
IS_ROLE = "is a mailbox of a function, not of a person who could agree"

_IN_BRACKETS = re.compile(r"\s*\"?([^\"<>]*?)\"?\s*<([^<>\s]+)>\s*")


@dataclass(frozen=True)
class Terms:
    """On what terms rows come in."""

    list_id: int
    list_slug: str
    """A row that names another list is not for this one."""
    confirmed: bool = False
    """The editor vouches for everybody; needs a basis. Otherwise a row needs a basis and a date."""
    basis: str = ""
    source: str = "import"
    """`import`, `cli` or `api`."""
    origin: str = ""
    """Name of the file, for the evidence."""
    send_confirmations: bool = False
    consented_at: datetime | None = None
    """When people agreed, where a row does not say."""
    dates: dates.Order = ""
    own: frozenset[str] = frozenset()
    """Keys of the Site's own addresses, which would mail themselves."""


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
    basis: str = ""
    has_left: bool = False
    left_at: datetime | None = None
    suppress: SuppressionReason | None = None
    warning: str = ""


class Fault(Exception):
    """Carries the reason of one refused row."""


def prepare(  # noqa: PLR0917
    row: int, record: Mapping[str, str], terms: Terms, declared: Sequence[FieldConfig], keys: KeyRing, now: datetime
) -> Candidate:
    """Judge one row by itself; faults are kept in it, so that rows are refused in the order of the file."""
    typed = record.get("email", "")
    try:
        address, name = _address(typed)
    except AddressError as error:
        return Candidate(row, typed, fault=str(error).rstrip("."))
    address_hash = keys.address_hash(address.key)
    try:
        if address.key in terms.own or address.key.startswith("mailer-daemon@"):
            raise Fault("is an address that sends this newsletter, or answers by itself")
        standing = _standing(record, terms)
        if standing in SUPPRESSING or standing == SubscriptionStatus.UNSUBSCRIBED:
            return Candidate(
                *(row, typed, address, address_hash),
                has_left=standing not in SUPPRESSING,
                left_at=_left_at(record, terms, now),
                suppress=SUPPRESSING.get(standing),
            )
        confirmed_at = _confirmed_at(record, terms, now)
        basis = " ".join(record.get("basis", "").split())[:MAX_BASIS] or terms.basis
        may_confirm = standing == SubscriptionStatus.CONFIRMED and (
            terms.confirmed or (basis != "" and confirmed_at is not None)
        )
        return Candidate(
            *(row, typed, address, address_hash),
            name=people.clean_name(record.get("name", "") or name),
            extra=_extra(record, declared),
            tags=_tags(record.get("tags", "")),
            confirmed_at=confirmed_at,
            may_confirm=may_confirm,
            basis=basis,
            warning=IS_ROLE if address.is_role else "",
        )
    except Fault as fault:
        return Candidate(row, typed, address, address_hash, fault=str(fault))


def _address(typed: str) -> tuple[Address, str]:
    """The address of a cell, and the name before it in `Ada Reader <ada@example.net>`."""
    try:
        return addresses.parse(typed), ""
    except AddressError:
        found = _IN_BRACKETS.fullmatch(typed) if len(typed) < 4 * addresses.MAX_LENGTH else None
        if found is None:
            raise
        return addresses.parse(found[2]), found[1]


def _standing(record: Mapping[str, str], terms: Terms) -> str:
    """What the row says about itself, as our own export writes it; a row that says nothing may be confirmed."""
    if not record.get("list") and not record.get("status"):
        return SubscriptionStatus.CONFIRMED
    listed = record.get("list", "").strip()
    if listed and listed.casefold() != terms.list_slug.casefold():
        raise Fault(f"belongs to the list {listed[:63]}, says the file")
    stated = record.get("status", "").strip().lower() or SubscriptionStatus.CONFIRMED
    if stated in SUPPRESSING:
        return stated
    if stated == "disabled":
        raise Fault("is switched off, says the file")
    try:
        return SubscriptionStatus(stated)
    except ValueError as error:
        known = ", ".join(SubscriptionStatus)
        raise Fault(f"the status {stated[:20]!r} is unknown; known are {known}") from error


def _extra(record: Mapping[str, str], declared: Sequence[FieldConfig]) -> dict[str, str]:
    """Values of declared fields; that one is required binds the form, not what people already know of their readers."""
    found = {}
    for each in declared:
        raw = record.get(each.name, "")
        try:
            value = fields.check(each, raw) if raw.strip() else ""
        except fields.FieldError as error:
            raise Fault(str(error).rstrip(".")) from error
        if value:
            found[each.name] = value
    return found


@lru_cache(maxsize=1024)
def _tags(text: str) -> tuple[str, ...]:
    """What a row says; people come by a few combinations of tags, not by thousands."""
    try:
        return tags.split(text)
    except tags.TagError as error:
        raise Fault(str(error).rstrip(".")) from error


def _confirmed_at(record: Mapping[str, str], terms: Terms, now: datetime) -> datetime | None:
    for column in ("confirmed_at", "consented_at"):
        if text := record.get(column, "").strip():
            return _moment(column, text, now, terms.dates)
    return terms.consented_at


def _left_at(record: Mapping[str, str], terms: Terms, now: datetime) -> datetime | None:
    """When they left; that nobody can read it is no reason to forget that they did."""
    try:
        return _moment("unsubscribed_at", record.get("unsubscribed_at", "").strip(), now, terms.dates)
    except Fault:
        return None


@lru_cache(maxsize=1024)
def _moment(column: str, text: str, now: datetime, order: dates.Order) -> datetime | None:
    """A moment of the file; lists that were kept elsewhere have a few thousand days, not a million."""
    if not text:
        return None
    try:
        moment = dates.moment(text, order)
        is_future, is_old = moment > now, moment.year < FIRST_YEAR
    except dates.Ambiguous as error:
        raise Fault(f"{column} {text[:20]} may be two days; say --dates dmy or --dates mdy") from error
    except (ValueError, OverflowError) as error:
        raise Fault(f"{column} is not a date such as 2026-09-15 or 2026-09-15T08:00:00+02:00") from error
    if is_future or is_old:
        raise Fault(f"{column} lies in the future" if is_future else f"{column} lies too far back")
    return moment
