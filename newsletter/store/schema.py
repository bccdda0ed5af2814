"""Every table and every status, to be read from the top: this is the domain.

A Subscriber is a person on file. Consent lives on the Subscription, its evidence in the
ConsentRecords. A Suppression outlives the person it protects. A Snapshot freezes what an Issue
looked like when it was launched; a Campaign is one act of sending it; the ledger has one Delivery
per message and subscriber, and an Attempt for every try that did not simply succeed. What the
gate before sign-ups counts is in `gate_schema`, what the API keeps of programs in `access_schema`, what
readers reply in `reply_schema`, what comes back in `feedback_schema`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from newsletter.store.types import JSONText, UTCDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BigId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite gives out row numbers only for a column declared exactly INTEGER."""


# -- people ----------------------------------------------------------------------------------------


class SubscriptionStatus(StrEnum):
    """Where one person stands with one list."""

    PENDING = "pending"
    """Asked for by a form or an import, not yet confirmed; never mailed an issue."""
    CONFIRMED = "confirmed"
    """Asked for twice; receives issues."""
    UNSUBSCRIBED = "unsubscribed"
    """Has left; only a fresh double opt-in brings them back."""
    EXPIRED = "expired"
    """Never confirmed within the life of the link."""


class SuppressionReason(StrEnum):
    """Why an address is never mailed again."""

    HARD_BOUNCE = "hard_bounce"
    COMPLAINT = "complaint"
    ERASED = "erased"
    MANUAL = "manual"
    UNREACHABLE = "unreachable"


class ConsentKind(StrEnum):
    """What a ConsentRecord is evidence of."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    IMPORTED = "imported"
    UNSUBSCRIBED = "unsubscribed"
    DISOWNED = "disowned"
    """The owner of the address said "this was not me"."""
    UNDONE = "undone"
    """An import was taken back, and with it the consent it had stated."""


lists = Table(
    "lists",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slug", String(63), nullable=False, unique=True),
    comment="Mirrors the slugs of [[lists]]; titles and texts stay in newsletter.toml.",
)

subscribers = Table(
    "subscribers",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("uid", BigInteger, nullable=False, unique=True, comment="Random; the person's name in links."),
    Column("email", String(254), nullable=False, comment="As typed; used for sending."),
    Column("email_key", String(320), nullable=False, unique=True, comment="Case-folded, domain as A-label."),
    Column("address_hash", LargeBinary(32), nullable=False, index=True, comment="Joins suppressions."),
    Column("name", Text, nullable=False, server_default=""),
    Column("fields", JSONText, nullable=False, server_default="{}"),
    Column("tags", JSONText, nullable=False, server_default="[]", comment="A list, sorted."),
    Column("language", String(16), nullable=False, server_default=""),
    Column("paused_until", UTCDateTime, comment="No issues while this is set; emptied when its time has come."),
    Column("created_at", UTCDateTime, nullable=False),
    Index(
        "ix_subscribers_paused",
        "paused_until",
        sqlite_where=text("paused_until IS NOT NULL"),
        postgresql_where=text("paused_until IS NOT NULL"),
    ),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), nullable=False),
    Column("list_id", Integer, ForeignKey("lists.id"), nullable=False),
    Column("status", String(16), nullable=False),
    Column("source", String(64), nullable=False, comment="form, import, cli …"),
    Column("created_at", UTCDateTime, nullable=False),
    Column("changed_at", UTCDateTime, nullable=False),
    Column("confirmed_at", UTCDateTime),
    Column("unsubscribed_at", UTCDateTime, comment="Kept until confirmed afresh, so that no import revives it."),
    PrimaryKeyConstraint("subscriber_id", "list_id"),
    Index("ix_subscriptions_list_id_status", "list_id", "status", "subscriber_id"),
    CheckConstraint("status IN ('pending', 'confirmed', 'unsubscribed', 'expired')", name="status"),
    sqlite_with_rowid=False,
)

wordings = Table(
    "wordings",
    metadata,
    Column("hash", String(64), primary_key=True, comment="SHA-256 of version, language and text."),
    Column("version", String(64), nullable=False),
    Column("language", String(16), nullable=False),
    Column("text", Text, nullable=False, comment="Exactly what the person was shown."),
    Column("first_seen_at", UTCDateTime, nullable=False),
)

consent_records = Table(
    "consent_records",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("subscriber_id", BigId, index=True, comment="No foreign key: the record outlives the person."),
    Column("list_id", Integer, ForeignKey("lists.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("wording_hash", String(64), ForeignKey("wordings.hash")),
    Column("personal", JSONText, comment="Address, network, agent, basis …; erasable."),
    Column("salt", LargeBinary(16), comment="Erased together with `personal`."),
    Column("commitment", String(64), nullable=False, comment="SHA-256 of salt and `personal`."),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    comment="Append-only: triggers refuse everything but erasing `personal` and `salt`.",
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("address_hash", LargeBinary(32), primary_key=True),
    Column("reason", String(16), nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("created_at", UTCDateTime, nullable=False),
    sqlite_with_rowid=False,
)


# -- sending ---------------------------------------------------------------------------------------


class CampaignKind(StrEnum):
    """An issue goes to an audience frozen at launch; into the others people are enrolled one by one."""

    ISSUE = "issue"
    CONFIRM = "confirm"
    WELCOME = "welcome"
    GOODBYE = "goodbye"
    ACCESS = "access"
    """A fresh link to the preferences."""
    ADDRESS = "address"
    """To a new address: is it yours?"""
    MOVED = "moved"
    """To the old address: it was changed."""
    SERIES = "series"
    """One step of a `[[series]]`: an issue so many days after the confirmation."""


class CampaignStatus(StrEnum):
    """Life of a Campaign."""

    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class DeliveryStatus(StrEnum):
    """Life of one message in the ledger."""

    PENDING = "pending"
    """Not on the wire; to be sent when due."""
    CLAIMED = "claimed"
    """A worker has it in hand; not on the wire."""
    INFLIGHT = "inflight"
    """Armed: its final dot may leave at any moment."""
    SENT = "sent"
    """Accepted by the next hop (never say delivered)."""
    FAILED = "failed"
    """Refused for good, or given up."""
    AMBIGUOUS = "ambiguous"
    """The final dot left and no answer came; nobody can say."""
    SKIPPED = "skipped"
    """Left out at the last moment: unsubscribed, suppressed or cancelled."""


snapshots = Table(
    "snapshots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slug", String(120), nullable=False, index=True),
    Column("content_hash", String(64), nullable=False, comment="SHA-256 of `rendered`."),
    Column("rendered", Text, nullable=False, comment="The Rendered value as JSON."),
    Column("issue_date", String(10), nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
)

media = Table(
    "media",
    metadata,
    Column("name", String(80), primary_key=True, comment="<sha256>.<suffix>, as in /media/<name>."),
    Column("media_type", String(40), nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("list_id", Integer, ForeignKey("lists.id"), comment="NULL for campaigns that there is one of."),
    Column("snapshot_id", Integer, ForeignKey("snapshots.id"), comment="Issues, and steps of series."),
    Column("slug", String(120), nullable=False, server_default=""),
    Column("is_trial", Boolean, nullable=False, comment="Went to the sandbox; never blocks a real send."),
    Column("audience", Integer, nullable=False, server_default="0"),
    Column("series", String(63), nullable=False, server_default="", comment="Whose step it is; its issue is `slug`."),
    Column("after_days", SmallInteger, comment="Days from the confirmation to this step."),
    Column("pause_reason", Text, nullable=False, server_default=""),
    Column("scheduled_at", UTCDateTime),
    Column("created_at", UTCDateTime, nullable=False),
    Column("finished_at", UTCDateTime),
    Index(
        "uq_campaigns_issue",
        "slug",
        "list_id",
        unique=True,
        sqlite_where=text("kind = 'issue' AND NOT is_trial AND status <> 'cancelled'"),
        postgresql_where=text("kind = 'issue' AND NOT is_trial AND status <> 'cancelled'"),
    ),
    Index(
        "uq_campaigns_confirm",
        "kind",
        unique=True,
        sqlite_where=text("kind = 'confirm'"),
        postgresql_where=text("kind = 'confirm'"),
    ),
    Index(
        "uq_campaigns_account",
        "kind",
        unique=True,
        sqlite_where=text("kind IN ('access', 'address', 'moved')"),
        postgresql_where=text("kind IN ('access', 'address', 'moved')"),
    ),
    Index(
        "uq_campaigns_standing",
        "kind",
        "list_id",
        unique=True,
        sqlite_where=text("kind IN ('welcome', 'goodbye')"),
        postgresql_where=text("kind IN ('welcome', 'goodbye')"),
    ),
    Index(
        "uq_campaigns_series",
        "series",
        "list_id",
        "slug",
        unique=True,
        sqlite_where=text("kind = 'series' AND status <> 'cancelled'"),
        postgresql_where=text("kind = 'series' AND status <> 'cancelled'"),
    ),
)

workers = Table(
    "workers",
    metadata,
    Column("id", Integer, primary_key=True, comment="The fence: no two workers ever share one."),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_started", BigInteger, nullable=False, comment="Tells a reused pid from the old process."),
    Column("purpose", String(32), nullable=False),
    Column("started_at", UTCDateTime, nullable=False),
    Column("lease_until", UTCDateTime, nullable=False),
    sqlite_autoincrement=True,
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("campaign_id", Integer, ForeignKey("campaigns.id"), nullable=False),
    Column("subscriber_id", BigId, nullable=False, comment="No foreign key: the ledger outlives the person."),
    Column("seq", SmallInteger, nullable=False, server_default="0"),
    Column("status", String(10), nullable=False),
    Column("due_at", UTCDateTime, nullable=False),
    Column("changed_at", UTCDateTime, nullable=False),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    Column("worker_id", Integer),
    Column("code", SmallInteger),
    Column("enrolled_at", UTCDateTime, comment="Standing campaigns only."),
    Column("expires_at", UTCDateTime, comment="Life of the link in a confirmation."),
    Column("scope", JSONText, comment="What a confirmation confirms: lists, name, wording."),
    PrimaryKeyConstraint("campaign_id", "subscriber_id", "seq"),
    Index(
        "ix_deliveries_due",
        "campaign_id",
        "due_at",
        sqlite_where=text("status = 'pending'"),
        postgresql_where=text("status = 'pending'"),
    ),
    Index(
        "ix_deliveries_held",
        "worker_id",
        sqlite_where=text("status IN ('claimed', 'inflight')"),
        postgresql_where=text("status IN ('claimed', 'inflight')"),
    ),
    CheckConstraint(
        "status IN ('pending', 'claimed', 'inflight', 'sent', 'failed', 'ambiguous', 'skipped')", name="status"
    ),
    sqlite_with_rowid=False,
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("campaign_id", Integer, nullable=False),
    Column("subscriber_id", BigId, nullable=False),
    Column("seq", SmallInteger, nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("verdict", String(10), nullable=False),
    Column("phase", String(10), nullable=False),
    Column("code", SmallInteger, nullable=False),
    Column("enhanced", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Index("ix_attempts_delivery", "campaign_id", "subscriber_id", "seq"),
)

instance = Table(
    "instance",
    metadata,
    Column("id", Integer, primary_key=True, comment="Always 1."),
    Column("identity", String(255), nullable=False, comment="Also stands outside the database."),
    Column("turn", BigInteger, nullable=False, comment="Counts claims; a restored database lags behind."),
    Column("adopted_at", UTCDateTime, nullable=False),
    CheckConstraint("id = 1", name="single"),
    comment="Whose database this is: a copy does not send until it is adopted.",
)

throttles = Table(
    "throttles",
    metadata,
    Column("key", String(255), primary_key=True, comment="`all`, `relay`, or a receiving provider."),
    Column("tat", BigInteger, nullable=False, comment="When the next token is due, µs since 1970."),
    Column("interval", BigInteger, nullable=False, comment="µs between tokens."),
    Column("configured", BigInteger, comment="The interval of the configuration."),
    Column("origin", BigInteger, comment="The interval that was first too short."),
    Column("successes", Integer, nullable=False, comment="Since the interval last changed."),
    Column("slowed_at", BigInteger, nullable=False, comment="µs since 1970."),
)

Row = Any
"""A row of any of these tables, as SQLAlchemy hands it out."""
