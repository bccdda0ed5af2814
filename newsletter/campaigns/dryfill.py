"""The dry fill: every reader's slots are filled once before the first mail leaves.

A reader without a value that the issue needs would otherwise be found out when half the list has its copy.
Only what differs from reader to reader is looked at, the values and the To field; the rest is one message,
and the checks have seen it. Readers come in pages, so that a million take no more memory than a thousand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from sqlalchemy import Connection, CursorResult, Text, type_coerce

from newsletter.campaigns import audience
from newsletter.campaigns.launch import Order
from newsletter.errors import RefusedError, RenderError
from newsletter.rendering import headers
from newsletter.rendering.slots import ALWAYS_PRESENT, TOKEN, Rendered, Slot, resolve
from newsletter.rendering.variants import Edition
from newsletter.store.schema import subscribers, subscriptions
from newsletter.subscribers.letterhead import reader_values

PAGE = 2000
"""Readers looked at together."""

# An address that no writer of headers objects to; others are put to the real one.
_PLAIN = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+").fullmatch


def require_complete(connection: Connection, order: Order, view_url: str) -> None:
    """Raise `RefusedError`, naming reader and field, when some copy of the order could not be composed.

    `order` has content. Takes a few µs a reader; writes nothing.
    """
    if order.content is None:
        raise RenderError(f"Issue {order.slug} has no content to fill.")
    edition = order.content[1]
    variant_of = _variant_of(edition)
    needed = [_without_fallback(rendered) for rendered in edition.renderings]
    personal = [[slot for slot in slots if _is_personal(slot)] for slots in needed]
    with _audience(connection, order) as rows:
        for page in rows.partitions():
            for email, name, fields, tags in page:
                number = variant_of(tags)
                try:
                    if not (name.isprintable() and len(email) <= 254 and _PLAIN(email)):
                        headers.mailbox("To", name, email)
                    if needed[number]:
                        _fill(needed[number], view_url, email, name, fields)
                except RenderError as error:
                    raise RefusedError(
                        f"Issue {order.slug} cannot be sent to {email}: {error.message}", hint=error.hint
                    ) from error
                # Links are the same for everybody, and whoever has a To field has an address.
                needed[number] = personal[number]


def _variant_of(edition: Edition) -> Callable[[str], int]:
    """From tags as JSON to the variant; they are looked at only when there are several."""
    if len(edition.renderings) == 1:
        return lambda _tags: 0
    return lru_cache(maxsize=4096)(lambda tags: edition.number(json.loads(tags)))


def _is_personal(slot: Slot) -> bool:
    return slot.name.startswith("subscriber.") and slot.name not in ALWAYS_PRESENT


def _fill(needed: Sequence[Slot], view_url: str, email: str, name: str, fields: str) -> None:
    values = reader_values(email, name, {} if fields == "{}" else json.loads(fields))
    values |= {"unsubscribe_url": "present", "preferences_url": "present", "view_url": view_url}
    for slot in needed:
        resolve(slot, values)


def _without_fallback(rendered: Rendered) -> list[Slot]:
    """The slots of the mail (not of the archive page) that a reader may leave empty."""
    used = set(TOKEN.findall(rendered.subject + rendered.html + rendered.text))
    return [slot for slot in rendered.slots if slot.token in used and slot.fallback is None]


def _audience(connection: Connection, order: Order) -> CursorResult[str, str, str, str]:
    """The audience in its order, read a page at a time from one query: address, name, and as JSON fields and tags."""
    query = (
        audience.eligible(order.list_id, order.slug, is_trial=order.is_trial)
        .join(subscribers, subscribers.c.id == subscriptions.c.subscriber_id)
        .with_only_columns(
            *(subscribers.c.email, subscribers.c.name),
            *(type_coerce(subscribers.c[name], Text) for name in ("fields", "tags")),
        )
    )
    return connection.execute(query, execution_options={"yield_per": PAGE})
