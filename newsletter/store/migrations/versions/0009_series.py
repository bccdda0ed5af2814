"""Steps of series, as standing campaigns."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add two columns and an index; an older release would not know what to mail for a step."""
    op.add_column(
        "campaigns",
        sa.Column(
            "series",
            sa.String(length=63),
            server_default="",
            nullable=False,
            comment="Whose step it is; its issue is `slug`.",
        ),
    )
    op.add_column(
        "campaigns",
        sa.Column("after_days", sa.SmallInteger(), nullable=True, comment="Days from the confirmation to this step."),
    )
    op.create_index(
        "uq_campaigns_series",
        "campaigns",
        ["series", "list_id", "slug"],
        unique=True,
        sqlite_where=sa.text("kind = 'series' AND status <> 'cancelled'"),
        postgresql_where=sa.text("kind = 'series' AND status <> 'cancelled'"),
    )
