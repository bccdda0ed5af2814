"""The dry fill: every reader's slots are filled once before the first mail leaves.

A reader without a value that the issue needs would otherwise be found out when half the list has its copy.
Only what differs from reader to reader is looked at, the values and the To field; the rest is one message,
and the checks have seen it. Readers come in pages, so that a million take no more memory than a thousand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Text, select, type_coerce

from newsletter.campaigns import audience
from newsletter.campaigns.launch import Order
from newsletter.errors import RefusedError, RenderError
from newsletter.rendering import headers
from newsletter.rendering.slots import TOKEN, Rendered, Slot, resolve
from newsletter.store.schema import subscribers, subscriptions
from newsletter.subscribers.letterhead import reader_values

PAGE = 2000
"""Readers looked at together."""

# An address that no writer of headers objects to; others are put to the real one.
_PLAIN = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


def require_complete(connection: Connection, order: Order, view_url: str) -> None:
    """Raise `RefusedError`, naming reader and field, when some copy of the order could not be composed.

    `order` has content. Takes about 5 µs a reader; writes nothing.
    """
    if order.content is None:
        raise RenderError(f"Issue {order.slug} has no content to fill.")
    needed = _without_fallback(order.content[1])
    for page in _pages(connection, order):
        for _id, email, name, fields in page:
            try:
                _compose(needed, view_url, email, name, fields)
            except RenderError as error:
                raise RefusedError(
                    f"Issue {order.slug} cannot be sent to {email}: {error.message}", hint=error.hint
                ) from error


def _compose(needed: Sequence[Slot], view_url: str, email: str, name: str, fields: str) -> None:
    """What may go wrong with one copy."""
    if not (name.isprintable() and len(email) <= 254 and _PLAIN.fullmatch(email)):
        headers.mailbox("To", name, email)
    if needed:
        values = reader_values(email, name, {} if fields == "{}" else json.loads(fields))
        values |= {"unsubscribe_url": "present", "view_url": view_url}
        for slot in needed:
            resolve(slot, values)


def _without_fallback(rendered: Rendered) -> list[Slot]:
    """The slots of the mail (not of the archive page) that a reader may leave empty."""
    used = set(TOKEN.findall(rendered.subject + rendered.html + rendered.text))
    return [slot for slot in rendered.slots if slot.token in used and slot.fallback is None]


def _pages(connection: Connection, order: Order) -> Iterator[Sequence[Any]]:
    """The audience by number, a page at a time: id, address, name, and fields as JSON."""
    last = -1
    while True:
        people = (
            audience.eligible(order.list_id, order.slug, is_trial=order.is_trial)
            .where(subscriptions.c.subscriber_id > last)
            .limit(PAGE)
            .subquery()
        )
        query = (
            select(subscribers.c.id, subscribers.c.email, subscribers.c.name, type_coerce(subscribers.c.fields, Text))
            .join(people, people.c.subscriber_id == subscribers.c.id)
            .order_by(subscribers.c.id)
        )
        page = connection.execute(query).all()
        if not page:
            return
        yield page
        last = page[-1][0]
