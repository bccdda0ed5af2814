"""Throttles: rate limits as rows, shared by all senders of a Site and kept over restarts.

A limit is a generic cell rate algorithm (GCRA): one moment `tat`, when the next token is due, and one
`interval` between tokens. Taking n tokens is a single UPDATE that moves `tat` on by n intervals, so that
processes share a limit without talking to each other. Learning is two pure functions: an answer that asks
for patience halves the rate, successes bring it up again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from sqlalchemy import Connection, case, delete, insert, select, update

from newsletter.store.schema import throttles

SECOND = 1_000_000
"""Moments and intervals are microseconds."""

SLOWEST = 10 * SECOND
"""No limit falls below one message in ten seconds."""

FIRST_LEARNED = 2.0
"""Messages a second: what is measured below this says how little there was to send, not what was too much."""

COOLING = 10 * SECOND
"""One bad moment is answered on all connections at once; it halves the rate once."""

STEP = 50
"""So many successes bring the rate up by five percent."""

FAR_ABOVE = 4
"""A learned limit is gone when it allows so many times the rate that was once too much."""

LEAD = 120 * SECOND
"""A `tat` further ahead than this was written by a clock that has been put back since."""


@dataclass(frozen=True)
class Throttle:
    """One limit as it stands."""

    key: str
    tat: int
    """Theoretical arrival time: when the next token is due, microseconds since 1970."""
    interval: int
    """Microseconds between two tokens."""
    configured: int | None = None
    """The interval of `newsletter.toml`, which success never undercuts; None for a limit that was learned."""
    origin: int | None = None
    """The interval at which a learned limit was first too fast."""
    successes: int = 0
    slowed_at: int = 0


class Reservation(NamedTuple):
    """Tokens that were taken: the first is due at `start`, the others `interval` apart (microseconds)."""

    start: int
    interval: int


def interval_of(rate: float) -> int:
    """Microseconds between messages at so many a second."""
    return max(1, round(SECOND / rate))


def learned(key: str, rate: float, now: int) -> Throttle:
    """A new limit for somebody who found `rate` messages a second too many: half of that."""
    origin = interval_of(max(FIRST_LEARNED, rate))
    return Throttle(key, now, 2 * origin, origin=origin, slowed_at=now)


def slower(throttle: Throttle, now: int) -> Throttle:
    """Half the rate; unchanged within ten seconds of the last time."""
    if now - throttle.slowed_at < COOLING:
        return throttle
    floor = max(SLOWEST, throttle.configured or 0)
    return replace(throttle, interval=min(floor, 2 * throttle.interval), successes=0, slowed_at=now)


def quicker(throttle: Throttle, successes: int) -> Throttle | None:
    """Five percent more for every fifty successes; None when a learned limit is needed no longer."""
    steps, rest = divmod(throttle.successes + successes, STEP)
    interval = throttle.interval
    for _ in range(steps):
        interval = min(interval - 1, int(interval / 1.05))
    interval = max(interval, throttle.configured or 1)
    if throttle.configured is None and FAR_ABOVE * interval < (throttle.origin or interval):
        return None
    return replace(throttle, interval=interval, successes=rest)


# -- rows ------------------------------------------------------------------------------------------


def load(connection: Connection) -> dict[str, Throttle]:
    """Every limit by its key."""
    return {row.key: Throttle(**row._mapping) for row in connection.execute(select(throttles))}


def save(connection: Connection, throttle: Throttle) -> None:
    """Write a limit, new or not; call it in the transaction that read it."""
    values = {name: getattr(throttle, name) for name in throttles.c.keys()}  # noqa: SIM118 - columns, not a dict
    if not connection.execute(update(throttles).where(throttles.c.key == throttle.key).values(values)).rowcount:
        connection.execute(insert(throttles).values(values))


def remove(connection: Connection, key: str) -> None:
    """A limit that holds no longer."""
    connection.execute(delete(throttles).where(throttles.c.key == key))


def reserve(
    connection: Connection, key: str, count: int, now: int, *, slack: int = 0, latest: int | None = None
) -> Reservation | None:
    """Take `count` tokens in one statement; None when there is no such limit (or it grants none yet).

    Tokens of the past are lost, unless somebody was late for them by no more than `slack` microseconds.
    With `latest` nothing is taken unless the first token is due by then.
    """
    t = throttles.c
    due = case((t.tat < now - slack, now), (t.tat > now + LEAD, now + LEAD), else_=t.tat)
    query = update(throttles).where(t.key == key).values(tat=due + count * t.interval)
    if latest is not None:
        query = query.where(due <= latest)
    row = connection.execute(query.returning(t.tat, t.interval)).one_or_none()
    return None if row is None else Reservation(row.tat - count * row.interval, row.interval)


def give_back(connection: Connection, key: str, count: int) -> None:
    """Return tokens that were taken and not used."""
    t = throttles.c
    connection.execute(update(throttles).where(t.key == key).values(tat=t.tat - count * t.interval))
