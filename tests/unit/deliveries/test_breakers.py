"""When a campaign should stop by itself, and the words that say why."""

from __future__ import annotations

import pytest
from factories import ACCEPTED, GREYLISTED, REFUSED

from newsletter.deliveries.breakers import Breakers, is_unknown_mailbox
from newsletter.deliveries.claims import Delivery
from newsletter.store.schema import CampaignKind
from newsletter.transport.base import Outcome, Phase, Verdict

BLOCKED = Outcome(Verdict.REJECTED, Phase.DOT, 550, "5.7.26", "550 5.7.26 This mail is unauthenticated.")


def copy(email: str = "r@example.net", *, campaign: int = 7, kind: CampaignKind = CampaignKind.ISSUE) -> Delivery:
    return Delivery(campaign, 1, 0, kind, 1, 0, 1, email, "", {}, "en", None, None)


def feed(breakers: Breakers, outcome: Outcome, times: int = 1, **what: object) -> list[str]:
    """The reasons given, without the empty ones."""
    given = [breakers.feed(copy(**what), outcome) for _ in range(times)]  # type: ignore[arg-type]
    return [reason for reason in given if reason]


def test_five_percent_of_the_first_200_are_borne_and_one_more_is_not() -> None:
    breakers = Breakers()
    assert not feed(breakers, ACCEPTED, 150)
    assert not feed(breakers, REFUSED, 10)
    assert feed(breakers, REFUSED) == [
        "11 of the first 161 copies were refused because the mailbox does not exist, which is more than 5 % of 200. "
        "The last answer was: 550 5.1.1 No such user. Is the list old? Clean it, then run "
        "`newsletter campaign resume 7`."
    ]


def test_unknown_mailboxes_after_the_first_200_stop_nothing() -> None:
    breakers = Breakers()
    feed(breakers, ACCEPTED, 200)
    assert not feed(breakers, REFUSED, 100)


def test_deferred_copies_do_not_count() -> None:
    breakers = Breakers()
    feed(breakers, GREYLISTED, 300)
    assert feed(breakers, REFUSED, 11)


def test_twenty_refusals_in_a_row_for_policy_name_the_provider() -> None:
    breakers = Breakers()
    assert not feed(breakers, BLOCKED, 19, email="r@googlemail.com")
    assert feed(breakers, BLOCKED, email="r@gmail.com") == [
        "gmail.com refused 20 copies in a row for policy (5.7.x), so it may be blocking us. The last answer was: "
        "550 5.7.26 This mail is unauthenticated. Settle that with gmail.com, then run `newsletter campaign resume 7`."
    ]


@pytest.mark.parametrize("between", [ACCEPTED, REFUSED])
def test_any_other_verdict_of_that_provider_breaks_the_row(between: Outcome) -> None:
    breakers = Breakers()
    feed(breakers, BLOCKED, 19)
    feed(breakers, between)
    assert not feed(breakers, BLOCKED, 19)
    feed(breakers, ACCEPTED, email="r@example.org")
    assert feed(breakers, BLOCKED)


def test_campaigns_are_counted_apart_and_standing_ones_not_at_all() -> None:
    breakers = Breakers()
    assert not feed(breakers, REFUSED, 10)
    assert not feed(breakers, REFUSED, 10, campaign=8)
    assert not feed(breakers, REFUSED, 50, campaign=9, kind=CampaignKind.CONFIRM)


def test_paused_campaign_is_told_once_and_counts_afresh_when_it_is_claimed_again() -> None:
    breakers = Breakers()
    assert len(feed(breakers, REFUSED, 40)) == 1
    assert breakers.has_tripped
    breakers.claimed({7})
    assert not feed(breakers, REFUSED, 10)
    assert feed(breakers, REFUSED)


@pytest.mark.parametrize(
    ("phase", "code", "enhanced", "is_unknown"),
    [
        (Phase.RCPT, 550, "5.1.1", True),
        (Phase.RCPT, 556, "5.1.10", True),
        (Phase.RCPT, 550, "", True),
        (Phase.RCPT, 552, "", False),
        (Phase.RCPT, 550, "5.7.1", False),
        (Phase.RCPT, 553, "5.1.8", False),
        (Phase.DOT, 550, "5.1.1", False),
    ],
)
def test_what_counts_as_an_unknown_mailbox(phase: Phase, code: int, enhanced: str, is_unknown: bool) -> None:
    assert is_unknown_mailbox(Outcome(Verdict.REJECTED, phase, code, enhanced)) == is_unknown
