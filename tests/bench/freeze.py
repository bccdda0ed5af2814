"""How long freezing an audience takes beside raw sqlite3 writing the very same ledger rows by `INSERT … SELECT`.

Ours is the launch as `newsletter send` makes it: Snapshot, Campaign and ledger in one transaction, without
whoever is suppressed or had the issue before. The raw one takes every confirmed reader, in the same database,
with the same pragmas and indexes. Two steps before it are reported apart: the look that tells the operator
how many readers there are, and the dry fill of every copy.

    python tests/bench/freeze.py [--rounds 5] [--messages 1000000]
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import stage
import table
from sqlalchemy import delete, func, select, update

from newsletter.campaigns import dryfill, launch
from newsletter.campaigns.launch import Order
from newsletter.site import Site
from newsletter.store.schema import campaigns, deliveries
from newsletter.store.sqlite import PRAGMAS, SYNCHRONOUS

_RAW = """\
INSERT INTO deliveries (campaign_id, subscriber_id, seq, status, due_at, changed_at)
SELECT :campaign, subscriber_id, 0, 'pending', :now, :now FROM subscriptions
WHERE list_id = :list AND status = 'confirmed' ORDER BY subscriber_id
"""


def main() -> None:
    """Print a row for each step."""
    chosen = table.options(__doc__, 1_000_000).parse_args()
    table.begin(chosen)
    readers: int = chosen.messages
    with tempfile.TemporaryDirectory(prefix="newsletter-bench-") as name:
        folder = Path(name)
        stage.build(folder, readers)
        stage.write_issue(folder, 30_000)
        with stage.opened(folder, stage.Relay(25)) as site:
            order = site.order(site.check(stage.SLUG), None)
            found = table.interleaved(
                chosen.rounds, lambda: raw(site, order, readers), lambda: timed(site, lambda: frozen(site, order))
            )
            _report(site, order, readers, found, chosen.rounds)


def _report(site: Site, order: Order, readers: int, found: list[tuple[float, ...]], rounds: int) -> None:
    table.row(
        f"freeze an audience of {readers:,}",
        table.at_most(2, "× raw sqlite3"),
        [ours / bare for bare, ours in found],
        table.medians(found, "sqlite3 {:.2f} s", "ours {:.2f} s"),
    )
    steps: dict[str, Callable[[], None]] = {
        "look at": lambda: planned(site, order),
        "dry fill": lambda: filled(site, order),
    }
    for what, step in steps.items():
        table.row(
            f"{what} an audience of {readers:,}, µs a reader",
            None,
            [1e6 * timed(site, step) / readers for _ in range(rounds)],
        )


def raw(site: Site, order: Order, readers: int) -> float:
    """Seconds for sqlite3 alone."""
    campaign_id = _clear(site, order)
    connection = sqlite3.connect(site.database.path)
    for pragma in (*PRAGMAS, f"synchronous = {SYNCHRONOUS['process']}"):
        connection.execute(f"PRAGMA {pragma}")
    values = {"campaign": campaign_id, "now": 1_800_000_000_000, "list": order.list_id}
    started = time.perf_counter()
    with connection:
        written = connection.execute(_RAW, values).rowcount
    seconds = time.perf_counter() - started
    connection.close()
    assert written == readers
    return seconds


def frozen(site: Site, order: Order) -> None:
    """A launch, from the beginning of its transaction to the end."""
    with site.database.write() as connection:
        launch.launch(connection, order, errors=(), expect=None, now=site.clock())


def planned(site: Site, order: Order) -> None:
    """What the operator is shown."""
    with site.database.read() as connection:
        launch.plan(connection, order)


def filled(site: Site, order: Order) -> None:
    """The gate before the launch."""
    with site.database.read() as connection:
        dryfill.require_complete(connection, order, "https://news.example.org/archive/bench/")


def timed(site: Site, step: Callable[[], None]) -> float:
    """Seconds for a step over an empty ledger."""
    _clear(site, None)
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def _clear(site: Site, order: Order | None) -> int:
    """Empty the ledger and the log; gives a cancelled campaign for raw rows to belong to."""
    with site.database.write() as connection:
        connection.execute(delete(deliveries))
        connection.execute(update(campaigns).values(status="cancelled"))
        last = connection.execute(select(func.max(campaigns.c.id))).scalar()
        if last is None and order is not None:
            last = launch.launch(connection, order, errors=(), expect=None, now=site.clock()).campaign_id
            connection.execute(delete(deliveries))
            connection.execute(update(campaigns).values(status="cancelled"))
    with site.database.read() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return int(last or 0)


if __name__ == "__main__":
    main()
