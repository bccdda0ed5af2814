"""Replies pass the gate, which counts their networks under keyed hashes; none is kept beside the words any more."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Drop a column; what older releases counted in it, the gate counts now."""
    op.drop_column("replies", "network")
