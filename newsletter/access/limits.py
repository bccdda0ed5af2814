"""How often a key may ask: a bucket that refills evenly, kept in its row, so that all processes share it.

The row holds one number, when the bucket will be full again (the generic cell rate algorithm of ATM, ITU-T I.371);
a request moves it on by one interval and is refused when that would lie more than a minute ahead.

Deliberately not the counters of the gate before sign-ups: a key needs one rate, for every request, and has to say how
much of it is left; the gate keeps several budgets over hours and days, of what was let in. One row would not do for
those, and a row per request would be too much for this.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from newsletter.store.access_schema import api_keys
from newsletter.store.types import to_millis

WINDOW = 60
"""Seconds over which the rate of a key is meant; as many requests may come at once."""

_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Allowance:
    """What is left to a key after this request."""

    rate: int
    """Requests in a `WINDOW`."""
    remaining: int
    reset: int
    """Seconds until nothing of it is used any more."""
    retry_after: int = 0
    """Seconds until one more is allowed; above 0 this request is refused."""


def spend(connection: Connection, key_id: int, now: datetime) -> Allowance | None:
    """Count one request of a key, inside a write transaction; None when it was revoked a moment ago."""
    row = connection.execute(
        select(api_keys.c.rate, api_keys.c.full_at).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    ).one_or_none()
    if row is None:
        return None
    moment = to_millis(now) * 1000
    interval = WINDOW * _MICROSECONDS // row.rate
    full_at = max(row.full_at, moment) + interval
    excess = full_at - moment - WINDOW * _MICROSECONDS
    if excess > 0:
        return Allowance(row.rate, 0, _seconds(row.full_at - moment), _seconds(excess))
    connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(full_at=full_at, last_used_at=now))
    return Allowance(row.rate, -excess // interval, _seconds(full_at - moment))


def _seconds(microseconds: int) -> int:
    """Rounded up: whoever waits so long has waited enough."""
    return max(1, -(-microseconds // _MICROSECONDS))
