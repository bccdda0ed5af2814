"""The table of what readers reply to past issues, and where a reply may stand.

It is apart from `schema` because sending knows nothing of it.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import CheckConstraint, Column, Index, String, Table, Text

from newsletter.store.schema import BigId, metadata
from newsletter.store.types import UTCDateTime


class ReplyStatus(StrEnum):
    """Whether anybody may see a reply."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


replies = Table(
    "replies",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("slug", String(120), nullable=False, comment="The issue it is about."),
    Column("name", Text, nullable=False, comment="Shown."),
    Column("email", String(254), nullable=False, comment="For the editor alone."),
    Column("email_key", String(320), nullable=False, index=True),
    Column("words", Text, nullable=False, comment="Plain text."),
    Column("status", String(10), nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("decided_at", UTCDateTime),
    Column("told_at", UTCDateTime, comment="When the editor had a mail about it."),
    Index("ix_replies_status_slug", "status", "slug"),
    CheckConstraint("status IN ('pending', 'approved', 'rejected')", name="status"),
    comment="What readers wrote under past issues.",
)
