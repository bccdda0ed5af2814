"""Opening the database: read and write transactions, whichever of the two databases is behind them.

Whoever writes is by default the only one who does (`write`), so that a function may look first and write
then; that is what nearly all of the house relies on. The few statements that move rows of the ledger by
compare-and-swap, hundreds of times a second and from many hosts, need no such thing: they take
`write(alone=False)` or a `Driver`, and on PostgreSQL do not wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError

from newsletter.errors import ConfigError, StoreError
from newsletter.store.backend import Backend
from newsletter.store.sqlite import Sqlite

Execute = Callable[[str, Mapping[str, Any]], int]
"""Runs a statement with its parameters; tells how many rows it touched."""


class Database:
    """One database of one Site.

    `read()` gives a connection on a consistent snapshot; `write()` one in a transaction that commits
    when the block ends and rolls back when it raises. Functions below never commit: the door does.
    """

    def __init__(self, url: str, folder: Path, durability: str = "process") -> None:
        """`folder` is what the path of a SQLite file is relative to."""
        self.backend = _backend(url, folder, durability)
        self.engine = self.backend.open()

    @property
    def name(self) -> str:
        """What people call it: its path, or its address without the password."""
        return self.backend.name

    @property
    def path(self) -> Path:
        """The file. Raises `StoreError` where there is none."""
        if self.backend.path is None:
            raise StoreError(f"{self.name} is not a file.", hint="This needs a database in SQLite.")
        return self.backend.path

    @property
    def exists(self) -> bool:
        """Whether it is there; a PostgreSQL database always is, or cannot be reached (`StoreError`)."""
        with _InWords(self.backend):
            return self.backend.exists(self.engine)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one consistent state and writes nothing."""
        with _InWords(self.backend), self.engine.connect() as connection:
            connection.execution_options(**self.backend.reading)
            with connection.begin():
                yield connection

    @contextmanager
    def write(self, *, alone: bool = True) -> Iterator[Connection]:
        """A connection in a write transaction: the only writer of the Site while it lasts. Keep it short.

        Without `alone`, others may write meanwhile where the database can do that: for statements that each are
        right whatever happens beside them.
        """
        with _InWords(self.backend), self.backend.turn, self.engine.connect() as connection:
            connection.execution_options(**self.backend.writing)
            with connection.begin():
                if alone:
                    self.backend.be_alone(connection)
                yield connection

    def make_folder(self) -> None:
        """Whatever a new database needs around it."""
        with _InWords(self.backend):
            self.backend.prepare()

    def driver(self) -> Driver:
        """A connection for one thread that writes in every turn of a loop, not alone."""
        with _InWords(self.backend):
            connection = self.engine.connect().execution_options(**self.backend.driving)
            return Driver(connection, self.backend)

    def likeness(self) -> int:
        """A number that a copied or restored database does not share with the original."""
        with self.read() as connection:
            return self.backend.likeness(connection)

    def leave_no_trace(self) -> None:
        """Overwrite what deleted rows have left behind, as far as it is ours to do."""
        self.backend.forget(self.engine)

    def close(self) -> None:
        """Give the files back."""
        self.engine.dispose()
        self.backend.close()


class Driver:
    """Write transactions on a connection kept open, without anything between us and the database driver.

    A context, and used in every turn of a loop: `with driver as execute`.
    """

    def __init__(self, connection: Connection, backend: Backend) -> None:
        self.dialect = connection.dialect
        self._connection = connection
        self._cursor = connection.connection.cursor()
        self._backend = backend
        self._is_over = False

    def __enter__(self) -> Execute:
        """Begin a transaction, as `Database.write` does; gives what runs a statement and tells the rows it touched."""
        with _InWords(self._backend):
            self._backend.turn.__enter__()
            try:
                self._cursor.execute(self._backend.begin)
            except BaseException:
                self._backend.turn.__exit__(None, None, None)
                raise
        self._is_over = False
        return self._execute

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with _InWords(self._backend):
                if error is None and not self._is_over:
                    self._cursor.execute("COMMIT")
                    self._is_over = True
        finally:
            self.roll_back()
            self._backend.turn.__exit__(None, None, None)
        if isinstance(error, Exception) and (told := self._backend.in_words(error)):
            raise told from error

    def roll_back(self) -> None:
        """Undo the transaction at hand; it then ends without a trace."""
        if not self._is_over:
            self._is_over = True
            with suppress(self.dialect.loaded_dbapi.OperationalError):  # some faults have rolled back already
                self._cursor.execute("ROLLBACK")

    def close(self) -> None:
        """Give the connection back."""
        self._cursor.close()
        self._connection.close()

    def _execute(self, sql: str, parameters: Mapping[str, Any]) -> int:
        self._cursor.execute(sql, parameters)
        return int(self._cursor.rowcount)


class _InWords:
    """Faults of driver, disk and network become one sentence; nothing is half-written, the transaction is gone."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and (told := self._backend.in_words(error)):
            raise told from error


def _backend(url: str, folder: Path, durability: str) -> Backend:
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return Sqlite(parsed, folder, durability)
    if parsed.get_backend_name() == "postgresql":
        try:
            from newsletter.store.postgresql import PostgreSQL
        except ModuleNotFoundError as error:
            raise ConfigError(
                "PostgreSQL needs a driver that is not installed.",
                hint="Run `pip install 'newsletter-pipeline[cluster]'`.",
            ) from error
        return PostgreSQL(parsed)
    raise ConfigError(
        f"This version keeps its data in SQLite or PostgreSQL, not in {parsed.get_backend_name()}.",
        hint='Set [database] url = "sqlite:///var/newsletter.db" or "postgresql+psycopg://USER@HOST/NAME".',
    )


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            f"database.url cannot be read ({error}).",
            hint="Write it as sqlite:///var/newsletter.db or postgresql+psycopg://USER@HOST/NAME.",
        ) from error
