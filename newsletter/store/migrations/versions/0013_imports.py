"""Imports, and what taking one back needs to know."""

import sqlalchemy as sa
from alembic import op

from newsletter.store.types import JSONText, UTCDateTime

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Create the tables; older releases do not look at them."""
    op.create_table(
        "imports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=255), nullable=False, comment="Name of the file, without its folder."),
        sa.Column(
            "source_hash", sa.String(length=64), nullable=False, comment="SHA-256 of the file; empty for a pipe."
        ),
        sa.Column("plan", sa.String(length=32), server_default="", nullable=False, comment="The plan it follows."),
        sa.Column("terms", JSONText(), nullable=False, comment="Format, basis, date … it was brought in on."),
        sa.Column("rows_done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("counts", JSONText(), server_default="{}", nullable=False),
        sa.Column("started_at", UTCDateTime(), nullable=False),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.Column("undone_at", UTCDateTime(), nullable=True),
        sa.CheckConstraint("status IN ('applying', 'applied', 'undoing', 'undone')", name=op.f("ck_imports_status")),
        sa.ForeignKeyConstraint(["list_id"], ["lists.id"], name=op.f("fk_imports_list_id_lists")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_index(op.f("ix_imports_source_hash"), "imports", ["source_hash"])
    op.create_table(
        "import_touches",
        sa.Column("subscriber_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column(
            "previous", JSONText(), nullable=True, comment="What it changed, as it was; NULL where it changed nothing."
        ),
        sa.Column("digest", sa.LargeBinary(length=8), nullable=False, comment="Of the person as the import left them."),
        sa.CheckConstraint("kind IN ('added', 'joined', 'updated', 'left')", name=op.f("ck_import_touches_kind")),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_import_touches_import_id_imports"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_import_touches_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "import_id", name=op.f("pk_import_touches")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_import_touches_import_id"), "import_touches", ["import_id"])
