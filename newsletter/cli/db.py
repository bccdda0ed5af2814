"""`newsletter db`: the database and its schema."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.audit import verify
from newsletter.cli.console import Console, console_options, plural
from newsletter.cli.tidy import tidy
from newsletter.errors import NotFoundError, StoreError

if TYPE_CHECKING:
    from newsletter.subscribers.departures import CaughtUp


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
        learned = site.catch_up()
        if learned.total:
            console.note(_in_words(learned))
        difference = site.fence.difference()
        if not difference:
            document = {"adopted": False, "ambiguous": 0, "unfinished": [], "departures": asdict(learned)}
            console.result(document, "The database is this Site's already.")
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
    document = {
        "adopted": True,
        "ambiguous": doubtful,
        "unfinished": [row["campaign"] for row in unfinished],
        "departures": asdict(learned),
    }
    console.result(document, "\n".join(lines))


@db.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@console_options
def backup(console: Console, file: Path | None) -> None:
    """Copy the database safely to FILE, also while it is in use (default: var/backups/, named after the moment)."""
    from newsletter.store import backup as copying

    with console.open_site() as site:
        database = site.database
        site.catch_up()
        target = file or site.var / "backups" / f"newsletter-{site.clock():%Y%m%dT%H%M%SZ}.db"
        size = copying.back_up(database, target)
        keys = site.keys_path
    document = {"file": str(target), "bytes": size}
    console.result(
        document,
        f"Wrote {target} ({size / 1e6:,.1f} MB, readable by you alone). Keep it elsewhere, and {keys} apart from it.",
    )


@db.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@console_options
def restore(console: Console, file: Path) -> None:
    """Put the backup FILE in the place of the database; what is there now is kept as a backup of its own.

    Who left after the backup was taken leaves again at `db adopt`, without which nothing is sent.
    """
    from newsletter.store import backup as copying

    if not file.is_file():
        raise NotFoundError(f"There is no {file}.", hint="Look whether it was moved or misspelt.")
    with console.open_site() as site:
        database = site.any_database
        console.require(f"Put {file} in the place of {database.name}? Stop `serve` and `worker` first.")
        kept = None
        if database.exists:
            kept = site.var / "backups" / f"before-restore-{site.clock():%Y%m%dT%H%M%SZ}.db"
            copying.back_up(database, kept)
        copying.restore(database, file)
    lines = [f"{file} is restored.", "Now run `newsletter db upgrade`, then `newsletter db adopt`."]
    if kept:
        lines.insert(1, f"What was there before is kept in {kept}.")
    console.result({"restored": str(file), "kept": str(kept) if kept else None}, "\n".join(lines))


@db.command()
@console_options
def check(console: Console) -> None:
    """Check the schema and the file itself; `db verify` checks what is in it."""
    from newsletter.store import migrate

    with console.open_site() as site:
        database = site.database
        differences = [str(each) for each in migrate.drift(database)]
        with database.read() as connection:
            unsound = database.backend.faults(connection)
    faults = differences + unsound
    console.result({"ok": not faults, "faults": faults}, "" if faults else "The database is sound.")
    if faults:
        raise StoreError(f"The database has {len(faults)} faults: {'; '.join(faults[:3])}.", hint="Restore a backup.")


db.add_command(tidy)
db.add_command(verify)


def _in_words(learned: CaughtUp) -> str:
    """What the database learned from the journal."""
    return (
        f"The database did not know of {plural(learned.total, 'departure')} since it was taken, and does now: "
        f"{learned.left} left a list, {learned.suppressed} are never to be mailed, {learned.forgotten} were forgotten, "
        f"{learned.released} may be mailed again."
    )
