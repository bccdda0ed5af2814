"""What an outcome means for the ledger: sent, failed, in doubt, or again later. Pure.

Waiting times follow RFC 5321 §4.5.4.1 in spirit (at least 15 minutes, so that greylisting passes;
growing; given up after about two days), shortened because a newsletter is stale after that. A fault
of the connection says nothing about the recipient, so its first two retries come soon.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from newsletter.store.schema import CampaignKind, DeliveryStatus
from newsletter.transport.base import Outcome, Verdict

DELAYS = tuple(timedelta(minutes=minutes) for minutes in (15, 30, 60, 120, 240, 480, 960, 960))
"""After try 1, 2, 3 …; together 47 hours and 45 minutes, then the message has failed."""

SESSION_DELAYS = (timedelta(seconds=5), timedelta(seconds=30))
"""The same when the connection was at fault (421, a drop before the final dot)."""


@dataclass(frozen=True)
class Decision:
    """Where the row goes and, when it goes back to `pending`, when it is due."""

    status: DeliveryStatus
    due_at: datetime | None = None


def decide(outcome: Outcome, *, kind: CampaignKind, tries: int, now: datetime) -> Decision:
    """The decision after try number `tries` (1-based) had this outcome.

    Silence after the final dot never leads to a second try of an issue; standing campaigns
    (confirmations and the like) are at-least-once within their budgets, a lost one strands a reader.
    """
    match outcome.verdict:
        case Verdict.ACCEPTED:
            return Decision(DeliveryStatus.SENT)
        case Verdict.REJECTED:
            return Decision(DeliveryStatus.FAILED)
        case Verdict.UNKNOWN if kind is CampaignKind.ISSUE:
            return Decision(DeliveryStatus.AMBIGUOUS)
    soon = outcome.session and tries <= len(SESSION_DELAYS)
    if not soon and tries > len(DELAYS):
        return Decision(DeliveryStatus.FAILED)
    return Decision(DeliveryStatus.PENDING, now + (SESSION_DELAYS if soon else DELAYS)[tries - 1])
