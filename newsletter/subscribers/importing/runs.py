"""What stands about imports in the database: which there were, how far they got, and who is at one now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from newsletter.errors import NotFoundError, StateError
from newsletter.store.engine import Database
from newsletter.store.import_schema import ImportStatus, import_touches, imports
from newsletter.store.schema import Row, lists
from newsletter.store.types import iso

UNDOABLE = timedelta(days=180)
"""How long what an import found is kept, so that it can be taken back; then it is nobody's business any more."""
SWEEP = 1000


@dataclass(frozen=True)
class Run:
    """One import at work."""

    id: int
    rows_done: int
    counts: Mapping[str, int]
    """Of these rows, when it goes on where another left off."""


def begin(  # noqa: PLR0917
    connection: Connection,
    list_id: int,
    origin: str,
    source_hash: str,
    plan: str,
    terms: Mapping[str, Any],
    now: datetime,
) -> Run:
    """A new import, or the same one that was interrupted. `StateError` when its plan was carried out already."""
    if plan:
        done = connection.execute(
            select(imports).where(imports.c.plan == plan, imports.c.status != ImportStatus.APPLYING)
        ).first()
        if done is not None:
            raise StateError(
                f"This plan was carried out already, as import {done.id}.",
                hint="Make a new plan; rows that are in stay as they are.",
            )
    if source_hash:
        same = (imports.c.source_hash == source_hash, imports.c.plan == plan, imports.c.list_id == list_id)
        found = connection.execute(
            select(imports).where(*same, imports.c.status == ImportStatus.APPLYING).order_by(imports.c.id.desc())
        ).all()
        for row in found:
            if row.terms == dict(terms):
                return Run(row.id, row.rows_done, row.counts)
    import_id = connection.execute(
        insert(imports)
        .values(
            status=ImportStatus.APPLYING,
            list_id=list_id,
            origin=origin[:255],
            source_hash=source_hash,
            plan=plan,
            terms=dict(terms),
            started_at=now,
        )
        .returning(imports.c.id)
    ).scalar_one()
    return Run(int(import_id), 0, {})


def progress(connection: Connection, run: Run, rows_before: int, rows_done: int, counts: Mapping[str, int]) -> None:
    """So many rows are in. `StateError` when somebody else has gone on with it, or taken it back, meanwhile."""
    moved = connection.execute(
        update(imports)
        .where(imports.c.id == run.id, imports.c.rows_done == rows_before, imports.c.status == ImportStatus.APPLYING)
        .values(rows_done=rows_done, counts=dict(counts))
    ).rowcount
    if not moved:
        raise StateError(
            f"Import {run.id} is in somebody else's hands.",
            hint="`newsletter subscriber import list` shows how far it is.",
        )


def finish(connection: Connection, run: Run, now: datetime) -> None:
    """All rows are in."""
    connection.execute(
        update(imports)
        .where(imports.c.id == run.id, imports.c.status == ImportStatus.APPLYING)
        .values(status=ImportStatus.APPLIED, finished_at=now)
    )


def drop(connection: Connection, run: Run) -> None:
    """An import none of whose rows came in leaves no row of its own."""
    connection.execute(
        delete(imports).where(
            imports.c.id == run.id, imports.c.rows_done == 0, imports.c.status == ImportStatus.APPLYING
        )
    )


def take_back(connection: Connection, import_id: int) -> None:
    """From here on it is being taken back, and nobody goes on with it."""
    connection.execute(update(imports).where(imports.c.id == import_id).values(status=ImportStatus.UNDOING))


def close(connection: Connection, import_id: int, now: datetime) -> None:
    """It is taken back."""
    connection.execute(
        update(imports).where(imports.c.id == import_id).values(status=ImportStatus.UNDONE, undone_at=now)
    )


def get(connection: Connection, import_id: int) -> Row:
    """One import, or `NotFoundError`."""
    row = connection.execute(select(imports).where(imports.c.id == import_id)).one_or_none()
    if row is None:
        raise NotFoundError(
            f"There is no import {import_id}.", hint="`newsletter subscriber import list` shows which there are."
        )
    return row


def page(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """The newest imports: `{id, status, list, origin, rows_done, counts, terms}` and moments ending in `_at`."""
    rows = connection.execute(
        select(imports, lists.c.slug)
        .join(lists, lists.c.id == imports.c.list_id)
        .order_by(imports.c.id.desc())
        .limit(limit)
    )
    return [
        {
            "id": row.id,
            "status": row.status,
            "list": row.slug,
            "origin": row.origin,
            "rows_done": row.rows_done,
            "counts": row.counts,
            "terms": row.terms,
            "started_at": iso(row.started_at),
            "finished_at": iso(row.finished_at),
            "undone_at": iso(row.undone_at),
        }
        for row in rows
    ]


def let_go(database: Database, now: datetime) -> int:
    """Drop some of what old imports found, which nobody may take back any more; how many, at most `SWEEP`."""
    old = import_touches.c.import_id.in_(select(imports.c.id).where(imports.c.started_at < now - UNDOABLE))
    query = select(import_touches.c.subscriber_id).where(old).limit(SWEEP)
    with database.read() as connection:
        some = connection.execute(query).scalars().all()
    if some:
        with database.write() as connection:
            connection.execute(delete(import_touches).where(old, import_touches.c.subscriber_id.in_(some)))
    return len(some)
