"""Whose database this is: the inner half of the instance fence.

A migration must leave the database usable by the previous release: add first, remove a release later.
"""

import sqlalchemy as sa
from alembic import op

from newsletter.store.types import UTCDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the table; who upgrades also writes its row, because that needs what stands outside the database."""
    op.create_table(
        "instance",
        sa.Column("id", sa.Integer(), nullable=False, comment="Always 1."),
        sa.Column("identity", sa.String(length=255), nullable=False, comment="Also stands outside the database."),
        sa.Column("turn", sa.BigInteger(), nullable=False, comment="Counts claims; a restored database lags behind."),
        sa.Column("adopted_at", UTCDateTime(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_instance_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance")),
        comment="Whose database this is: a copy does not send until it is adopted.",
    )
