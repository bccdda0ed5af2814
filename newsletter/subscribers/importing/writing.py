"""A decided batch becomes rows, with a handful of statements, and leaves behind what a taking back needs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update

from newsletter.deliveries.lifecycle import sources
from newsletter.store import bulk, journal
from newsletter.store.import_schema import Touch, import_touches
from newsletter.store.journal import Departure, Line
from newsletter.store.schema import ConsentKind, SubscriptionStatus, subscriptions
from newsletter.store.types import canonical_json, to_millis
from newsletter.subscribers import consent, lifecycle, people, signup, suppression
from newsletter.subscribers.consent import Evidence
from newsletter.subscribers.importing.deciding import Decided, Standing
from newsletter.subscribers.importing.rows import Candidate, Terms
from newsletter.subscribers.people import Subscriber

_MAY_LEAVE = sources(lifecycle.SUBSCRIPTION, SubscriptionStatus.UNSUBSCRIBED)
_TOUCH = ("subscriber_id", "import_id", "kind", "at", "previous", "digest")


def write(connection: Connection, decided: Decided, terms: Terms, now: datetime, import_id: int = 0) -> int:
    """Carry it out; `import_id` is whom it is noted for. Returns how many were asked by mail to confirm."""
    standings = decided.standings
    newcomers = {key: standing.person for key, standing in standings.items() if standing.is_new}
    for key, subscriber_id in people.file_many(connection, newcomers, now).items():
        standings[key].id = subscriber_id
    everybody = standings.values()
    people.amend_many(connection, [each.person for each in everybody if each.before is not None])
    begun = {each.id: each.confirms for each in everybody if each.begins}
    confirmed = {each.id: each.confirms for each in everybody if each.confirms and not each.begins}
    lifecycle.begin_many(connection, terms.list_id, begun, terms.source, now)
    lifecycle.confirm_many(connection, terms.list_id, confirmed, now)
    _leave_many(connection, terms.list_id, {each.id: each.leaves for each in everybody if each.leaves}, now)
    for key, row in decided.left:
        if not standings[key].is_new:
            line = Line(to_millis(now), Departure.LEFT, row.address_hash, terms.list_slug)
            journal.note(connection, line)  # lest a restored backup mails them again
    acts = [_act(ConsentKind.IMPORTED, standings[key], row, terms) for key, row in decided.confirmed]
    acts += [_act(ConsentKind.UNSUBSCRIBED, standings[key], row, terms) for key, row in decided.left]
    consent.append(connection, acts, now)
    for row in decided.blocked:
        if row.suppress is not None:
            note = f"says {terms.origin or 'an import'}"
            suppression.suppress(connection, row.address_hash, row.suppress, now, note=note)
    if import_id:
        _note(connection, [each for each in everybody if each.is_touched], import_id, now)
    return sum(
        signup.invite(connection, replace(standings[key].person, id=standings[key].id), [terms.list_id], {}, now)
        for key in decided.invited
        if standings[key].status is SubscriptionStatus.PENDING
    )


def digest(person: Subscriber, status: str | None, changed_at: int | None) -> bytes:
    """The person as somebody left them, in eight octets: whether anybody has acted since."""
    values = (person.email, person.name, sorted(person.fields.items()), tuple(person.tags))
    content = repr((*values, None if status is None else str(status), changed_at))
    return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _leave_many(connection: Connection, list_id: int, left: Mapping[int, datetime], now: datetime) -> None:
    if left:
        connection.execute(
            update(subscriptions)
            .where(
                subscriptions.c.subscriber_id == bindparam("who"),
                subscriptions.c.list_id == list_id,
                or_(*(subscriptions.c.status == each for each in _MAY_LEAVE)),
            )
            .values(status=SubscriptionStatus.UNSUBSCRIBED, changed_at=now, unsubscribed_at=bindparam("since")),
            [{"who": subscriber_id, "since": moment} for subscriber_id, moment in left.items()],
        )


def _act(kind: ConsentKind, standing: Standing, row: Candidate, terms: Terms) -> consent.Act:
    origin = f"{terms.origin} line {row.number}" if row.number else terms.origin
    if row.confirmed_at:
        origin += f", confirmed {row.confirmed_at.date()}"
    if row.left_at:
        origin += f", left {row.left_at.date()}"
    evidence = Evidence(terms.source, basis=row.basis, origin=origin)
    return consent.Act(kind, standing.id, terms.list_id, standing.person.email, evidence)


def _note(connection: Connection, touched: Sequence[Standing], import_id: int, now: datetime) -> None:
    """Remember what was there before; of two rows about one person the first knows it."""
    met = _met(connection, [each.id for each in touched if not each.is_new], import_id)
    at = to_millis(now)
    fresh = []
    for each in touched:
        is_moved = each.begins or each.confirms or each.leaves
        changed_at = at if is_moved else None if each.changed_at is None else to_millis(each.changed_at)
        left = digest(each.person, each.status, changed_at)
        if each.id in met:
            kind, previous = met[each.id]
            values = {"kind": Touch.LEFT if each.leaves else kind, "at": now, "digest": left}
            if kind is not Touch.ADDED:
                values["previous"] = {**_previous(each), **previous}
            connection.execute(
                update(import_touches)
                .where(import_touches.c.subscriber_id == each.id, import_touches.c.import_id == import_id)
                .values(**values)
            )
        else:
            before = None if each.is_new else canonical_json(_previous(each))
            fresh.append((each.id, import_id, _kind(each).value, at, before, left))
    bulk.insert_rows(connection, import_touches, _TOUCH, fresh)


def _kind(each: Standing) -> Touch:
    if each.leaves:
        return Touch.LEFT
    return Touch.ADDED if each.is_new else Touch.JOINED if each.begins else Touch.UPDATED


def _previous(each: Standing) -> dict[str, Any]:
    """Only what this batch changes: values of the person, and where they stood with the list."""
    found: dict[str, Any] = {}
    if each.before is not None:
        was, now = each.before, each.person
        found |= {"name": was.name} if was.name != now.name else {}
        found |= {"fields": was.fields} if was.fields != now.fields else {}
        found |= {"tags": list(was.tags)} if was.tags != now.tags else {}
    if not each.begins and (each.confirms or each.leaves):
        found["status"] = each.status_before
        found["confirmed_at"] = None if each.confirmed_before is None else to_millis(each.confirmed_before)
    return found


def _met(connection: Connection, ids: list[int], import_id: int) -> dict[int, tuple[Touch, dict[str, Any]]]:
    """Whom this import has touched before."""
    if not ids:
        return {}
    rows = connection.execute(
        select(import_touches).where(import_touches.c.subscriber_id.in_(ids), import_touches.c.import_id == import_id)
    )
    return {row.subscriber_id: (Touch(row.kind), row.previous or {}) for row in rows}
