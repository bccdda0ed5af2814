"""Breakers: when a campaign should stop by itself, because going on would cost the sender's good name.

Many unknown mailboxes among the first copies say that the list is old or was bought; a provider that
refuses one copy after another for policy has made up its mind about us. Both are for a person to look at.
Pure: fed with outcomes, answers with a reason; who pauses the campaign is no business of this module.
"""

from __future__ import annotations

from collections import defaultdict

from newsletter.deliveries.claims import Delivery
from newsletter.deliveries.providers import provider_of
from newsletter.store.schema import CampaignKind
from newsletter.transport.base import Outcome, Phase, Verdict

FIRST_COPIES = 200
MOST_UNKNOWN = FIRST_COPIES * 5 // 100
"""More unknown mailboxes than this among the first copies are too many."""

MOST_REFUSALS = 20
"""So many refusals for policy in a row, of one provider, are one refusal of everything."""

ABOUT_SENDER = frozenset({"5.1.7", "5.1.8"})
"""Of the 5.1.x codes these are about the sender's address (RFC 3463 §3.2)."""


def is_unknown_mailbox(outcome: Outcome) -> bool:
    """Whether the address is bad for good: 5.1.x about the recipient, or a bare 550, 551 or 553 at RCPT."""
    if outcome.verdict is not Verdict.REJECTED or outcome.phase is not Phase.RCPT:
        return False
    if outcome.enhanced:
        return outcome.enhanced.startswith("5.1.") and outcome.enhanced not in ABOUT_SENDER
    return outcome.code in {550, 551, 553}


class Breakers:
    """Counts of one run of a sender, for every issue it sends; begins afresh when a campaign is resumed."""

    def __init__(self) -> None:
        self._copies: dict[int, int] = defaultdict(int)
        self._unknown: dict[int, int] = defaultdict(int)
        self._refusals: dict[tuple[int, str], int] = defaultdict(int)
        self._tripped: set[int] = set()

    def feed(self, delivery: Delivery, outcome: Outcome) -> str:
        """Why the campaign should pause after this outcome; empty when it may go on, or was told already."""
        if outcome.verdict is Verdict.ACCEPTED:
            if self._copies[delivery.campaign_id] < FIRST_COPIES:
                self._copies[delivery.campaign_id] += 1
            if self._refusals:
                self._refusals.pop((delivery.campaign_id, provider_of(delivery.email)), None)
            return ""
        if (
            outcome.verdict is not Verdict.REJECTED
            or delivery.kind is not CampaignKind.ISSUE
            or delivery.campaign_id in self._tripped
        ):
            return ""
        reason = self._unknown_mailboxes(delivery, outcome) or self._refused_by_provider(delivery, outcome)
        if reason:
            self._forget(delivery.campaign_id)
            self._tripped.add(delivery.campaign_id)
        return reason

    def claimed(self, campaign_ids: set[int]) -> None:
        """Rows of these campaigns may be claimed (again): a paused one among them was resumed."""
        self._tripped -= campaign_ids

    @property
    def has_tripped(self) -> bool:
        """Whether `claimed` has anything to do."""
        return bool(self._tripped)

    def _unknown_mailboxes(self, delivery: Delivery, outcome: Outcome) -> str:
        copies = self._copies[delivery.campaign_id]
        if copies >= FIRST_COPIES:
            return ""
        self._copies[delivery.campaign_id] = copies + 1
        if not is_unknown_mailbox(outcome):
            return ""
        self._unknown[delivery.campaign_id] += 1
        count = self._unknown[delivery.campaign_id]
        if count <= MOST_UNKNOWN:
            return ""
        return (
            f"{count} of the first {copies + 1} copies were refused because the mailbox does not exist, which is more "
            f"than 5 % of {FIRST_COPIES}. The last answer was: {_answer(outcome)}. Is the list old? Clean it, then "
            f"run `newsletter campaign resume {delivery.campaign_id}`."
        )

    def _refused_by_provider(self, delivery: Delivery, outcome: Outcome) -> str:
        provider = provider_of(delivery.email)
        place = delivery.campaign_id, provider
        if not outcome.enhanced.startswith("5.7."):
            self._refusals.pop(place, None)
            return ""
        self._refusals[place] += 1
        if self._refusals[place] < MOST_REFUSALS:
            return ""
        return (
            f"{provider} refused {MOST_REFUSALS} copies in a row for policy (5.7.x), so it may be blocking us. "
            f"The last answer was: {_answer(outcome)}. Settle that with {provider}, then run "
            f"`newsletter campaign resume {delivery.campaign_id}`."
        )

    def _forget(self, campaign_id: int) -> None:
        self._copies.pop(campaign_id, None)
        self._unknown.pop(campaign_id, None)
        for place in [place for place in self._refusals if place[0] == campaign_id]:
            del self._refusals[place]


def _answer(outcome: Outcome) -> str:
    words = outcome.text.removeprefix(f"{outcome.code} ").removeprefix(f"{outcome.enhanced} ").strip().rstrip(".")
    return " ".join(part for part in (str(outcome.code or ""), outcome.enhanced, words[:200]) if part)
