"""All rows of a PostgreSQL database in a file of SQLite, for what works on a copy and throws it away."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import insert, select

from newsletter.store import migrate
from newsletter.store.engine import Database
from newsletter.store.schema import metadata

PAGE = 1000
"""Rows carried over at a time."""


def into_file(database: Database, path: Path) -> None:
    """Write what `database` holds now to a new file; one state, whatever is written meanwhile."""
    copy = Database(f"sqlite:///{path}", path.parent)
    try:
        migrate.upgrade(copy)
        with database.read() as source, copy.write() as target:
            for table in metadata.sorted_tables:
                with source.execute(select(table), execution_options={"yield_per": PAGE}) as rows:
                    for page in rows.partitions():
                        target.execute(insert(table), [row._asdict() for row in page])
    finally:
        copy.close()
