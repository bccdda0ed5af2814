"""What must be true of the people on file: that suppressions can find them, and that consent can be proved."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import Connection, exists, func, select

from newsletter.store.schema import (
    ConsentKind,
    SubscriptionStatus,
    consent_records,
    lists,
    subscribers,
    subscriptions,
)
from newsletter.tokens import KeyRing

_PROOF = (ConsentKind.CONFIRMED.value, ConsentKind.IMPORTED.value)


def broken(
    connection: Connection, keys: KeyRing, on_progress: Callable[[int], object] = lambda _done: None
) -> Iterator[str]:
    """What does not hold, a sentence each."""
    yield from _hashes(connection, keys, on_progress)
    unproved = connection.execute(
        select(lists.c.slug, func.count().label("number"))
        .join(lists, lists.c.id == subscriptions.c.list_id)
        .where(
            subscriptions.c.status == SubscriptionStatus.CONFIRMED.value,
            ~exists().where(
                consent_records.c.subscriber_id == subscriptions.c.subscriber_id,
                consent_records.c.list_id == subscriptions.c.list_id,
                consent_records.c.kind.in_(_PROOF),
            ),
        )
        .group_by(lists.c.slug)
    )
    for row in unproved:
        yield f"{row.number} confirmed readers of the list {row.slug} have no record of consent"


def count(connection: Connection) -> int:
    """How many people are on file."""
    return int(connection.execute(select(func.count()).select_from(subscribers)).scalar_one())


def _hashes(connection: Connection, keys: KeyRing, on_progress: Callable[[int], object]) -> Iterator[str]:
    """With another key ring nobody who is suppressed would be recognised."""
    wrong = 0
    rows = connection.execute(
        select(subscribers.c.email_key, subscribers.c.address_hash).execution_options(yield_per=1000)
    )
    for number, row in enumerate(rows, 1):
        wrong += row.address_hash != keys.address_hash(row.email_key)
        if number % 1000 == 0:
            on_progress(number)
    if wrong:
        yield f"{wrong} addresses were hashed with another key, so no suppression finds them; is this our key ring?"
