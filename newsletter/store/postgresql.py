"""PostgreSQL: one server for many hosts; writers that must be alone take turns, senders do not wait for them.

Why READ COMMITTED and one lock for most writers, instead of stricter isolation, is told in
docs/decisions/0009-writers-take-turns-on-postgresql-too.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import URL, Connection, Engine, bindparam, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from newsletter.errors import ConfigError, ConflictError, StoreError
from newsletter.store.backend import Backend

TURN = 0x6E6577736C657474
"""The advisory lock of whoever writes alone; such locks are a matter of one database, not of the server."""

_TAKE_TURN = text("SELECT pg_advisory_xact_lock(:turn)").bindparams(bindparam("turn", TURN))
_LIKENESS = text(
    "SELECT s.system_identifier::text || ' ' || d.oid::text"
    " FROM pg_control_system() AS s, pg_database AS d WHERE d.datname = current_database()"
)
_NOTHING_LOST = "Nothing was half-written."


class _WithoutNul(StrDumperUnknown):
    """No text there holds a NUL; what stands for characters that cannot be shown takes its place and finds nobody."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\0", "\ufffd"))


class PostgreSQL(Backend):
    """A database on a server."""

    path = None
    begin = "BEGIN ISOLATION LEVEL READ COMMITTED"
    reading: Mapping[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    writing: Mapping[str, Any] = {}
    driving: Mapping[str, Any] = {"isolation_level": "AUTOCOMMIT"}

    def __init__(self, url: URL) -> None:
        if "+" in url.drivername and url.get_driver_name() != "psycopg":
            raise ConfigError(
                f"PostgreSQL is spoken to by psycopg, not by {url.get_driver_name()}.",
                hint="Begin database.url with postgresql+psycopg://.",
            )
        self._threshold = _prepare_threshold(url)
        url = url.difference_update_query(["prepare_threshold"])
        self.name = url.set(drivername="postgresql").render_as_string(hide_password=True)
        self.turn = nullcontext()
        self._url = url.set(drivername="postgresql+psycopg")

    def open(self) -> Engine:
        """See `Backend`. A connection that broke while it lay in the pool is noticed before it is handed out."""
        arguments: dict[str, Any] = {"application_name": "newsletter", "connect_timeout": 10}
        given = {name: arguments[name] for name in arguments if name not in self._url.query}
        engine = create_engine(
            self._url,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            connect_args=given | {"prepare_threshold": self._threshold},
        )

        @event.listens_for(engine, "connect")
        def _on_connect(connection: Any, _record: Any) -> None:
            connection.adapters.register_dumper(str, _WithoutNul)

        return engine

    def exists(self, engine: Engine) -> bool:
        """True, or what is raised says why nobody can tell."""
        with engine.connect():
            return True

    def prepare(self) -> None:
        """Nothing: whoever runs the server has made the database."""

    def be_alone(self, connection: Connection) -> None:
        """The lock queues in order, ends with the transaction, and the statements after it see all that came before."""
        connection.execute(_TAKE_TURN)

    def likeness(self, connection: Connection) -> int:
        """Of the server's own number and the database's number in it; a dump that is restored has other ones."""
        server, number = connection.execute(_LIKENESS).scalar_one().split()
        return int(server) ^ (int(number) << 16)

    def faults(self, _connection: Connection) -> list[str]:
        """Nothing: pages carry checksums, and the server itself refuses one that is damaged."""
        return []

    def forget(self, _engine: Engine) -> None:
        """Nothing: dead rows are overwritten by autovacuum, and the log is recycled, at the server's own pace."""

    @contextmanager
    def long_work(self, _engine: Engine) -> Iterator[Callable[[], None]]:
        """Nothing to do between transactions: checkpoints are the server's."""
        yield lambda: None

    def close(self) -> None:
        """Nothing is open but connections."""

    def in_words(self, error: Exception) -> StoreError | None:
        """See `Backend`."""
        original = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(original, psycopg.Error):
            return None
        said = str(original)
        if original.sqlstate is not None:
            found = _BY_STATE.get(original.sqlstate)
        elif isinstance(original, psycopg.OperationalError):
            found = next((words for part, words in _ON_CONNECTING.items() if part in said), _UNREACHABLE)
        else:
            return None
        if found is None:
            return None
        kind, sentence, hint = found
        user = self._url.username or "of this system"
        return kind(sentence.format(name=self.name, user=user, said=_reason(said)), hint=hint)


def _reason(said: str) -> str:
    """What went wrong, out of the several lines in which the library says where, what and perhaps why."""
    first = (said.strip().splitlines() or [""])[0]
    return first.rpartition(" failed: ")[2].removeprefix("FATAL:").strip().rstrip(".")


def _prepare_threshold(url: URL) -> int | None:
    """How often a statement runs before it is prepared; None for a pooler that cannot keep prepared statements."""
    said = url.query.get("prepare_threshold", "5")
    if said == "none":
        return None
    if isinstance(said, str) and said.isdecimal():
        return int(said)
    raise ConfigError(
        f"prepare_threshold in database.url cannot be {said!r}.", hint="Write ?prepare_threshold=none or a number."
    )


_Words = tuple[type[StoreError], str, str]

_PASSWORD: _Words = (
    StoreError,
    "The database {name} does not let the user {user} in: {said}.",
    "Check user and password in database.url; NEWSLETTER_DATABASE__URL_FILE can keep them out of newsletter.toml.",
)
_NO_DATABASE: _Words = (
    StoreError,
    "There is no database {name}: {said}.",
    "Create it, for example with `createdb`, then run `newsletter db upgrade`.",
)
_LOST: _Words = (
    StoreError,
    "The connection to the database {name} was lost: {said}.",
    _NOTHING_LOST + " When the server is back, run the same command again.",
)
_UNREACHABLE: _Words = (
    StoreError,
    "The database {name} cannot be reached: {said}.",
    _NOTHING_LOST + " Check that the server runs, and host and port in database.url.",
)
_BUSY: _Words = (
    StoreError,
    "The database {name} has no connection left: {said}.",
    "Raise max_connections of the server, or put a pooler in front of it.",
)
_POOLED: _Words = (
    StoreError,
    "A pooler in front of {name} mixes up prepared statements: {said}.",
    "Add ?prepare_threshold=none to database.url, or let the pooler keep sessions.",
)
_READ_ONLY: _Words = (StoreError, "The database {name} only lets itself be read: {said}.", "Name the primary server.")
_FULL: _Words = (
    StoreError,
    "The database {name} could not be written: {said}.",
    "Nothing was lost. Make room, then run the same command again.",
)
_FORBIDDEN: _Words = (
    StoreError,
    "The user {user} may not do that in the database {name}: {said}.",
    "Let this user own the database and its tables.",
)
_CONFLICT: _Words = (ConflictError, "Two writers of {name} were in each other's way: {said}.", "Run the command again.")

_BY_STATE: Mapping[str, _Words] = {
    "28000": _PASSWORD,
    "28P01": _PASSWORD,
    "3D000": _NO_DATABASE,
    "53300": _BUSY,
    "53100": _FULL,
    "57P01": _LOST,
    "57P02": _LOST,
    "57P03": _UNREACHABLE,
    "08006": _LOST,
    "08003": _LOST,
    "08P01": _LOST,
    "26000": _POOLED,
    "42P05": _POOLED,
    "25006": _READ_ONLY,
    "42501": _FORBIDDEN,
    "40001": _CONFLICT,
    "40P01": _CONFLICT,
}
"""By SQLSTATE (PostgreSQL, appendix A)."""

_ON_CONNECTING: Mapping[str, _Words] = {
    "password authentication failed": _PASSWORD,
    "no password supplied": _PASSWORD,
    "no pg_hba.conf entry": _PASSWORD,
    'role "': _PASSWORD,
    'database "': _NO_DATABASE,
    "too many clients": _BUSY,
    "remaining connection slots": _BUSY,
    "the connection is lost": _LOST,
    "the connection is closed": _LOST,
    "closed the connection": _LOST,
    "terminating connection": _LOST,
}
"""Before there is a connection, and when it breaks, there is no SQLSTATE, only what the library says."""
