"""The tables of programs that use the API: their keys, and what they were answered.

They are apart from `schema` because the domain can be read, and lived in, without them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
)

from newsletter.store.schema import metadata
from newsletter.store.types import JSONText, UTCDateTime

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False),
    Column("prefix", String(8), nullable=False, unique=True, comment="What it begins with; not secret."),
    Column("secret_hash", LargeBinary(32), nullable=False, comment="SHA-256 of 256 random bits."),
    Column("scopes", JSONText, nullable=False, comment="A list, sorted."),
    Column("rate", Integer, nullable=False, comment="Requests a minute."),
    Column("full_at", BigInteger, nullable=False, server_default="0", comment="µs since 1970; see access/limits."),
    Column("created_at", UTCDateTime, nullable=False),
    Column("last_used_at", UTCDateTime),
    Column("revoked_at", UTCDateTime),
)

api_answers = Table(
    "api_answers",
    metadata,
    Column("key_id", Integer, ForeignKey("api_keys.id"), nullable=False),
    Column("word", String(255), nullable=False, comment="The Idempotency-Key."),
    Column("request_hash", LargeBinary(32), nullable=False),
    Column("status", SmallInteger, comment="NULL while the request is carried out."),
    Column("headers", JSONText),
    Column("body", Text),
    Column("created_at", UTCDateTime, nullable=False, index=True),
    PrimaryKeyConstraint("key_id", "word"),
    comment="Answers of the API, kept for a day so that a repeated request is not carried out twice.",
)
