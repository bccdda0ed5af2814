"""Snapshots: what an issue looked like when it was launched, with the pictures it shows.

Edits under `issues/` never reach a send in flight or a page that readers have seen: both come from
here. Pictures are rows as well, so that one file is the whole backup and any web host can serve them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, exists, insert, select

from newsletter.content.values import Fitted, Issue
from newsletter.rendering.related import embeds
from newsletter.rendering.slots import Rendered
from newsletter.rendering.variants import Edition, edition_from_json, edition_to_json
from newsletter.store.schema import media, snapshots
from newsletter.tokens import sha256_hex


@dataclass(frozen=True)
class Snapshot:
    """A frozen rendering."""

    id: int
    slug: str
    content_hash: str
    """SHA-256 of the edition, hex."""
    edition: Edition
    issue_date: date
    created_at: datetime

    @property
    def rendered(self) -> Rendered:
        """What anybody may read of it."""
        return self.edition.public


def content_hash(edition: Edition) -> str:
    """The name of exactly these renderings."""
    return sha256_hex(edition_to_json(edition).encode("utf-8"))


def take(connection: Connection, issue: Issue, edition: Edition, now: datetime) -> int:
    """Freeze an edition with its pictures; returns the id. Equal editions of a slug share one row."""
    digest = content_hash(edition)
    found = connection.execute(
        select(snapshots.c.id).where(snapshots.c.slug == issue.slug, snapshots.c.content_hash == digest)
    ).scalar()
    if found is not None:
        return int(found)
    _keep(connection, (file for rendered in edition.renderings for file in rendered.pictures), now)
    return int(
        connection.execute(
            insert(snapshots)
            .values(
                slug=issue.slug,
                content_hash=digest,
                rendered=edition_to_json(edition),
                issue_date=issue.date.isoformat(),
                created_at=now,
            )
            .returning(snapshots.c.id)
        ).scalar_one()
    )


def load(connection: Connection, snapshot_id: int) -> Snapshot:
    """The Snapshot with that id."""
    return _snapshot(connection.execute(select(snapshots).where(snapshots.c.id == snapshot_id)).one())


def picture(connection: Connection, name: str) -> tuple[str, bytes] | None:
    """Media type and bytes of `/media/<name>`."""
    row = connection.execute(select(media).where(media.c.name == name)).one_or_none()
    return None if row is None else (row.media_type, row.data)


def embedded(connection: Connection, edition: Edition) -> dict[str, tuple[str, bytes]]:
    """Media type and bytes, by name, of what mails with pictures inside may need; most mails have none inside."""
    names = {name for rendered in edition.renderings if embeds(rendered.html) for name in rendered.media}
    if not names:
        return {}
    rows = connection.execute(select(media).where(media.c.name.in_(names)))
    return {row.name: (row.media_type, row.data) for row in rows}


def _keep(connection: Connection, files: Iterable[Fitted], now: datetime) -> None:
    for file in files:
        if not connection.execute(select(exists().where(media.c.name == file.media_name))).scalar():
            connection.execute(
                insert(media).values(name=file.media_name, media_type=file.media_type, data=file.data, created_at=now)
            )


def _snapshot(row: Any) -> Snapshot:
    return Snapshot(
        id=row.id,
        slug=row.slug,
        content_hash=row.content_hash,
        edition=edition_from_json(row.rendered),
        issue_date=date.fromisoformat(row.issue_date),
        created_at=row.created_at,
    )
