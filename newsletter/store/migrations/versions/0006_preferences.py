"""Pauses, and the standing campaigns for mails about a reader's own data."""

import sqlalchemy as sa
from alembic import op

from newsletter.store.types import UTCDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column and two indexes; older releases do not look at them, and mail readers on a pause."""
    op.add_column(
        "subscribers",
        sa.Column(
            "paused_until",
            UTCDateTime(),
            nullable=True,
            comment="No issues while this is set; emptied when its time has come.",
        ),
    )
    op.create_index(
        "ix_subscribers_paused",
        "subscribers",
        ["paused_until"],
        unique=False,
        sqlite_where=sa.text("paused_until IS NOT NULL"),
        postgresql_where=sa.text("paused_until IS NOT NULL"),
    )
    op.create_index(
        "uq_campaigns_account",
        "campaigns",
        ["kind"],
        unique=True,
        sqlite_where=sa.text("kind IN ('access', 'address', 'moved')"),
        postgresql_where=sa.text("kind IN ('access', 'address', 'moved')"),
    )
