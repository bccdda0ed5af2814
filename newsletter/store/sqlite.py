"""SQLite: one file, one writer at a time in a fair turn, and pragmas that every connection needs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

from newsletter.errors import ConfigError, StoreError
from newsletter.store.backend import Backend
from newsletter.store.writer_lock import WriterLock

CACHE = 4000
"""KiB of pages kept for each connection: a sender walks through its rows once and needs few of them again."""
PRAGMAS = (
    "journal_mode = WAL",
    "foreign_keys = ON",
    "busy_timeout = 10000",
    f"cache_size = -{CACHE}",
    "journal_size_limit = 67108864",
    "secure_delete = ON",  # who is forgotten leaves no bytes behind, however SQLite was built
)
SYNCHRONOUS = {"process": "NORMAL", "power": "FULL"}

TURNS = 16
"""Transactions between checkpoints during long work: of a batch of an import, they fill some 40 MB of log."""
USUAL = 1000
"""Pages of log after which SQLite makes a checkpoint by itself."""
ROOMY = 20_000
"""KiB of pages kept during long work, because new addresses go all over their indexes."""


class Sqlite(Backend):
    """A file."""

    path: Path
    turn: WriterLock
    begin = "BEGIN IMMEDIATE"
    reading: Mapping[str, Any] = {}
    writing: Mapping[str, Any] = {"begin": "IMMEDIATE"}
    driving: Mapping[str, Any] = {}

    def __init__(self, url: URL, folder: Path, durability: str) -> None:
        if not url.database or url.database == ":memory:":
            raise ConfigError("database.url must name a file.", hint="Write it as sqlite:///var/newsletter.db.")
        self.path = folder / url.database
        self.name = str(self.path)
        self.turn = WriterLock(self.path.with_name(self.path.name + ".lock"))
        self._url = url.set(database=self.name)
        self._durability = durability

    def open(self) -> Engine:
        """See `Backend`."""
        engine = create_engine(self._url, connect_args={"timeout": 10, "check_same_thread": False})

        @event.listens_for(engine, "connect")
        def _on_connect(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # we begin transactions ourselves
            for pragma in (*PRAGMAS, f"synchronous = {SYNCHRONOUS[self._durability]}"):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _on_begin(connection: Connection) -> None:
            mode = connection.get_execution_options().get("begin", "DEFERRED")
            connection.exec_driver_sql(f"BEGIN {mode}")

        return engine

    def exists(self, _engine: Engine) -> bool:
        """Whether the file is there; opening never creates it, `migrate.upgrade` does."""
        return self.path.is_file()

    def prepare(self) -> None:
        """The folder of the database, for its owner only when it is new."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def be_alone(self, _connection: Connection) -> None:
        """Whoever writes is alone here, by `turn`."""

    def likeness(self, _connection: Connection) -> int:
        """The number of the file on its disk."""
        return self.path.stat().st_ino

    def faults(self, connection: Connection) -> list[str]:
        """What `integrity_check` says."""
        found = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
        return [] if found == "ok" else [f"integrity check: {found}"]

    def forget(self, engine: Engine) -> None:
        """Empty the write-ahead log, which keeps pages as they were; in the file itself deleted rows are zeroed.

        A reader who looks at that very moment keeps the log alive; then the next checkpoint does it.
        """
        _pragma(engine, "wal_checkpoint(TRUNCATE)")

    @contextmanager
    def long_work(self, engine: Engine) -> Iterator[Callable[[], None]]:
        """Keep more pages, and make checkpoints between transactions.

        Every new row touches pages all over the indexes of random keys, and SQLite copies each page it finds in the
        write-ahead log back into the database; done once for `TURNS` transactions, most of those pages are the same
        ones. It is done outside the writer's lock, so that nobody waits for it.
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
                _pragma(engine, "wal_checkpoint(PASSIVE)")

        event.listen(engine, "checkout", suspend)
        event.listen(engine, "checkin", restore)
        try:
            yield after_turn
        finally:
            event.remove(engine, "checkout", suspend)
            event.remove(engine, "checkin", restore)
            _pragma(engine, "wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """See `Backend`."""
        self.turn.close()

    def in_words(self, error: Exception) -> StoreError | None:
        """See `Backend`."""
        if isinstance(error, DatabaseError | sqlite3.DatabaseError):
            reason = str(getattr(error, "orig", error))
            if "disk is full" in reason or "disk I/O" in reason:
                return StoreError(
                    f"The database {self.path} could not be written: the disk is full or failing.",
                    hint="Nothing was lost. Make room, then run the same command again.",
                )
            if "readonly" in reason or "unable to open" in reason:
                return StoreError(
                    f"The database {self.path} cannot be opened for writing.",
                    hint="Check that the folder exists and belongs to you.",
                )
            if "locked" in reason:
                return StoreError(
                    f"The database {self.path} is in use by another program.",
                    hint="Close it and run the command again.",
                )
            if "not a database" in reason or "malformed" in reason:
                return StoreError(
                    f"{self.path} is damaged or not a database.", hint="Restore it from a backup, or name another file."
                )
        elif isinstance(error, OSError) and self._is_about(error):
            return StoreError(f"{error.filename}: {error.strerror}.", hint="Check the folder and its owner.")
        return None

    def _is_about(self, error: OSError) -> bool:
        """Whether it is the database, a file beside it or its folder that cannot be used."""
        named = str(error.filename or "")
        return named.startswith(str(self.path)) or Path(named) in self.path.parents


def _pragma(engine: Engine, pragma: str) -> None:
    """Run one that gives rows, outside any transaction. `wal_checkpoint(PASSIVE)` copies what no reader still needs."""
    connection = engine.raw_connection()
    try:
        connection.cursor().execute(f"PRAGMA {pragma}").fetchall()
    finally:
        connection.close()
