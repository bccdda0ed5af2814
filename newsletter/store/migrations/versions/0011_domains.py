"""What the DNS said of the domains of sign-ups."""

import sqlalchemy as sa
from alembic import op

from newsletter.store.types import UTCDateTime

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the table; older releases do not look at it."""
    op.create_table(
        "gate_domains",
        sa.Column("key", sa.LargeBinary(length=32), nullable=False, comment="Keyed hash of a domain."),
        sa.Column("reach", sa.String(length=10), nullable=False, comment="`mail`, `nothing` or `unsure`."),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_gate_domains")),
        comment="What the DNS said: whether mail can arrive there.",
        sqlite_with_rowid=False,
    )
