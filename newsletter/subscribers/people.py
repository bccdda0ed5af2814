"""Finding, filing and describing Subscribers: one per normalised address."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, update

from newsletter.addresses import Address
from newsletter.store import bulk
from newsletter.store.dialect import add_if_new
from newsletter.store.schema import Row, lists, subscribers, subscriptions, suppressions
from newsletter.store.types import canonical_json, iso, to_millis
from newsletter.tokens import KeyRing, new_uid

MAX_NAME = 200

_JOINERS = frozenset("\u200c\u200d")
"""Zero-width non-joiner and joiner."""
_ATTACHED = re.compile("[\u200c\u200d\u180b-\u180d\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
"""Joiners and variation selectors: they say how their neighbours are drawn."""
_CLOSING = ",;:،؛、，；："
_COLUMNS = ("id", "uid", "email", "name", "fields", "language", "address_hash", "tags")


@dataclass(frozen=True)
class Subscriber:
    """A person on file."""

    id: int
    uid: int
    email: str
    name: str
    fields: dict[str, Any]
    language: str
    address_hash: bytes
    tags: tuple[str, ...] = ()
    """Sorted, each once."""
    paused_until: datetime | None = None

    @property
    def first_name(self) -> str:
        """How the person is greeted."""
        return first_name(self.name)


def clean_name(name: str) -> str:
    """A name as it is stored: one line, no control or invisible characters, at most 200 characters.

    Everything else is data and kept: `<b>`, `{{`, quotes and emoji are escaped where they are shown. The joiners
    and variation selectors of Unicode are spelling in Persian, Hindi and emoji and stay where they join something.
    """
    if len(name) <= MAX_NAME and name.isascii() and name.isprintable():
        return " ".join(name.split())
    name = name[: 20 * MAX_NAME]
    line = " ".join((name if name.isprintable() else _printable(name)).split())
    if _ATTACHED.search(line):
        line = " ".join(_ATTACHED.sub(_tidy, line).split())
    return _ATTACHED.sub(_tidy, line[:MAX_NAME]).strip()


def first_name(name: str) -> str:
    """The first word of a name without the comma or semicolon behind it, or nothing."""
    for word in name.split():
        if bare := word.rstrip(_CLOSING):
            return bare
    return ""


def _printable(name: str) -> str:
    return "".join(each if each.isprintable() or each in _JOINERS else " " for each in name)


def _tidy(found: re.Match[str]) -> str:
    """Of a run of joiners and selectors: a selector behind something, and a joiner between two things."""
    run, text = found[0], found.string
    if found.start() == 0 or text[found.start() - 1] == " ":
        return ""
    selector = "" if run[0] in _JOINERS else run[0]
    joiner = next((character for character in run if character in _JOINERS), "")
    return selector + (joiner if text[found.end() : found.end() + 1].strip() else "")


def find(connection: Connection, address_key: str) -> Subscriber | None:
    """The person with that normalised address."""
    return _one(connection, subscribers.c.email_key == address_key)


def find_many(connection: Connection, address_keys: Collection[str]) -> dict[str, Subscriber]:
    """The people with these normalised addresses, by address; a few hundred at most."""
    rows = bulk.select_rows(connection, subscribers, (*_COLUMNS, "email_key"), "email_key", address_keys)
    return {
        row.email_key: Subscriber(
            *(row.id, row.uid, row.email, row.name, json.loads(row.fields), row.language, row.address_hash),
            tags=() if row.tags == "[]" else tuple(json.loads(row.tags)),
        )
        for row in rows
    }


def by_uid(connection: Connection, uid: int) -> Subscriber | None:
    """The person a link names."""
    return _one(connection, subscribers.c.uid == uid)


def file(
    connection: Connection, address: Address, keys: KeyRing, now: datetime, *, name: str = "", language: str = ""
) -> Subscriber:
    """The person with that address, put on file if need be; the same statements either way."""
    newcomer = {
        "uid": new_uid(),
        "email": address.email,
        "email_key": address.key,
        "address_hash": keys.address_hash(address.key),
        "name": clean_name(name),
        "language": language,
        "created_at": now,
    }
    add_if_new(connection, subscribers, newcomer)
    found = find(connection, address.key)
    assert found is not None  # noqa: S101 - just put on file
    return found


def file_many(connection: Connection, newcomers: Mapping[str, Subscriber], now: datetime) -> dict[str, int]:
    """Put many new people on file, by normalised address; their `id` counts for nothing, the row numbers come back."""
    if not newcomers:
        return {}
    at = to_millis(now)
    bulk.insert_rows(
        connection,
        subscribers,
        ("uid", "email", "email_key", "address_hash", "name", "fields", "tags", "language", "created_at"),
        [
            (
                *(person.uid, person.email, address_key, person.address_hash),
                *(person.name, canonical_json(person.fields) if person.fields else "{}"),
                *(canonical_json(person.tags) if person.tags else "[]", person.language, at),
            )
            for address_key, person in newcomers.items()
        ],
    )
    return dict(bulk.select_rows(connection, subscribers, ("email_key", "id"), "email_key", newcomers.keys()))


def amend(connection: Connection, subscriber_id: int, **values: Any) -> None:
    """Change name, fields, tags, language or pause."""
    if values:
        connection.execute(update(subscribers).where(subscribers.c.id == subscriber_id).values(**values))


def amend_many(connection: Connection, changed: Collection[Subscriber]) -> None:
    """Keep the names, fields and tags of many people as they are in these values."""
    if changed:
        connection.execute(
            update(subscribers)
            .where(subscribers.c.id == bindparam("who"))
            .values(name=bindparam("new_name"), fields=bindparam("new_fields"), tags=bindparam("new_tags")),
            [
                {"who": each.id, "new_name": each.name, "new_fields": each.fields, "new_tags": each.tags}
                for each in changed
            ],
        )


def describe(connection: Connection, subscriber: Subscriber) -> dict[str, Any]:
    """What `subscriber show --json` prints."""
    rows = connection.execute(
        select(lists.c.slug, subscriptions)
        .join(lists, lists.c.id == subscriptions.c.list_id)
        .where(subscriptions.c.subscriber_id == subscriber.id)
        .order_by(lists.c.id)
    )
    suppressed = connection.execute(
        select(suppressions.c.reason).where(suppressions.c.address_hash == subscriber.address_hash)
    ).scalar()
    return {
        "email": subscriber.email,
        "name": subscriber.name,
        "fields": subscriber.fields,
        "tags": list(subscriber.tags),
        "paused_until": iso(subscriber.paused_until),
        "subscriptions": [
            {
                "list": row.slug,
                "status": row.status,
                "source": row.source,
                "created_at": iso(row.created_at),
                "confirmed_at": iso(row.confirmed_at),
                "unsubscribed_at": iso(row.unsubscribed_at),
            }
            for row in rows
        ],
        "suppressed": suppressed is not None,
        "suppression_reason": suppressed,
    }


def page(
    connection: Connection, *, list_id: int | None = None, status: str | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """Subscriptions with their people, newest people first."""
    rows = connection.execute(
        select(subscribers.c.email, subscribers.c.name, lists.c.slug, subscriptions.c.status)
        .join(subscriptions, subscriptions.c.subscriber_id == subscribers.c.id)
        .join(lists, lists.c.id == subscriptions.c.list_id)
        .where(*_filters(list_id, status))
        .order_by(subscribers.c.id.desc(), lists.c.id)
        .limit(limit)
    )
    return [{"email": row.email, "name": row.name, "list": row.slug, "status": row.status} for row in rows]


def count(connection: Connection, *, list_id: int | None = None, status: str | None = None) -> int:
    """How many subscriptions that are."""
    query = select(func.count()).select_from(subscriptions).where(*_filters(list_id, status))
    return int(connection.execute(query).scalar_one())


def _filters(list_id: int | None, status: str | None) -> list[ColumnElement[bool]]:
    conditions = []
    if list_id is not None:
        conditions.append(subscriptions.c.list_id == list_id)
    if status is not None:
        conditions.append(subscriptions.c.status == status)
    return conditions


def _one(connection: Connection, condition: Any) -> Subscriber | None:
    row = connection.execute(select(subscribers).where(condition)).one_or_none()
    return None if row is None else _person(row)


def _person(row: Row) -> Subscriber:
    known = (row.id, row.uid, row.email, row.name, row.fields, row.language, row.address_hash)
    return Subscriber(*known, tags=tuple(row.tags), paused_until=row.paused_until)
