"""Replies of readers to past issues."""

import sqlalchemy as sa
from alembic import op

from newsletter.store.types import UTCDateTime

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the table; older releases do not look at it."""
    op.create_table(
        "replies",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("slug", sa.String(length=120), nullable=False, comment="The issue it is about."),
        sa.Column("name", sa.Text(), nullable=False, comment="Shown."),
        sa.Column("email", sa.String(length=254), nullable=False, comment="For the editor alone."),
        sa.Column("email_key", sa.String(length=320), nullable=False),
        sa.Column("words", sa.Text(), nullable=False, comment="Plain text."),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column(
            "network", sa.String(length=43), nullable=False, comment="IPv4 /24 or IPv6 /48; erased when it is decided."
        ),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("decided_at", UTCDateTime(), nullable=True),
        sa.Column("told_at", UTCDateTime(), nullable=True, comment="When the editor had a mail about it."),
        sa.CheckConstraint("status IN ('pending', 'approved', 'rejected')", name=op.f("ck_replies_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replies")),
        comment="What readers wrote under past issues.",
    )
    op.create_index("ix_replies_email_key", "replies", ["email_key"])
    op.create_index("ix_replies_status_slug", "replies", ["status", "slug"])
