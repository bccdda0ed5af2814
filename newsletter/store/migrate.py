"""Bringing a database to this version's schema; the only module that knows Alembic.

There is no `alembic.ini`: the scripts travel inside the package and people type
`newsletter db upgrade`. Doors ask `revision.require_current` and so refuse an old (or a newer) schema.
"""

from __future__ import annotations

from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from newsletter.store import (  # noqa: F401 - their tables belong to the metadata
    access_schema,
    feedback_schema,
    gate_schema,
    import_schema,
    journal_schema,
    reply_schema,
)
from newsletter.store.engine import Database
from newsletter.store.revision import head, refuse_foreign, revision_of
from newsletter.store.schema import metadata


def upgrade(database: Database) -> tuple[str | None, str]:
    """Bring the schema up to date in one transaction; returns the revisions before and after."""
    # People's addresses live here: nobody else on this machine reads them.
    database.make_folder()
    with database.write() as connection:
        before = revision_of(connection)
        refuse_foreign(before)
        command.upgrade(_config(connection), "head")
    return before, head()


def drift(database: Database) -> list[Any]:
    """Differences between the tables in the database and `store.schema` (Alembic's own tuples)."""
    with database.read() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "newsletter.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
