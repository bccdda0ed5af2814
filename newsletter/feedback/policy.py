"""What follows from what came back, as data: who is suppressed, what is settled, when a campaign stops.

Pure. A dead address is not mailed again; trouble on their side has to last before it counts; what is about us says
nothing of the reader, whatever number it comes with; a complaint is for good. Numbers are those that mailbox
providers and the sending community ask for (M3AAWG Sender BCP, the senders' rules of Gmail and Yahoo).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from newsletter.deliveries.breakers import FIRST_COPIES, MOST_REFUSALS, MOST_UNKNOWN
from newsletter.feedback.verdict import Kind, Verdict
from newsletter.store.feedback_schema import FeedbackKind
from newsletter.store.schema import CampaignKind, DeliveryStatus, SuppressionReason


@dataclass(frozen=True)
class Rule:
    """What one kind of event does."""

    proves: DeliveryStatus
    """What a copy of which nobody could say becomes."""
    suppress: SuppressionReason | None = None
    unsubscribes: bool = False
    strikes: bool = False
    """Counts towards `unreachable`."""
    window: timedelta | None = None
    """How long after the mail it can come; None: whenever."""


BOUNCE_WINDOW = timedelta(days=60)
"""Servers give up after days; what claims to bounce after two months was made by somebody else."""

RULES: Mapping[FeedbackKind, Rule] = {
    FeedbackKind.HARD: Rule(DeliveryStatus.FAILED, suppress=SuppressionReason.HARD_BOUNCE, window=BOUNCE_WINDOW),
    FeedbackKind.SOFT: Rule(DeliveryStatus.FAILED, strikes=True, window=BOUNCE_WINDOW),
    FeedbackKind.BLOCK: Rule(DeliveryStatus.FAILED, window=BOUNCE_WINDOW),
    FeedbackKind.COMPLAINT: Rule(DeliveryStatus.SENT, suppress=SuppressionReason.COMPLAINT),
    FeedbackKind.UNSUBSCRIBED: Rule(DeliveryStatus.SENT, unsubscribes=True),
    FeedbackKind.AUTO_REPLY: Rule(DeliveryStatus.SENT, window=BOUNCE_WINDOW),
    FeedbackKind.DELIVERED: Rule(DeliveryStatus.SENT, window=BOUNCE_WINDOW),
}
"""`sent` stays `sent`: the next hop did accept it. The event stands beside it, and reports count both."""

FAILURES = frozenset({FeedbackKind.HARD, FeedbackKind.SOFT, FeedbackKind.BLOCK})

ELSEWHERE = frozenset({CampaignKind.ADDRESS, CampaignKind.MOVED})
"""Mails that go where the reader is not: what comes back says nothing of the address on file."""

STRIKES = 5
STRIKES_OVER = timedelta(days=15)


class Copy(NamedTuple):
    """One issue that went to a reader."""

    at: datetime
    failed: bool
    """It came back for trouble on their side."""


def kind_of(verdict: Verdict) -> FeedbackKind:
    """The kind of event that a verdict makes."""
    if verdict.kind is Kind.COMPLAINT and verdict.opt_out:
        return FeedbackKind.UNSUBSCRIBED
    return FeedbackKind(verdict.kind.value)


def is_unreachable(copies: Iterable[Copy]) -> bool:
    """Whether the last five issues at least (newest first) all came back, over fifteen days or more."""
    failed = []
    for copy in copies:
        if not copy.failed:
            break
        failed.append(copy.at)
    return len(failed) >= STRIKES and failed[0] - failed[-1] >= STRIKES_OVER


# -- when a campaign stops -------------------------------------------------------------------------

MOST_COMPLAINTS = 0.003
"""Of the copies sent; from there Gmail and Yahoo call it spam."""
FEWEST_COMPLAINTS = 3
"""One reader of a small list is no share of anything."""
MOST_DEAD = MOST_UNKNOWN / FIRST_COPIES


def worth_counting(kind: FeedbackKind, events: int) -> int:
    """How many sent copies would make so many events harmless; 0 when nobody need count them now.

    Counting a large campaign costs; after the first twenty events every twentieth looks.
    """
    if events > 20 and events % 20:
        return 0
    if kind is FeedbackKind.COMPLAINT and events >= FEWEST_COMPLAINTS:
        return int(events / MOST_COMPLAINTS)
    if kind is FeedbackKind.HARD and events > MOST_UNKNOWN:
        return int(events / MOST_DEAD)
    return 0


def reason_to_stop(kind: FeedbackKind, events: int, campaign_id: int) -> str:
    """What the operator is told."""
    resume = f"run `newsletter campaign resume {campaign_id}`"
    if kind is FeedbackKind.COMPLAINT:
        return (
            f"{events} readers called this issue spam, which is more than 0.3 % of the copies sent. "
            f"Providers block senders for less. Find out why, then {resume}."
        )
    return (
        f"{events} copies came back because the mailbox does not exist, which is more than 5 % of those sent. "
        f"Is the list old? Clean it, then {resume}."
    )


def refused_by(provider: str, last_words: str, campaign_id: int) -> str:
    """The same for a provider that sends everything back."""
    return (
        f"{provider} sent {MOST_REFUSALS} copies in a row back because of us, not of its readers. Its last words were: "
        f"{last_words or 'none'}. Settle that with {provider}, then run `newsletter campaign resume {campaign_id}`."
    )
