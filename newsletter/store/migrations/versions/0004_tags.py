"""Tags of readers, so that passages of an issue can be written for some of them."""

import sqlalchemy as sa
from alembic import op

from newsletter.store.types import JSONText

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; older releases do not look at it, and whom they put on file has no tags."""
    op.add_column(
        "subscribers",
        sa.Column("tags", JSONText(), server_default="[]", nullable=False, comment="A list, sorted."),
    )
