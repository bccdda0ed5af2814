"""What the gate remembers of its own work: the watch for attacks, and a tally of each day for the owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from newsletter.store.dialect import add_if_new
from newsletter.store.gate_schema import gate_tallies, gate_watch
from newsletter.store.schema import Row
from newsletter.subscribers.gate import attack
from newsletter.subscribers.gate.attack import Watch
from newsletter.subscribers.gate.verdict import Decision, Verdict

KEPT = timedelta(days=30)
"""How long tallies are kept."""

# These run at every knock, so they are built once.
_WATCH = select(gate_watch).where(gate_watch.c.id == 1)
_KEEP = update(gate_watch).where(gate_watch.c.id == 1)
_RAISE = (
    update(gate_tallies)
    .where(*(gate_tallies.c[name] == bindparam(f"of_{name}") for name in ("day", "verdict", "reason", "network")))
    .values(posts=gate_tallies.c.posts + 1, last_at=bindparam("now"))
)


def watch(connection: Connection, now: datetime, floor: int) -> Watch:
    """Where the watch stands now; writes nothing."""
    row = connection.execute(_WATCH).one_or_none()
    if row is None:
        return Watch()
    return attack.settled(Watch(**{key: each for key, each in row._asdict().items() if key != "id"}), now, floor)


def count_post(connection: Connection, now: datetime, floor: int) -> Watch:
    """The watch after one more sign-up."""
    seen = attack.counted(watch(connection, now, floor), now, floor)
    _keep(connection, seen)
    return seen


def is_alert_due(connection: Connection, now: datetime, floor: int) -> bool:
    """Whether the owner is to be told now; writes nothing."""
    return attack.wants_alert(watch(connection, now, floor), now)


def take_alert(connection: Connection, now: datetime, floor: int) -> Watch | None:
    """The watch if the owner is to be told now; whoever gets it tells them, nobody else for an hour."""
    seen = watch(connection, now, floor)
    if not attack.wants_alert(seen, now):
        return None
    _keep(connection, replace(seen, alerted_at=now))
    return seen


def tally(connection: Connection, decision: Decision, network: str, now: datetime) -> None:
    """Count a verdict; the first of its day by the same statements as every other."""
    name = {"day": f"{now:%Y-%m-%d}", "verdict": decision.verdict.value, "reason": decision.reason, "network": network}
    add_if_new(connection, gate_tallies, {"posts": 0, "last_at": now, **name})
    connection.execute(_RAISE, {f"of_{column}": each for column, each in name.items()} | {"now": now})


def totals(connection: Connection, day: str) -> dict[str, int]:
    """Sign-ups of a day by verdict, every verdict included."""
    rows = connection.execute(
        select(gate_tallies.c.verdict, func.sum(gate_tallies.c.posts))
        .where(gate_tallies.c.day == day)
        .group_by(gate_tallies.c.verdict)
    )
    return {verdict.value: 0 for verdict in Verdict} | {verdict: int(posts) for verdict, posts in rows}


def stopped(connection: Connection, since: datetime, limit: int) -> Sequence[Row]:
    """What was held up or turned away since then, the most frequent first."""
    return connection.execute(
        select(
            gate_tallies.c.verdict,
            gate_tallies.c.reason,
            gate_tallies.c.network,
            func.sum(gate_tallies.c.posts).label("posts"),
            func.max(gate_tallies.c.last_at, type_=gate_tallies.c.last_at.type).label("last_at"),
        )
        .where(gate_tallies.c.verdict != Verdict.PASS.value, gate_tallies.c.last_at >= since)
        .group_by(gate_tallies.c.verdict, gate_tallies.c.reason, gate_tallies.c.network)
        .order_by(func.sum(gate_tallies.c.posts).desc())
        .limit(limit)
    ).all()


def sweep(connection: Connection, now: datetime) -> None:
    """Forget the tallies of last month."""
    connection.execute(delete(gate_tallies).where(gate_tallies.c.last_at < now - KEPT))


def _keep(connection: Connection, seen: Watch) -> None:
    values = asdict(seen)
    if not connection.execute(_KEEP, values).rowcount:
        connection.execute(insert(gate_watch), {"id": 1, **values})
