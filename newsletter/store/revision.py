"""Which schema a database is at, and which this program needs; every command asks, so it costs one look.

A revision is the number in front of a script's name under `migrations/versions`. Only changing the schema
takes Alembic (`migrate`), which is a large thing to load.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from sqlalchemy import Connection, column, inspect, select, table

from newsletter.errors import SchemaError
from newsletter.store.engine import Database

_VERSIONS = table("alembic_version", column("version_num"))


@cache
def known() -> tuple[str, ...]:
    """Every revision of this version of the program, oldest first."""
    scripts = resources.files("newsletter.store").joinpath("migrations", "versions").iterdir()
    return tuple(sorted(script.name.partition("_")[0] for script in scripts if script.name[0].isdigit()))


def head() -> str:
    """The revision this version of the program needs."""
    return known()[-1]


def current(database: Database) -> str | None:
    """The revision the database is at, or None when it is empty or not there yet."""
    if not database.exists:
        return None
    with database.read() as connection:
        return revision_of(connection)


def revision_of(connection: Connection) -> str | None:
    """The revision of the database behind `connection`, or None when it has none."""
    if not inspect(connection).has_table(_VERSIONS.name):
        return None
    return connection.execute(select(_VERSIONS.c.version_num)).scalar()


def require_current(database: Database) -> None:
    """Refuse to work on a database that is missing, older or newer than this program."""
    revision = current(database)
    if revision == head():
        return
    if revision is None:
        raise SchemaError(
            f"There is no database at {database.name}." if not database.exists else f"{database.name} is empty.",
            hint="Run `newsletter db upgrade` to create it.",
        )
    refuse_foreign(revision)
    raise SchemaError(
        f"The database is at schema {revision}, this program needs {head()}.",
        hint="Run `newsletter db upgrade` (it changes nothing but the schema).",
    )


def refuse_foreign(revision: str | None) -> None:
    """Refuse a database that a newer version of the program has changed."""
    if revision is not None and revision not in known():
        raise SchemaError(
            f"The database is at schema {revision}, which this version does not know.",
            hint="It was written by a newer version: install that one.",
        )
