"""How long an import takes beside raw sqlite3 writing the very same rows: `python tests/bench/imports.py [ROWS]`.

Both go into a fresh Site's database, with the same pragmas, indexes and triggers; the raw one in a single
transaction, from rows that are ready, which no import can be. What remains is the price of reading CSV,
checking addresses, hashing evidence, and letting others have their turn.
"""

from __future__ import annotations

import io
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import Connection

from newsletter import config
from newsletter.clock import utc_now
from newsletter.site import Site
from newsletter.starter.plant import plant
from newsletter.store import migrate
from newsletter.store.engine import PRAGMAS, SYNCHRONOUS, Database
from newsletter.subscribers import transfer
from newsletter.subscribers.intake import Refusal, Terms
from newsletter.tokens import KeyRing

Write = Callable[[], AbstractContextManager[Connection]]

TABLES = ("subscribers", "subscriptions", "wordings", "consent_records")
SLOW_TURN = 0.05
"""Seconds a writer's turn should not last longer than."""


def main(rows: int) -> None:
    """Import, write the same rows raw, print both and their ratio."""
    with tempfile.TemporaryDirectory(prefix="newsletter-bench-") as folder:
        imported, raw = fresh(Path(folder, "imported")), fresh(Path(folder, "raw"))
        seconds, turns = bring(imported, rows)
        plain = write_raw(imported.database, raw.database)
        turns.sort()
        slow = sum(turn > SLOW_TURN for turn in turns)
        print(f"import  {rows} rows in {seconds:.2f} s, {rows / seconds:,.0f} rows/s")
        print(f"raw     {rows} rows in {plain:.2f} s, {rows / plain:,.0f} rows/s")
        print(f"ratio   {seconds / plain:.2f}")
        print(
            f"turns   {len(turns)}: median {1000 * turns[len(turns) // 2]:.1f} ms, longest {1000 * turns[-1]:.1f} ms, "
            f"{slow} over {1000 * SLOW_TURN:.0f} ms"
        )
        imported.close()
        raw.close()


def fresh(folder: Path) -> Site:
    """A new Site with an empty database."""
    plant(folder)
    settings, origins = config.load(folder, {})
    KeyRing.create(folder / settings.keys.file, utc_now())
    site = Site(folder, settings, origins)
    migrate.upgrade(site.any_database)
    return site


def bring(site: Site, rows: int) -> tuple[float, list[float]]:
    """Seconds for an import of so many new, confirmed readers, and how long each writer's turn was."""
    text = "email,name,confirmed_at\n" + "".join(
        f"reader{number}@example{number % 50}.net,Reader {number},2026-01-15\n" for number in range(rows)
    )
    slug = site.config.default_list.slug
    terms = Terms(site.list_ids[slug], slug, confirmed=True, basis="benchmark", origin="bench.csv")
    turns: list[float] = []
    write = site.database.write

    def refused(refusal: Refusal) -> None:
        raise AssertionError(refusal)

    site.database.write = timed(write, turns)  # type: ignore[method-assign, assignment]
    started = time.perf_counter()
    report, _ = transfer.import_csv(
        site.database, site.keys, io.StringIO(text), terms, site.config.fields, site.clock(), on_refusal=refused
    )
    assert report.confirmed == rows
    return time.perf_counter() - started, turns


def timed(write: Write, turns: list[float]) -> Write:
    """`Database.write` with a stop watch."""

    @contextmanager
    def measured() -> Iterator[Connection]:
        with write() as connection:
            started = time.perf_counter()
            yield connection
        turns.append(time.perf_counter() - started)

    return measured


def write_raw(source: Database, target: Database) -> float:
    """Seconds for sqlite3 alone to write what the import wrote, table by table."""
    reading, writing = sqlite3.connect(source.path), sqlite3.connect(target.path)
    for pragma in (*PRAGMAS, f"synchronous = {SYNCHRONOUS['process']}"):
        writing.execute(f"PRAGMA {pragma}")
    rows = {table: reading.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}
    rows = {table: found for table, found in rows.items() if found}
    started = time.perf_counter()
    with writing:
        for table, found in rows.items():
            marks = ", ".join("?" * len(found[0]))
            writing.executemany(f"INSERT INTO {table} VALUES ({marks})", found)
    seconds = time.perf_counter() - started
    reading.close()
    writing.close()
    return seconds


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
