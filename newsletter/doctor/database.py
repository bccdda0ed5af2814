"""The database: whether it is there, of this version, our own, writable, and has room to grow."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from newsletter.doctor.case import Case
from newsletter.doctor.findings import Finding, error, graver, ok, warning
from newsletter.errors import NewsletterError, StoreError
from newsletter.store import revision
from newsletter.store.engine import Database

SCARCE = 500 * 1000 * 1000
"""Octets free below which it is told: an issue to a few hundred thousand readers writes as much."""
TOO_LITTLE = 20 * 1000 * 1000


def examine(case: Case) -> Iterator[Finding]:
    """Look at schema, fence, writing and room; what depends on a database that is not there is left out."""
    try:
        database = case.database()
        revision.require_current(database)
    except NewsletterError as refused:
        yield error("database.schema", refused.message, refused.hint)
        return
    yield ok("database.schema", f"The database is at schema {revision.head()}, which this version needs.")
    yield from _fence(case)
    yield from _writing(database)
    yield from _room(database)


def _fence(case: Case) -> Iterator[Finding]:
    difference = case.fence().difference()
    if difference:
        yield graver(
            not case.config.is_local,
            "database.fence",
            f"The database may be a copy, so nothing is sent: {difference}.",
            "When no other copy sends any more, run `newsletter db adopt`.",
        )
    else:
        yield ok("database.fence", "The database is this Site's own.")


def _writing(database: Database) -> Iterator[Finding]:
    try:
        with database.write():
            pass
    except NewsletterError as refused:
        yield error("database.writable", refused.message, refused.hint)
    else:
        yield ok("database.writable", "The database can be written to.")


def _room(database: Database) -> Iterator[Finding]:
    try:
        path = database.path
    except StoreError:  # its disk is somebody else's
        return
    free, size = shutil.disk_usage(path.parent).free, path.stat().st_size
    words = f"{_megabytes(free)} are free where the database ({_megabytes(size)}) is"
    if free < TOO_LITTLE:
        yield error("database.room", f"Only {words}.", "Make room before anything is sent.")
    elif free < SCARCE or free < size:
        yield warning(
            "database.room", f"Only {words}.", "Make room; a backup or a rehearsal alone needs that of the database."
        )
    else:
        yield ok("database.room", f"{words}.")


def _megabytes(octets: int) -> str:
    return f"{octets / 1e9:.1f} GB" if octets >= 1e9 else f"{octets / 1e6:.1f} MB"
