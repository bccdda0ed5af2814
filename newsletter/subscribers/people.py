"""Finding, filing and describing Subscribers: one per normalised address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from newsletter.addresses import Address
from newsletter.store.schema import lists, subscribers, subscriptions, suppressions
from newsletter.tokens import KeyRing, new_uid

MAX_NAME = 200


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

    @property
    def first_name(self) -> str:
        """The first word of the name, or nothing."""
        return self.name.split()[0] if self.name.split() else ""


def clean_name(name: str) -> str:
    """A name as it is stored: one line, no control or invisible characters, at most 200 characters.

    Everything else is data and kept: `<b>`, `{{`, quotes and emoji are escaped where they are shown.
    """
    printable = "".join(character if character.isprintable() else " " for character in name[: 20 * MAX_NAME])
    return " ".join(printable.split())[:MAX_NAME].strip()


def find(connection: Connection, address_key: str) -> Subscriber | None:
    """The person with that normalised address."""
    return _one(connection, subscribers.c.email_key == address_key)


def by_uid(connection: Connection, uid: int) -> Subscriber | None:
    """The person a link names."""
    return _one(connection, subscribers.c.uid == uid)


def file(
    connection: Connection,
    address: Address,
    keys: KeyRing,
    now: datetime,
    *,
    name: str = "",
    fields: dict[str, Any] | None = None,
    language: str = "",
) -> Subscriber:
    """A new person on file; the address must not be there yet."""
    uid, address_hash = new_uid(), keys.address_hash(address.key)
    subscriber_id = connection.execute(
        insert(subscribers)
        .values(
            uid=uid,
            email=address.email,
            email_key=address.key,
            address_hash=address_hash,
            name=clean_name(name),
            fields=fields or {},
            language=language,
            created_at=now,
        )
        .returning(subscribers.c.id)
    ).scalar_one()
    return Subscriber(subscriber_id, uid, address.email, clean_name(name), fields or {}, language, address_hash)


def amend(connection: Connection, subscriber_id: int, **values: Any) -> None:
    """Change name, fields or language."""
    if values:
        connection.execute(update(subscribers).where(subscribers.c.id == subscriber_id).values(**values))


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
        "subscriptions": [
            {
                "list": row.slug,
                "status": row.status,
                "source": row.source,
                "created_at": _iso(row.created_at),
                "confirmed_at": _iso(row.confirmed_at),
                "unsubscribed_at": _iso(row.unsubscribed_at),
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


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _one(connection: Connection, condition: Any) -> Subscriber | None:
    row = connection.execute(select(subscribers).where(condition)).one_or_none()
    if row is None:
        return None
    return Subscriber(row.id, row.uid, row.email, row.name, row.fields, row.language, row.address_hash)
