"""What comes back: events, reports, what was read of a mailbox, tokens of webhooks."""

import sqlalchemy as sa
from alembic import op

from newsletter.store.types import UTCDateTime

revision = "0010"
down_revision = "0009"

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables; older releases do not look at them."""
    op.create_table(
        "feedback_events",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("origin", sa.String(length=160), nullable=False, comment="Where it was said: each counts once."),
        sa.Column("at", UTCDateTime(), nullable=False, comment="When we learned it."),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column(
            "source",
            sa.String(length=16),
            nullable=False,
            comment="smtp, mail, operator, or the provider of a webhook.",
        ),
        sa.Column(
            "matched", sa.String(length=12), nullable=False, comment="By what it was found to be about this delivery."
        ),
        sa.Column(
            "campaign_id", sa.Integer(), nullable=True, comment="NULL when it is about a person and no one mail."
        ),
        sa.Column("subscriber_id", BIG_ID, nullable=False, comment="No foreign key: the fact outlives the person."),
        sa.Column("seq", sa.SmallInteger(), nullable=True),
        sa.Column(
            "provider",
            sa.String(length=255),
            server_default="",
            nullable=False,
            comment="Who receives for the address.",
        ),
        sa.Column("code", sa.SmallInteger(), nullable=True),
        sa.Column("enhanced", sa.String(length=16), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="Their words, addresses taken out."),
        sa.Column(
            "report_hash",
            sa.LargeBinary(length=32),
            nullable=True,
            comment="The report it was read from, while that is kept.",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback_events")),
        sa.UniqueConstraint("origin", name=op.f("uq_feedback_events_origin")),
        comment="Append-only.",
    )
    op.create_index("ix_feedback_events_subscriber_id_id", "feedback_events", ["subscriber_id", "id"])
    op.create_index("ix_feedback_events_campaign_id_kind", "feedback_events", ["campaign_id", "kind"])
    op.create_table(
        "feedback_reports",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False, comment="SHA-256 of the whole report."),
        sa.Column("received_at", UTCDateTime(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False, comment="As it came, cut when it is long."),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_feedback_reports")),
        comment="Reports about mail of ours, for [feedback] retention days.",
    )
    op.create_index(op.f("ix_feedback_reports_received_at"), "feedback_reports", ["received_at"])
    op.create_table(
        "feedback_letters",
        sa.Column("mailbox", sa.String(length=255), nullable=False),
        sa.Column(
            "place",
            sa.String(length=255),
            nullable=False,
            comment="UIDVALIDITY.UID, or the name of the file in a Maildir.",
        ),
        sa.Column(
            "hash", sa.LargeBinary(length=32), nullable=True, comment="SHA-256 of the message, once it was read."
        ),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False, comment="How often reading began."),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("mailbox", "place", name=op.f("pk_feedback_letters")),
        comment="What of a mailbox was read, so that nothing is read twice and nothing kills the reader twice.",
    )
    op.create_index(op.f("ix_feedback_letters_at"), "feedback_letters", ["at"])
    op.create_table(
        "feedback_alarms",
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column(
            "about", sa.String(length=300), nullable=False, comment="hard, complaint, or block and the provider."
        ),
        sa.Column(
            "events",
            sa.Integer(),
            nullable=False,
            comment="How many there were; the next alarm takes twice as many.",
        ),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "about", name=op.f("pk_feedback_alarms")),
        comment="For what a campaign was paused, so that one that is resumed is not paused by the very next report.",
    )
    op.create_table(
        "feedback_nonces",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False, comment="SHA-256 of provider and token."),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_feedback_nonces")),
        comment="Tokens of webhooks that came: each counts once.",
    )
    op.create_index(op.f("ix_feedback_nonces_expires_at"), "feedback_nonces", ["expires_at"])
