"""The tables of what comes back: events, the reports they were read from, and what was read already.

Events are facts and are only ever added; what follows from them (a Suppression, a settled Delivery) stands where it
belongs. No address is in an event: reasons are kept without those they quote. Reports are mail, addresses and all, so
they go after some days. They are apart from `schema` because the ledger can be read without them.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, SmallInteger, String, Table, Text

from newsletter.store.schema import BigId, metadata
from newsletter.store.types import UTCDateTime


class FeedbackKind(StrEnum):
    """What came back."""

    HARD = "hard"
    """The address is dead."""
    SOFT = "soft"
    """Trouble on their side that may pass: a full mailbox, a server that did not answer for days."""
    BLOCK = "block"
    """About us: policy, reputation, authentication or content. Says nothing about the address."""
    COMPLAINT = "complaint"
    """The reader called it spam."""
    UNSUBSCRIBED = "unsubscribed"
    """The reader left through their provider or by a mail to us."""
    AUTO_REPLY = "auto_reply"
    """A vacation notice or the like: somebody is there."""
    DELIVERED = "delivered"
    """A receiver says that it has the mail."""


class FeedbackState(StrEnum):
    """Life of one message of a mailbox."""

    BEGUN = "begun"
    """Being read, or whoever read it died."""
    HANDLED = "handled"
    """Whatever it meant is done."""
    UNPARSED = "unparsed"
    """Too big, or nobody could read it; put aside."""


feedback_events = Table(
    "feedback_events",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("origin", String(160), nullable=False, unique=True, comment="Where it was said: each counts once."),
    Column("at", UTCDateTime, nullable=False, comment="When we learned it."),
    Column("kind", String(12), nullable=False),
    Column("source", String(16), nullable=False, comment="smtp, mail, operator, or the provider of a webhook."),
    Column("matched", String(12), nullable=False, comment="By what it was found to be about this delivery."),
    Column("campaign_id", Integer, comment="NULL when it is about a person and no one mail."),
    Column("subscriber_id", BigId, nullable=False, comment="No foreign key: the fact outlives the person."),
    Column("seq", SmallInteger),
    Column("provider", String(255), nullable=False, server_default="", comment="Who receives for the address."),
    Column("code", SmallInteger),
    Column("enhanced", String(16), nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default="", comment="Their words, addresses taken out."),
    Column("report_hash", LargeBinary(32), comment="The report it was read from, while that is kept."),
    Index("ix_feedback_events_subscriber_id_id", "subscriber_id", "id"),
    Index("ix_feedback_events_campaign_id_kind", "campaign_id", "kind"),
    comment="Append-only.",
)

feedback_reports = Table(
    "feedback_reports",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True, comment="SHA-256 of the whole report."),
    Column("received_at", UTCDateTime, nullable=False, index=True),
    Column("source", String(16), nullable=False),
    Column("raw", LargeBinary, nullable=False, comment="As it came, cut when it is long."),
    comment="Reports about mail of ours, for [feedback] retention days.",
)

feedback_letters = Table(
    "feedback_letters",
    metadata,
    Column("mailbox", String(255), nullable=False),
    Column("place", String(255), nullable=False, comment="UIDVALIDITY.UID, or the name of the file in a Maildir."),
    Column("hash", LargeBinary(32), comment="SHA-256 of the message, once it was read."),
    Column("state", String(10), nullable=False),
    Column("tries", SmallInteger, nullable=False, comment="How often reading began."),
    Column("at", UTCDateTime, nullable=False, index=True),
    PrimaryKeyConstraint("mailbox", "place"),
    comment="What of a mailbox was read, so that nothing is read twice and nothing kills the reader twice.",
)

feedback_alarms = Table(
    "feedback_alarms",
    metadata,
    Column("campaign_id", Integer, nullable=False),
    Column("about", String(300), nullable=False, comment="hard, complaint, or block and the provider."),
    Column("events", Integer, nullable=False, comment="How many there were; the next alarm takes twice as many."),
    Column("at", UTCDateTime, nullable=False),
    PrimaryKeyConstraint("campaign_id", "about"),
    comment="For what a campaign was paused, so that one that is resumed is not paused by the very next report.",
)

feedback_nonces = Table(
    "feedback_nonces",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True, comment="SHA-256 of provider and token."),
    Column("expires_at", UTCDateTime, nullable=False, index=True),
    comment="Tokens of webhooks that came: each counts once.",
)
