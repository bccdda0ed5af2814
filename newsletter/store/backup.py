"""A safe copy of the database while it is written to, and the way back.

Both go through SQLite's own backup interface (https://www.sqlite.org/backup.html): a plain copy of a live file may
be torn, and a file put in the place of one that is open is not seen by those who have it open. PostgreSQL has
`pg_dump` for this.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from newsletter.errors import RefusedError, StoreError
from newsletter.store import revision
from newsletter.store.engine import Database

_FILE = "sqlite"


def back_up(database: Database, target: Path) -> int:
    """Write the database as it is now to `target`, which must not be there yet; returns its size in octets.

    Readable by its owner alone, whole or not there at all.
    """
    _require_file(database, f"pg_dump --format=custom --file={target}")
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    if target.exists():
        raise RefusedError(f"{target} is there already.", hint="Name another file.")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(database.path)) as source, closing(sqlite3.connect(draft)) as copy:
            # In one go: copied in steps, a database that is written to makes the copying begin again.
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            _require_sound(copy, draft)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        target.hardlink_to(draft)
    except FileExistsError as error:
        raise RefusedError(f"{target} is there already.", hint="Name another file.") from error
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"The database could not be copied to {target}: {error}.", hint="Nothing has changed. Is there room?"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return target.stat().st_size


def restore(database: Database, source: Path) -> None:
    """Put a backup in the place of what the database holds, in one transaction that others see whole."""
    _require_file(database, f"pg_restore --clean --dbname=… {source}")
    try:
        with closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as backup:
            _require_sound(backup, source)
            row = backup.execute("SELECT version_num FROM alembic_version").fetchone()
            revision.refuse_foreign(row[0] if row else None)
            with closing(sqlite3.connect(database.path, timeout=10)) as live:
                backup.backup(live)
                # Whose it is has to be said again: mail may have left since.
                live.execute("DELETE FROM instance")
                live.commit()
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be restored: {error}.", hint="Is it a backup of this program?") from error


def _require_file(database: Database, instead: str) -> None:
    if database.engine.dialect.name != _FILE:
        raise StoreError("This is for databases in SQLite.", hint=f"Use PostgreSQL's own: {instead}")


def _require_sound(connection: sqlite3.Connection, path: Path) -> None:
    found = connection.execute("PRAGMA quick_check").fetchone()[0]
    if found != "ok":
        raise StoreError(f"{path} is damaged: {found}.", hint="Take another backup.")
