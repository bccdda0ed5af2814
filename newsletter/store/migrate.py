"""Bringing a database to this version's schema; the only module that knows Alembic.

There is no `alembic.ini`: the scripts travel inside the package and people type
`newsletter db upgrade`. Doors call `require_current` and so refuse an old (or a newer) schema.
"""

from __future__ import annotations

from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from newsletter.errors import SchemaError
from newsletter.store.engine import Database
from newsletter.store.schema import metadata


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", "newsletter.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The revision this version of the program needs."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def current(database: Database) -> str | None:
    """The revision the database is at, or None when it is empty or not there yet."""
    if not database.exists:
        return None
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database) -> tuple[str | None, str]:
    """Bring the schema up to date in one transaction; returns the revisions before and after."""
    # People's addresses live here: nobody else on this machine reads them.
    database.make_folder()
    with database.write() as connection:
        before = MigrationContext.configure(connection).get_current_revision()
        _refuse_foreign(before)
        command.upgrade(_config(connection), "head")
    return before, head()


def drift(database: Database) -> list[Any]:
    """Differences between the tables in the database and `store.schema` (Alembic's own tuples)."""
    with database.read() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))


def require_current(database: Database) -> None:
    """Refuse to work on a database that is missing, older or newer than this program."""
    revision = current(database)
    if revision == head():
        return
    if revision is None:
        raise SchemaError(
            f"There is no database at {database.path}." if not database.exists else f"{database.path} is empty.",
            hint="Run `newsletter db upgrade` to create it.",
        )
    _refuse_foreign(revision)
    raise SchemaError(
        f"The database is at schema {revision}, this program needs {head()}.",
        hint="Run `newsletter db upgrade` (it changes nothing but the schema).",
    )


def _refuse_foreign(revision: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise SchemaError(
            f"The database is at schema {revision}, which this version does not know.",
            hint="It was written by a newer version: install that one.",
        )
