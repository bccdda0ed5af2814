"""The first schema: people, consent, campaigns and the ledger.

A migration must leave the database usable by the previous release: add first, remove a release later.
"""

import sqlalchemy as sa
from alembic import op

from newsletter.store.types import JSONText, UTCDateTime

revision = "0001"
down_revision = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_NEVER_DELETED = "consent records are never deleted"
_NEVER_CHANGED = "consent records are never changed"
_ONLY_ERASED = "consent records are never changed, only their personal part may be erased"
_CHANGED = """
  NEW.id {differs} OLD.id OR NEW.list_id {differs} OLD.list_id OR NEW.kind {differs} OLD.kind OR NEW.at {differs} OLD.at
  OR NEW.wording_hash {differs} OLD.wording_hash OR NEW.commitment {differs} OLD.commitment
  OR NEW.previous_hash {differs} OLD.previous_hash OR NEW.hash {differs} OLD.hash
  OR (NEW.personal {differs} OLD.personal AND NEW.personal IS NOT NULL)
  OR (NEW.salt {differs} OLD.salt AND NEW.salt IS NOT NULL)
  OR (NEW.subscriber_id {differs} OLD.subscriber_id AND NEW.subscriber_id IS NOT NULL)
"""

ON_SQLITE = (
    f"""
CREATE TRIGGER consent_records_refuse_delete BEFORE DELETE ON consent_records
BEGIN SELECT RAISE(ABORT, '{_NEVER_DELETED}'); END
""",
    # Not covered by the other two: INSERT OR REPLACE deletes without firing a DELETE trigger.
    f"""
CREATE TRIGGER consent_records_refuse_replace BEFORE INSERT ON consent_records
WHEN EXISTS (SELECT 1 FROM consent_records WHERE id = NEW.id OR hash = NEW.hash)
BEGIN SELECT RAISE(ABORT, '{_NEVER_CHANGED}'); END
""",  # noqa: S608
    f"""
CREATE TRIGGER consent_records_refuse_update BEFORE UPDATE ON consent_records
WHEN {_CHANGED.format(differs="IS NOT")}
BEGIN SELECT RAISE(ABORT, '{_ONLY_ERASED}'); END
""",
)

ON_POSTGRESQL = (
    """
CREATE FUNCTION consent_records_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation'; END $$
""",
    f"""
CREATE TRIGGER consent_records_refuse_delete BEFORE DELETE ON consent_records
FOR EACH ROW EXECUTE FUNCTION consent_records_refuse('{_NEVER_DELETED}')
""",
    f"""
CREATE TRIGGER consent_records_refuse_truncate BEFORE TRUNCATE ON consent_records
FOR EACH STATEMENT EXECUTE FUNCTION consent_records_refuse('{_NEVER_DELETED}')
""",
    f"""
CREATE TRIGGER consent_records_refuse_update BEFORE UPDATE ON consent_records
FOR EACH ROW WHEN ({_CHANGED.format(differs="IS DISTINCT FROM")})
EXECUTE FUNCTION consent_records_refuse('{_ONLY_ERASED}')
""",
)


def upgrade() -> None:
    """Create every table, then the triggers that keep the evidence append-only."""
    op.create_table(
        "attempts",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", BIG_ID, nullable=False),
        sa.Column("seq", sa.SmallInteger(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("phase", sa.String(length=10), nullable=False),
        sa.Column("code", sa.SmallInteger(), nullable=False),
        sa.Column("enhanced", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index("ix_attempts_delivery", "attempts", ["campaign_id", "subscriber_id", "seq"], unique=False)
    op.create_table(
        "lists",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lists")),
        sa.UniqueConstraint("slug", name=op.f("uq_lists_slug")),
        comment="Mirrors the slugs of [[lists]]; titles and texts stay in newsletter.toml.",
    )
    op.create_table(
        "media",
        sa.Column("name", sa.String(length=80), nullable=False, comment="<sha256>.<suffix>, as in /media/<name>."),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_media")),
    )
    op.create_table(
        "snapshots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=120), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False, comment="SHA-256 of `rendered`."),
        sa.Column("rendered", sa.Text(), nullable=False, comment="The Rendered value as JSON."),
        sa.Column("issue_date", sa.String(length=10), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshots")),
    )
    op.create_index(op.f("ix_snapshots_slug"), "snapshots", ["slug"], unique=False)
    op.create_table(
        "subscribers",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False, comment="Random; the person's name in links."),
        sa.Column("email", sa.String(length=254), nullable=False, comment="As typed; used for sending."),
        sa.Column("email_key", sa.String(length=320), nullable=False, comment="Case-folded, domain as A-label."),
        sa.Column("address_hash", sa.LargeBinary(length=32), nullable=False, comment="Joins suppressions."),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("fields", JSONText(), server_default="{}", nullable=False),
        sa.Column("language", sa.String(length=16), server_default="", nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscribers")),
        sa.UniqueConstraint("email_key", name=op.f("uq_subscribers_email_key")),
        sa.UniqueConstraint("uid", name=op.f("uq_subscribers_uid")),
    )
    op.create_index(op.f("ix_subscribers_address_hash"), "subscribers", ["address_hash"], unique=False)
    op.create_table(
        "suppressions",
        sa.Column("address_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("address_hash", name=op.f("pk_suppressions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "wordings",
        sa.Column("hash", sa.String(length=64), nullable=False, comment="SHA-256 of version, language and text."),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False, comment="Exactly what the person was shown."),
        sa.Column("first_seen_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_wordings")),
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.Integer(), nullable=False, comment="The fence: no two workers ever share one."),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column(
            "process_started", sa.BigInteger(), nullable=False, comment="Tells a reused pid from the old process."
        ),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("started_at", UTCDateTime(), nullable=False),
        sa.Column("lease_until", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "campaigns",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=True, comment="NULL for campaigns that there is one of."),
        sa.Column("snapshot_id", sa.Integer(), nullable=True, comment="Issues, and steps of series."),
        sa.Column("slug", sa.String(length=120), server_default="", nullable=False),
        sa.Column("is_trial", sa.Boolean(), nullable=False, comment="Went to the sandbox; never blocks a real send."),
        sa.Column("audience", sa.Integer(), server_default="0", nullable=False),
        sa.Column("pause_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("scheduled_at", UTCDateTime(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["list_id"], ["lists.id"], name=op.f("fk_campaigns_list_id_lists")),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshots.id"], name=op.f("fk_campaigns_snapshot_id_snapshots")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaigns")),
    )
    op.create_index(
        "uq_campaigns_confirm",
        "campaigns",
        ["kind"],
        unique=True,
        sqlite_where=sa.text("kind = 'confirm'"),
        postgresql_where=sa.text("kind = 'confirm'"),
    )
    op.create_index(
        "uq_campaigns_issue",
        "campaigns",
        ["slug", "list_id"],
        unique=True,
        sqlite_where=sa.text("kind = 'issue' AND NOT is_trial AND status <> 'cancelled'"),
        postgresql_where=sa.text("kind = 'issue' AND NOT is_trial AND status <> 'cancelled'"),
    )
    op.create_index(
        "uq_campaigns_standing",
        "campaigns",
        ["kind", "list_id"],
        unique=True,
        sqlite_where=sa.text("kind IN ('welcome', 'goodbye')"),
        postgresql_where=sa.text("kind IN ('welcome', 'goodbye')"),
    )
    op.create_table(
        "consent_records",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("subscriber_id", BIG_ID, nullable=True, comment="No foreign key: the record outlives the person."),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("wording_hash", sa.String(length=64), nullable=True),
        sa.Column("personal", JSONText(), nullable=True, comment="Address, network, agent, basis …; erasable."),
        sa.Column("salt", sa.LargeBinary(length=16), nullable=True, comment="Erased together with `personal`."),
        sa.Column("commitment", sa.String(length=64), nullable=False, comment="SHA-256 of salt and `personal`."),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["lists.id"], name=op.f("fk_consent_records_list_id_lists")),
        sa.ForeignKeyConstraint(
            ["wording_hash"], ["wordings.hash"], name=op.f("fk_consent_records_wording_hash_wordings")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_records")),
        sa.UniqueConstraint("hash", name=op.f("uq_consent_records_hash")),
        comment="Append-only: triggers refuse everything but erasing `personal` and `salt`.",
    )
    op.create_index(op.f("ix_consent_records_subscriber_id"), "consent_records", ["subscriber_id"], unique=False)
    op.create_table(
        "subscriptions",
        sa.Column("subscriber_id", BIG_ID, nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False, comment="form, import, cli …"),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("changed_at", UTCDateTime(), nullable=False),
        sa.Column("confirmed_at", UTCDateTime(), nullable=True),
        sa.Column(
            "unsubscribed_at",
            UTCDateTime(),
            nullable=True,
            comment="Kept until confirmed afresh, so that no import revives it.",
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'confirmed', 'unsubscribed', 'expired')", name=op.f("ck_subscriptions_status")
        ),
        sa.ForeignKeyConstraint(["list_id"], ["lists.id"], name=op.f("fk_subscriptions_list_id_lists")),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_subscriptions_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "list_id", name=op.f("pk_subscriptions")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_subscriptions_list_id_status", "subscriptions", ["list_id", "status", "subscriber_id"], unique=False
    )
    op.create_table(
        "deliveries",
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", BIG_ID, nullable=False, comment="No foreign key: the ledger outlives the person."),
        sa.Column("seq", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("changed_at", UTCDateTime(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("worker_id", sa.Integer(), nullable=True),
        sa.Column("code", sa.SmallInteger(), nullable=True),
        sa.Column("enrolled_at", UTCDateTime(), nullable=True, comment="Standing campaigns only."),
        sa.Column("expires_at", UTCDateTime(), nullable=True, comment="Life of the link in a confirmation."),
        sa.Column("scope", JSONText(), nullable=True, comment="What a confirmation confirms: lists, name, wording."),
        sa.CheckConstraint(
            "status IN ('pending', 'claimed', 'inflight', 'sent', 'failed', 'ambiguous', 'skipped')",
            name=op.f("ck_deliveries_status"),
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_deliveries_campaign_id_campaigns")),
        sa.PrimaryKeyConstraint("campaign_id", "subscriber_id", "seq", name=op.f("pk_deliveries")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["campaign_id", "due_at"],
        unique=False,
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "ix_deliveries_held",
        "deliveries",
        ["worker_id"],
        unique=False,
        sqlite_where=sa.text("status IN ('claimed', 'inflight')"),
        postgresql_where=sa.text("status IN ('claimed', 'inflight')"),
    )
    for statement in ON_POSTGRESQL if op.get_bind().dialect.name == "postgresql" else ON_SQLITE:
        op.execute(statement)
