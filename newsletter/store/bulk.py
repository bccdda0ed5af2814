"""Many rows at once: one prepared statement for many rows, one checkpoint for many transactions.

SQLAlchemy builds a dictionary and runs a converter for every value; for the hundred thousands of rows of an
import that costs more than SQLite's own work. So these values are converted by whoever has them in hand.
Every new row touches pages all over the indexes of random keys, and SQLite copies each page it finds in the
write-ahead log back into the database; done once for many transactions, most of those pages are the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, event

from newsletter.store.engine import CACHE, Database

TURNS = 16
"""Transactions between checkpoints: of a batch of an import, they fill some 40 MB of log."""
USUAL = 1000
"""Pages of log after which SQLite makes a checkpoint by itself."""
ROOMY = 20_000
"""KiB of pages kept meanwhile, because new addresses go all over their indexes."""


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Add `rows` to `table`: moments in milliseconds (`to_millis`), JSON as text (`canonical_json`), None as NULL."""
    if rows:
        connection.exec_driver_sql(_insertion(table, tuple(columns), _mark(connection)), list(rows))


def select_rows(
    connection: Connection, table: Table, columns: Sequence[str], key: str, values: Collection[Any]
) -> Sequence[Any]:
    """These columns of the rows whose `key` is among `values` (a few hundred), as the database keeps them."""
    if not values:
        return []
    statement = _selection(table, tuple(columns), key, len(values), _mark(connection))
    return connection.exec_driver_sql(statement, tuple(values)).all()


@contextmanager
def long_work(database: Database) -> Iterator[Callable[[], None]]:
    """Many transactions in a row; call what it gives after each of them.

    Meanwhile connections keep more pages, and no commit of this process makes a checkpoint. It is made between
    transactions instead, once for `TURNS` of them and outside the writer's lock, so that nobody waits for it.
    """

    def suspend(driver: Any, _record: Any, _proxy: Any) -> None:
        driver.execute("PRAGMA wal_autocheckpoint = 0")
        driver.execute(f"PRAGMA cache_size = -{ROOMY}")

    def restore(driver: Any, _record: Any) -> None:
        if driver is not None:
            driver.execute(f"PRAGMA wal_autocheckpoint = {USUAL}")
            driver.execute(f"PRAGMA cache_size = -{CACHE}")

    turns = 0

    def after_turn() -> None:
        nonlocal turns
        turns += 1
        if turns % TURNS == 0:
            _checkpoint(database)

    event.listen(database.engine, "checkout", suspend)
    event.listen(database.engine, "checkin", restore)
    try:
        yield after_turn
    finally:
        event.remove(database.engine, "checkout", suspend)
        event.remove(database.engine, "checkin", restore)
        _checkpoint(database)


def _checkpoint(database: Database) -> None:
    """Copy what no reader still needs from the log into the database; waits for nobody."""
    connection = database.engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    finally:
        connection.close()


def _mark(connection: Connection) -> str:
    return "?" if connection.dialect.paramstyle == "qmark" else "%s"


@cache
def _insertion(table: Table, columns: tuple[str, ...], mark: str) -> str:
    return f"INSERT INTO {table.name} ({_names(table, columns)}) VALUES ({', '.join([mark] * len(columns))})"  # noqa: S608


@cache
def _selection(table: Table, columns: tuple[str, ...], key: str, count: int, mark: str) -> str:
    marks = ", ".join([mark] * count)
    return f"SELECT {_names(table, columns)} FROM {table.name} WHERE {table.c[key].name} IN ({marks})"  # noqa: S608


def _names(table: Table, columns: Sequence[str]) -> str:
    return ", ".join(table.c[column].name for column in columns)
