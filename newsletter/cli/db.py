"""`newsletter db`: the database and its schema."""

from __future__ import annotations

import click

from newsletter.cli.console import Console, console_options
from newsletter.errors import StoreError


@click.group()
@console_options
def db(_console: Console) -> None:
    """Create, upgrade and check the database."""


@db.command()
@console_options
def upgrade(console: Console) -> None:
    """Bring the schema to this version (creates the database when there is none)."""
    from newsletter.store import migrate

    with console.open_site() as site:
        before, after = migrate.upgrade(site.any_database)
    same = before == after
    text = f"The schema is {after} already." if same else f"The schema went from {before or 'nothing'} to {after}."
    console.result({"before": before, "after": after}, text)


@db.command()
@console_options
def current(console: Console) -> None:
    """Print the schema the database is at and the one this version needs."""
    from newsletter.store import migrate

    with console.open_site() as site:
        revision = migrate.current(site.any_database)
    console.result(
        {"current": revision, "needed": migrate.head()}, f"{revision or 'none'} (this version needs {migrate.head()})"
    )


@db.command()
@console_options
def check(console: Console) -> None:
    """Check schema, integrity of the file and the chain of consent records."""
    from newsletter.store import migrate
    from newsletter.subscribers import consent

    with console.open_site() as site:
        database = site.database
        differences = [str(each) for each in migrate.drift(database)]
        with database.read() as connection:
            integrity = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
            broken = [f"consent record {record} {what}" for record, what in consent.broken(connection)]
    faults = differences + broken + ([] if integrity == "ok" else [f"integrity check: {integrity}"])
    console.result({"ok": not faults, "faults": faults}, "" if faults else "The database is sound.")
    if faults:
        raise StoreError(f"The database has {len(faults)} faults: {'; '.join(faults[:3])}.", hint="Restore a backup.")
