"""Where something about a person is kept: one entry for every table, read by forgetting and by the export.

Whoever adds a table enters it here, as a Holding or among those that know nobody; a test insists. So nobody can be
forgotten by half, and nothing is left out of what a person is told about themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, select

from newsletter import addresses
from newsletter.addresses import Address
from newsletter.errors import AddressError
from newsletter.store.feedback_schema import feedback_events, feedback_reports
from newsletter.store.gate_schema import gate_allowed
from newsletter.store.import_schema import import_touches
from newsletter.store.reply_schema import replies
from newsletter.store.schema import (
    CampaignKind,
    attempts,
    campaigns,
    consent_records,
    deliveries,
    subscribers,
    subscriptions,
)
from newsletter.subscribers.people import Subscriber


@dataclass(frozen=True)
class Trail:
    """What the traces of a person are found by."""

    subscriber_id: int
    """0 for somebody who is not on file, who may still have replied."""
    uid: int
    addresses: tuple[Address, ...]
    """The present one first, then former ones."""

    @property
    def keys(self) -> tuple[str, ...]:
        """All of them, normalised."""
        return tuple(each.key for each in self.addresses)


@dataclass(frozen=True)
class Holding:
    """One table that holds something about people."""

    table: Table
    theirs: Callable[[Trail], ColumnElement[bool]]
    """SQL: which rows are about this person."""
    erased: Mapping[str, Any] | None = None
    """What becomes of these rows: the columns that name somebody, and what they hold afterwards. None: they go."""
    section: str = ""
    """What the rows are called in the export; empty when `export` tells them in words of its own."""
    shown: tuple[str, ...] = ()
    """The columns the export shows."""


def _mails(table: Table) -> Callable[[Trail], ColumnElement[bool]]:
    """Rows of the ledger, found through the index that begins with the campaign."""

    def theirs(trail: Trail) -> ColumnElement[bool]:
        return table.c.campaign_id.in_(select(campaigns.c.id)) & (table.c.subscriber_id == trail.subscriber_id)

    return theirs


def _reports(trail: Trail) -> ColumnElement[bool]:
    """Mail that came back about theirs, which quotes it, and them."""
    theirs = select(feedback_events.c.report_hash).where(
        feedback_events.c.subscriber_id == trail.subscriber_id, feedback_events.c.report_hash.is_not(None)
    )
    return feedback_reports.c.hash.in_(theirs)


HOLDINGS: tuple[Holding, ...] = (
    Holding(feedback_reports, _reports),
    Holding(
        feedback_events,
        lambda trail: feedback_events.c.subscriber_id == trail.subscriber_id,
        erased={"reason": "", "report_hash": None},
        section="feedback",
        shown=("at", "kind", "source", "provider", "code", "enhanced", "reason"),
    ),
    Holding(attempts, _mails(attempts), erased={"text": ""}),  # relays like to quote whom they refuse
    Holding(deliveries, _mails(deliveries), erased={"scope": None}),
    Holding(
        consent_records,
        lambda trail: consent_records.c.subscriber_id == trail.subscriber_id,
        erased={"subscriber_id": None, "personal": None, "salt": None},
    ),
    Holding(
        replies,
        lambda trail: replies.c.email_key.in_(trail.keys),
        section="replies",
        shown=("slug", "name", "email", "words", "status", "created_at"),
    ),
    Holding(
        gate_allowed,
        lambda trail: gate_allowed.c.entry.in_(trail.keys),
        section="allowed",
        shown=("entry", "note", "created_at"),
    ),
    Holding(
        import_touches,
        lambda trail: import_touches.c.subscriber_id == trail.subscriber_id,
        section="imports",
        shown=("kind", "at", "previous"),
    ),
    Holding(subscriptions, lambda trail: subscriptions.c.subscriber_id == trail.subscriber_id),
    Holding(subscribers, lambda trail: subscribers.c.id == trail.subscriber_id),
)
"""Tables with rows about a person, in the order in which they are erased: whoever refers to somebody goes first."""

MENTIONS: Mapping[str, str] = {
    "api_answers": "answers of the API quote people; those that name the person are dropped",
    "campaigns": "a reason to pause may quote a relay, and a relay the reader it refused; then the reason goes",
}
"""Tables in whose texts somebody may be named; forgetting reads them."""

NOBODY: Mapping[str, str] = {
    "alembic_version": "a number",
    "api_keys": "programs, not people",
    "feedback_alarms": "counts",
    "feedback_letters": "places in a mailbox and hashes",
    "feedback_nonces": "hashes",
    "gate_domains": "keyed hashes of domains",
    "gate_hits": "keyed hashes that expire within days",
    "gate_proofs": "hashes of solved challenges",
    "gate_tallies": "counts by day and network",
    "gate_watch": "counts",
    "imports": "names of files, and counts",
    "instance": "the Site's own name",
    "journals": "names of files, and numbers",
    "lists": "slugs",
    "media": "pictures of issues",
    "snapshots": "issues, rendered for nobody",
    "suppressions": "keyed hashes, which are what protects the person; the note goes when they are forgotten",
    "throttles": "receiving providers",
    "wordings": "what everybody was shown",
    "workers": "processes",
}
"""Tables that know nobody, and why."""


def trail_of(connection: Connection, person: Subscriber) -> Trail:
    """Somebody on file, with the addresses they had before; one that is somebody else's now is theirs no more."""
    told = connection.execute(
        select(consent_records.c.personal).where(
            consent_records.c.subscriber_id == person.id, consent_records.c.personal.is_not(None)
        )
    ).scalars()
    moved = connection.execute(
        select(deliveries.c.scope)
        .join(campaigns, campaigns.c.id == deliveries.c.campaign_id)
        .where(campaigns.c.kind == CampaignKind.MOVED, deliveries.c.subscriber_id == person.id)
    ).scalars()
    former = {address.key: address for each in (*told, *moved) if each and (address := _address(each.get("email")))}
    taken = connection.execute(
        select(subscribers.c.email_key).where(subscribers.c.email_key.in_(former), subscribers.c.id != person.id)
    ).scalars()
    for key in taken.all():
        del former[key]
    present = addresses.parse(person.email)
    former.pop(present.key, None)
    return Trail(person.id, person.uid, (present, *former.values()))


def count(connection: Connection, trail: Trail) -> int:
    """How many rows are about them."""
    query = select(func.count())
    return sum(
        int(connection.execute(query.select_from(each.table).where(each.theirs(trail))).scalar_one())
        for each in HOLDINGS
    )


def _address(text: str | None) -> Address | None:
    try:
        return addresses.parse(text or "")
    except AddressError:
        return None
