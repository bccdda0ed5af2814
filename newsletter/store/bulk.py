"""Writing many rows with one prepared statement, their values already as the database keeps them.

SQLAlchemy builds a dictionary and runs a converter for every value; for the hundred thousands of rows of an
import that costs more than SQLite's own work. So these values are converted by whoever has them in hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Add `rows` to `table`: moments in milliseconds (`to_millis`), JSON as text (`canonical_json`), None as NULL."""
    if rows:
        mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
        connection.exec_driver_sql(_statement(table, tuple(columns), mark), list(rows))


@cache
def _statement(table: Table, columns: tuple[str, ...], mark: str) -> str:
    known = ", ".join(table.c[column].name for column in columns)
    return f"INSERT INTO {table.name} ({known}) VALUES ({', '.join([mark] * len(columns))})"  # noqa: S608
