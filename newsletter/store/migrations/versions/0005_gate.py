"""What the gate before sign-ups counts and remembers."""

import sqlalchemy as sa
from alembic import op

from newsletter.store.types import UTCDateTime

revision = "0005"
down_revision = "0004"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables; older releases do not look at them."""
    op.create_table(
        "gate_hits",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column(
            "key", sa.LargeBinary(length=32), nullable=False, comment="Keyed hash of a mailbox, network or domain."
        ),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_hits")),
        comment="What budgets of confirmation mails were spent on.",
    )
    op.create_index("ix_gate_hits_key_at", "gate_hits", ["key", "at"])
    op.create_index(op.f("ix_gate_hits_expires_at"), "gate_hits", ["expires_at"])
    op.create_table(
        "gate_proofs",
        sa.Column("name", sa.LargeBinary(length=32), nullable=False, comment="SHA-256 of the challenge's signature."),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_gate_proofs")),
        comment="Solved challenges: each counts once.",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gate_allowed",
        sa.Column("entry", sa.String(length=320), nullable=False, comment="An address, a domain or a network."),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("entry", name=op.f("pk_gate_allowed")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gate_watch",
        sa.Column("id", sa.Integer(), nullable=False, comment="Always 1."),
        sa.Column("slot", sa.BigInteger(), nullable=False, comment="Number of the ten minutes since 1970."),
        sa.Column("posts", sa.Integer(), nullable=False, comment="Sign-ups in that slot."),
        sa.Column("usual", sa.Float(), nullable=False, comment="Sign-ups in a usual slot."),
        sa.Column("since", UTCDateTime(), nullable=True, comment="Attacked since."),
        sa.Column("calm", sa.Integer(), nullable=False, comment="Quiet slots in a row."),
        sa.Column("alerted_at", UTCDateTime(), nullable=True, comment="When the owner was last told."),
        sa.CheckConstraint("id = 1", name=op.f("ck_gate_watch_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_watch")),
    )
    op.create_table(
        "gate_tallies",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("network", sa.String(length=43), nullable=False, comment="IPv4 /24 or IPv6 /48; empty for passes."),
        sa.Column("posts", sa.Integer(), nullable=False),
        sa.Column("last_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("day", "verdict", "reason", "network", name=op.f("pk_gate_tallies")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_gate_tallies_last_at"), "gate_tallies", ["last_at"])
