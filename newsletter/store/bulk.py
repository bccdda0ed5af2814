"""Many rows at once: one prepared statement for many rows, and housekeeping once for many transactions.

SQLAlchemy builds a dictionary and runs a converter for every value; for the hundred thousands of rows of an
import that costs more than the database's own work. So these values are converted by whoever has them in hand.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table

from newsletter.store.engine import Database


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
    """Many transactions in a row; call what it gives after each of them, so that the database can keep house between.

    Nobody waits for that.
    """
    with database.backend.long_work(database.engine) as after_turn:
        yield after_turn


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
