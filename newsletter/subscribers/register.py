"""The register of Subscribers, a page at a time, for programs that go through all of it."""

from __future__ import annotations

from sqlalchemy import Connection, exists, select

from newsletter.store.schema import subscribers, subscriptions
from newsletter.subscribers.people import Subscriber


def page(
    connection: Connection,
    *,
    before: int | None = None,
    list_id: int | None = None,
    status: str | None = None,
    limit: int = 100,
) -> list[Subscriber]:
    """People on file, the newest first, below row number `before`; of a list or with a status there, if asked for."""
    query = select(subscribers).order_by(subscribers.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(subscribers.c.id < before)
    if list_id is not None or status is not None:
        standing = exists().where(subscriptions.c.subscriber_id == subscribers.c.id)
        if list_id is not None:
            standing = standing.where(subscriptions.c.list_id == list_id)
        if status is not None:
            standing = standing.where(subscriptions.c.status == status)
        query = query.where(standing)
    return [
        Subscriber(
            *(row.id, row.uid, row.email, row.name, row.fields, row.language, row.address_hash),
            tags=tuple(row.tags),
            paused_until=row.paused_until,
        )
        for row in connection.execute(query)
    ]
