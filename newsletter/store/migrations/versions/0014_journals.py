"""How much of each journal of departures the database knows."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add a table; older releases neither read nor write it, and keep no journal."""
    op.create_table(
        "journals",
        sa.Column(
            "name", sa.String(length=32), nullable=False, comment="Random; stands in the first line of the file."
        ),
        sa.Column("position", sa.BigInteger(), nullable=False, comment="Octets of the file that this database knows."),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_journals")),
    )
