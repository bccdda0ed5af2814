"""`newsletter db`: the database and its schema."""

from __future__ import annotations

import click

from newsletter.cli.console import Console, console_options
from newsletter.cli.tidy import tidy
from newsletter.errors import StoreError


@click.group()
@console_options
def db(_console: Console) -> None:
    """Create, upgrade and check the database."""


@db.command()
@console_options
def upgrade(console: Console) -> None:
    """Bring the schema to this version (creates the database when there is none)."""
    with console.open_site() as site:
        before, after = site.upgrade()
    same = before == after
    text = f"The schema is {after} already." if same else f"The schema went from {before or 'nothing'} to {after}."
    console.result({"before": before, "after": after}, text)


@db.command()
@console_options
def current(console: Console) -> None:
    """Print the schema the database is at and the one this version needs."""
    from newsletter.store import revision

    with console.open_site() as site:
        found, needed = revision.current(site.any_database), revision.head()
    console.result({"current": found, "needed": needed}, f"{found or 'none'} (this version needs {needed})")


@db.command()
@console_options
def adopt(console: Console) -> None:
    """Let a copied or restored database send: say that no other copy of it does."""
    from newsletter.campaigns import report

    with console.open_site() as site:
        database = site.database
        difference = site.fence.difference()
        if not difference:
            console.result({"adopted": False, "ambiguous": 0, "unfinished": []}, "The database is this Site's already.")
            return
        with database.read() as connection:
            unfinished = report.unfinished(connection)
        console.note(f"This database may be a copy: {difference}.")
        for row in unfinished:
            console.note(
                f"Campaign {row['campaign']} ({row['issue']} to {row['list']}) is {row['status']}: "
                f"{row['sent']} of {row['audience']} sent as far as this database knows."
            )
        console.require("Does no other copy send any more, and may this one go on where it stands?")
        doubtful = site.fence.adopt(site.clock())
    lines = ["The database is adopted; it sends from now on."]
    if doubtful:
        lines.append(
            f"{doubtful} copies were on the wire when it was taken, so they are in doubt: "
            "`newsletter campaign resolve ID --mark-sent` or `--resend` settles them."
        )
    if unfinished:
        lines.append("Copies that left after the backup was taken would leave again: pause or cancel what you doubt.")
    document = {"adopted": True, "ambiguous": doubtful, "unfinished": [row["campaign"] for row in unfinished]}
    console.result(document, "\n".join(lines))


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


db.add_command(tidy)
