"""The tables of imports: what was brought in, how far it got, and what a taking back needs to know.

No address is in them. What an import found of a person before it changed them hangs on that person and goes with
them, so who is forgotten is forgotten here as well. They are apart from `schema` because sending knows nothing of them.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, LargeBinary, PrimaryKeyConstraint, String, Table

from newsletter.store.schema import BigId, metadata
from newsletter.store.types import JSONText, UTCDateTime


class ImportStatus(StrEnum):
    """How far an import is."""

    APPLYING = "applying"
    """At work, or interrupted; the same command goes on where it was."""
    APPLIED = "applied"
    UNDOING = "undoing"
    """Being taken back, or interrupted at that; the same command goes on."""
    UNDONE = "undone"
    """Taken back as far as nobody had acted since."""


class Touch(StrEnum):
    """What an import did to one person."""

    ADDED = "added"
    """Put them on file, and on the list."""
    JOINED = "joined"
    """Put somebody on the list who was on file."""
    UPDATED = "updated"
    """Changed name, fields or tags, or confirmed them."""
    LEFT = "left"
    """Recorded that they had left elsewhere; never taken back."""


imports = Table(
    "imports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("status", String(10), nullable=False),
    Column("list_id", Integer, ForeignKey("lists.id"), nullable=False),
    Column("origin", String(255), nullable=False, comment="Name of the file, without its folder."),
    Column("source_hash", String(64), nullable=False, index=True, comment="SHA-256 of the file; empty for a pipe."),
    Column("plan", String(32), nullable=False, server_default="", comment="The plan it follows."),
    Column("terms", JSONText, nullable=False, comment="Format, basis, date … it was brought in on."),
    Column("rows_done", Integer, nullable=False, server_default="0"),
    Column("counts", JSONText, nullable=False, server_default="{}"),
    Column("started_at", UTCDateTime, nullable=False),
    Column("finished_at", UTCDateTime),
    Column("undone_at", UTCDateTime),
    CheckConstraint("status IN ('applying', 'applied', 'undoing', 'undone')", name="status"),
)

import_touches = Table(
    "import_touches",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), nullable=False),
    Column("import_id", Integer, ForeignKey("imports.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("previous", JSONText, comment="What it changed, as it was; NULL where it changed nothing."),
    Column("digest", LargeBinary(8), nullable=False, comment="Of the person as the import left them."),
    PrimaryKeyConstraint("subscriber_id", "import_id"),
    CheckConstraint("kind IN ('added', 'joined', 'updated', 'left')", name="kind"),
    sqlite_with_rowid=False,
)
