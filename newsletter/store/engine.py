"""Opening the database: pragmas, read and write transactions, and the one writer lock of a Site.

SQLite has one writer at a time. Left to its busy handler, writers poll and the unlucky one starves;
so every write transaction first takes a lock of ours: a queue of threads inside the process and a
file lock behind a turnstile between processes. Whoever waits holds the turnstile, so the process
that just wrote cannot overtake: a sign-up beside a running campaign waits its turn, not for luck.
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError

from newsletter.errors import ConfigError, StoreError

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
Execute = Callable[[str, Mapping[str, Any]], int]
"""Runs a statement with its parameters; tells how many rows it touched."""
SYNCHRONOUS = {"process": "NORMAL", "power": "FULL"}


class Database:
    """One database of one Site.

    `read()` gives a connection on a consistent snapshot; `write()` one in a transaction that commits
    when the block ends and rolls back when it raises. Functions below never commit: the door does.
    """

    def __init__(self, url: str, folder: Path, durability: str = "process") -> None:
        try:
            self.url = make_url(url)
        except ArgumentError as error:
            raise ConfigError(
                f"database.url cannot be read ({error}).", hint="Write it as sqlite:///var/newsletter.db."
            ) from error
        if self.url.get_backend_name() != "sqlite":
            raise ConfigError(
                f"This version keeps its data in SQLite, not in {self.url.get_backend_name()}.",
                hint='Set [database] url = "sqlite:///var/newsletter.db".',
            )
        if not self.url.database or self.url.database == ":memory:":
            raise ConfigError("database.url must name a file.", hint="Write it as sqlite:///var/newsletter.db.")
        self.path = folder / self.url.database
        self.engine = self._open(durability)
        self._lock = WriterLock(self.path.with_name(self.path.name + ".lock"))

    def _open(self, durability: str) -> Engine:
        engine = create_engine(
            self.url.set(database=str(self.path)), connect_args={"timeout": 10, "check_same_thread": False}
        )

        @event.listens_for(engine, "connect")
        def _on_connect(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # we begin transactions ourselves
            for pragma in (*PRAGMAS, f"synchronous = {SYNCHRONOUS[durability]}"):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _on_begin(connection: Connection) -> None:
            mode = connection.get_execution_options().get("begin", "DEFERRED")
            connection.exec_driver_sql(f"BEGIN {mode}")

        return engine

    @property
    def exists(self) -> bool:
        """Whether the file is there; opening never creates it, `migrate.upgrade` does."""
        return self.path.is_file()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one consistent state and writes nothing."""
        with _StoreErrors(self.path), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a write transaction: the only writer of the Site while it lasts. Keep it short."""
        with _StoreErrors(self.path), self._lock, self.engine.connect() as connection:
            connection.execution_options(begin="IMMEDIATE")
            with connection.begin():
                yield connection

    def make_folder(self) -> None:
        """The folder of the database, for its owner only when it is new."""
        with _StoreErrors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def driver(self) -> Driver:
        """A connection for one thread that writes in every turn of a loop."""
        return Driver(self.engine.connect(), self._lock, self.path)

    def close(self) -> None:
        """Give the files back."""
        self.engine.dispose()
        self._lock.close()


class Driver:
    """Write transactions on a connection kept open, without anything between us and the database driver.

    A context, and used in every turn of a loop: `with driver as execute`.
    """

    def __init__(self, connection: Connection, lock: WriterLock, path: Path) -> None:
        self._connection = connection
        self._cursor = connection.connection.cursor()
        self._lock = lock
        self._path = path
        self._is_over = False

    def __enter__(self) -> Execute:
        """Begin a transaction, as `Database.write` does; gives what runs a statement and tells the rows it touched."""
        with _StoreErrors(self._path):
            self._lock.__enter__()
            try:
                self._cursor.execute("BEGIN IMMEDIATE")
            except BaseException:
                self._lock.__exit__()
                raise
        self._is_over = False
        return self._execute

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with _StoreErrors(self._path):
                if error is None and not self._is_over:
                    self._cursor.execute("COMMIT")
                    self._is_over = True
        finally:
            self.roll_back()
            self._lock.__exit__()
        if isinstance(error, Exception):
            _raise_as_store_error(error, self._path)

    def roll_back(self) -> None:
        """Undo the transaction at hand; it then ends without a trace."""
        if not self._is_over:
            self._is_over = True
            with suppress(sqlite3.OperationalError):  # some faults have rolled back already
                self._cursor.execute("ROLLBACK")

    def close(self) -> None:
        """Give the connection back."""
        self._cursor.close()
        self._connection.close()

    def _execute(self, sql: str, parameters: Mapping[str, Any]) -> int:
        self._cursor.execute(sql, parameters)
        return int(self._cursor.rowcount)


class WriterLock:
    """A lock between threads and processes that lets nobody overtake.

    Threads queue and hand the lock on; between processes there are two file locks in a row.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = _Queue()
        self._files: tuple[Any, Any] | None = None

    def __enter__(self) -> None:
        self._threads.acquire()
        try:
            first, second = self._open()
            fcntl.flock(first, fcntl.LOCK_EX)
            try:
                fcntl.flock(second, fcntl.LOCK_EX)
            finally:
                fcntl.flock(first, fcntl.LOCK_UN)
        except BaseException:
            self._threads.release()
            raise

    def __exit__(self, *_error: object) -> None:
        try:
            if self._files is not None:
                fcntl.flock(self._files[1], fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def _open(self) -> tuple[Any, Any]:
        if self._files is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            turnstile = self._path.with_name(self._path.name + ".next")
            self._files = (turnstile.open("ab"), self._path.open("ab"))
        return self._files

    def close(self) -> None:
        """Close the lock files."""
        if self._files is not None:
            for file in self._files:
                file.close()
            self._files = None


class _Queue:
    """A lock whose owner hands it to the thread that has waited longest; `threading.Lock` goes to the quickest."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Lock] = deque()

    def acquire(self) -> None:
        with self._mutex:
            if not self._is_taken:
                self._is_taken = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        try:
            turn.acquire()
        except BaseException:  # Ctrl-C while waiting: step out, or pass on what was just handed over
            with self._mutex:
                has_left = turn in self._waiting
                if has_left:
                    self._waiting.remove(turn)
            if not has_left:
                self.release()
            raise

    def release(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False


class _StoreErrors:
    """Faults of disk and file become one sentence; nothing is half-written, the transaction is gone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            _raise_as_store_error(error, self._path)


def _raise_as_store_error(error: Exception, path: Path) -> None:
    """Raise what `error` means in words; nothing when there are no better ones."""
    if isinstance(error, DatabaseError | sqlite3.DatabaseError):
        reason = str(getattr(error, "orig", error))
        if "disk is full" in reason or "disk I/O" in reason:
            raise StoreError(
                f"The database {path} could not be written: the disk is full or failing.",
                hint="Nothing was lost. Make room, then run the same command again.",
            ) from error
        if "readonly" in reason or "unable to open" in reason:
            raise StoreError(
                f"The database {path} cannot be opened for writing.",
                hint="Check that the folder exists and belongs to you.",
            ) from error
        if "locked" in reason:
            raise StoreError(
                f"The database {path} is in use by another program.", hint="Close it and run the command again."
            ) from error
        if "not a database" in reason or "malformed" in reason:
            raise StoreError(
                f"{path} is damaged or not a database.", hint="Restore it from a backup, or name another file."
            ) from error
    elif isinstance(error, OSError) and _is_about(error, path):
        raise StoreError(f"{error.filename}: {error.strerror}.", hint="Check the folder and its owner.") from error


def _is_about(error: OSError, path: Path) -> bool:
    """Whether it is the database, a file beside it or its folder that cannot be used."""
    named = str(error.filename or "")
    return named.startswith(str(path)) or Path(named) in path.parents
