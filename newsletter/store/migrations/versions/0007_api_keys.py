"""Keys of the API, and the answers it keeps for a day."""

import sqlalchemy as sa
from alembic import op

from newsletter.store.types import JSONText, UTCDateTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create both tables; older releases do not look at them."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("prefix", sa.String(length=8), nullable=False, comment="What it begins with; not secret."),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False, comment="SHA-256 of 256 random bits."),
        sa.Column("scopes", JSONText(), nullable=False, comment="A list, sorted."),
        sa.Column("rate", sa.Integer(), nullable=False, comment="Requests a minute."),
        sa.Column(
            "full_at",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="µs since 1970; see access/limits.",
        ),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("last_used_at", UTCDateTime(), nullable=True),
        sa.Column("revoked_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_keys_prefix")),
    )
    op.create_table(
        "api_answers",
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("word", sa.String(length=255), nullable=False, comment="The Idempotency-Key."),
        sa.Column("request_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True, comment="NULL while the request is carried out."),
        sa.Column("headers", JSONText(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=op.f("fk_api_answers_key_id_api_keys")),
        sa.PrimaryKeyConstraint("key_id", "word", name=op.f("pk_api_answers")),
        comment="Answers of the API, kept for a day so that a repeated request is not carried out twice.",
    )
    op.create_index(op.f("ix_api_answers_created_at"), "api_answers", ["created_at"], unique=False)
