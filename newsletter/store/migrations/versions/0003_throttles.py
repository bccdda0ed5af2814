"""Rate limits, configured and learned, that all senders of a Site share."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table; older releases do not look at it."""
    op.create_table(
        "throttles",
        sa.Column("key", sa.String(length=255), nullable=False, comment="`all`, `relay`, or a receiving provider."),
        sa.Column("tat", sa.BigInteger(), nullable=False, comment="When the next token is due, µs since 1970."),
        sa.Column("interval", sa.BigInteger(), nullable=False, comment="µs between tokens."),
        sa.Column("configured", sa.BigInteger(), nullable=True, comment="The interval of the configuration."),
        sa.Column("origin", sa.BigInteger(), nullable=True, comment="The interval that was first too short."),
        sa.Column("successes", sa.Integer(), nullable=False, comment="Since the interval last changed."),
        sa.Column("slowed_at", sa.BigInteger(), nullable=False, comment="µs since 1970."),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttles")),
    )
