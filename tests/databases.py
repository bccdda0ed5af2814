"""Which database the Site of a test keeps its people in: a file, or one of its own on a PostgreSQL server.

By default tests use SQLite, and those in `BOTH` that are not slow are run on both. NEWSLETTER_TEST_DATABASE says
otherwise: `sqlite` leaves PostgreSQL out, `postgresql` runs everything on it. Tests marked `sqlite` are about the
file itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from postgres import Server

from newsletter.store import migrate
from newsletter.store.engine import Database

SQLITE, POSTGRESQL = "sqlite", "postgresql"

BOTH = (
    "unit/store",
    "unit/deliveries",
    "unit/subscribers",
    "unit/campaigns",
    "integration/test_api.py",
    "integration/test_api_feedback.py",
    "integration/test_feedback_intake.py",
    "integration/test_series.py",
    "integration/test_side_by_side.py",
    "integration/test_web_confirm.py",
    "integration/test_web_gate.py",
    "integration/test_web_signup.py",
    "integration/test_web_unsubscribe.py",
)
"""Where statements are run that could mean something else on the other database."""

KEEPING = frozenset({"site_folder", "world", "plain"})
"""Fixtures without which a test of these keeps nothing in a database."""

_made: Makes | None = None


class Makes:
    """Databases for one test, each copied from one that was migrated once."""

    def __init__(self, server: Server, template: str) -> None:
        self._server = server
        self._template = template
        self._names: list[str] = []

    def url(self) -> str:
        """The address of a new database at the current schema."""
        return self._note(self._server.create(self._template))

    def empty_url(self) -> str:
        """The address of a new database without any tables."""
        return self._note(self._server.create())

    def _note(self, name: str) -> str:
        self._names.append(name)
        return self._server.url_of(name)

    def drop(self) -> None:
        """All of them."""
        for name in self._names:
            self._server.drop(name)


def kinds(test: pytest.Function | pytest.Metafunc) -> list[str]:
    """The databases a test is to be run on."""
    wanted = os.environ.get("NEWSLETTER_TEST_DATABASE", "")
    item = test.definition if isinstance(test, pytest.Metafunc) else test
    if wanted == SQLITE or item.get_closest_marker(SQLITE):
        return [SQLITE]
    if wanted == POSTGRESQL:
        return [POSTGRESQL]
    path = item.path.relative_to(Path(__file__).parent).as_posix()
    is_for_both = path.startswith(BOTH) and not item.get_closest_marker("slow")
    return [SQLITE, POSTGRESQL] if is_for_both else [SQLITE]


def template(server: Server) -> str:
    """The name of a database that is migrated and that nobody is connected to."""
    name = server.create()
    database = Database(server.url_of(name), Path("/"))
    migrate.upgrade(database)
    database.close()
    return name


@contextmanager
def on(made: Makes | None) -> Iterator[None]:
    """Sites that are made meanwhile have a database on PostgreSQL, or a file when there is nothing to make it."""
    global _made  # noqa: PLW0603 - factories are called from everywhere, and only here is it known
    _made = made
    with ExitStack() as stack:
        if made is not None:
            stack.callback(made.drop)
        try:
            yield
        finally:
            _made = None


def settings() -> str:
    """The section of newsletter.toml that names the database of one more Site; empty where it is the usual file."""
    return "" if _made is None else f'\n[database]\nurl = "{_made.url()}"\n'


def url(*, is_empty: bool = False) -> str:
    """The address of one more database: for a Site whose folder exists, or for a test without any Site."""
    if _made is None:
        return "sqlite:///var/newsletter.db"
    return _made.empty_url() if is_empty else _made.url()


def settle(folder: Path) -> None:
    """Give a Site that was copied with its file a database of its own, where files are not wanted."""
    if _made is not None:
        path = folder / "newsletter.toml"
        path.write_text(path.read_text("utf-8") + settings(), "utf-8")
