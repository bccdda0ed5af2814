"""The tables in which the gate before sign-ups counts and remembers; nobody's address stands in them.

They are apart from `schema` because the domain can be read, and lived in, without them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from newsletter.store.schema import BigId, metadata
from newsletter.store.types import UTCDateTime

gate_hits = Table(
    "gate_hits",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("key", LargeBinary(32), nullable=False, comment="Keyed hash of a mailbox, network or domain."),
    Column("at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False, index=True),
    Index("ix_gate_hits_key_at", "key", "at"),
    comment="What budgets of confirmation mails were spent on.",
)

gate_proofs = Table(
    "gate_proofs",
    metadata,
    Column("name", LargeBinary(32), primary_key=True, comment="SHA-256 of the challenge's signature."),
    Column("expires_at", UTCDateTime, nullable=False),
    comment="Solved challenges: each counts once.",
    sqlite_with_rowid=False,
)

gate_allowed = Table(
    "gate_allowed",
    metadata,
    Column("entry", String(320), primary_key=True, comment="An address, a domain or a network."),
    Column("note", Text, nullable=False, server_default=""),
    Column("created_at", UTCDateTime, nullable=False),
    sqlite_with_rowid=False,
)

gate_watch = Table(
    "gate_watch",
    metadata,
    Column("id", Integer, primary_key=True, comment="Always 1."),
    Column("slot", BigInteger, nullable=False, comment="Number of the ten minutes since 1970."),
    Column("posts", Integer, nullable=False, comment="Sign-ups in that slot."),
    Column("usual", Float, nullable=False, comment="Sign-ups in a usual slot."),
    Column("since", UTCDateTime, comment="Attacked since."),
    Column("calm", Integer, nullable=False, comment="Quiet slots in a row."),
    Column("alerted_at", UTCDateTime, comment="When the owner was last told."),
    CheckConstraint("id = 1", name="single"),
)

gate_tallies = Table(
    "gate_tallies",
    metadata,
    Column("day", String(10), nullable=False),
    Column("verdict", String(10), nullable=False),
    Column("reason", String(16), nullable=False),
    Column("network", String(43), nullable=False, comment="IPv4 /24 or IPv6 /48; empty for passes."),
    Column("posts", Integer, nullable=False),
    Column("last_at", UTCDateTime, nullable=False, index=True),
    PrimaryKeyConstraint("day", "verdict", "reason", "network"),
    sqlite_with_rowid=False,
)

gate_domains = Table(
    "gate_domains",
    metadata,
    Column("key", LargeBinary(32), primary_key=True, comment="Keyed hash of a domain."),
    Column("reach", String(10), nullable=False, comment="`mail`, `nothing` or `unsure`."),
    Column("reason", String(16), nullable=False),
    Column("expires_at", UTCDateTime, nullable=False),
    comment="What the DNS said: whether mail can arrive there.",
    sqlite_with_rowid=False,
)
