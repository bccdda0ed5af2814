"""When the engine waits for company before it commits."""

from __future__ import annotations

import time

from newsletter.transport.base import Envelope, Outcome, Phase, Settled, Verdict
from newsletter.transport.conversation import Conversation
from newsletter.transport.patience import GATHER, Patience

LETTER = Envelope("us@example.org", "you@example.net", b"Hello\r\n", is_canonical=True)
ACCEPTED: Settled = (LETTER, Outcome(Verdict.ACCEPTED, Phase.DOT, 250))
DEFERRED: Settled = (LETTER, Outcome(Verdict.DEFERRED, Phase.DOT, 451))


def busy_lines(count: int) -> list[Conversation]:
    """Conversations whose commands are out and whose 354 has not come."""
    talks = [Conversation({"PIPELINING": ""}) for _ in range(count)]
    for talk in talks:
        talk.begin(LETTER)
    return talks


def test_a_single_line_never_waits_for_others() -> None:
    assert not Patience().is_worth_it([ACCEPTED], busy_lines(1), 1)


def test_the_first_of_ten_lines_waits_and_the_fourth_ends_the_waiting() -> None:
    patience, talks = Patience(), busy_lines(10)
    assert patience.is_worth_it([ACCEPTED], talks, 1)
    assert patience.seconds(1.0, [ACCEPTED]) == GATHER
    assert not patience.is_worth_it([ACCEPTED], talks, 4)


def test_nobody_waits_longer_than_a_moment() -> None:
    patience, talks = Patience(), busy_lines(10)
    assert patience.is_worth_it([], talks, 1)
    time.sleep(2 * GATHER)
    assert not patience.is_worth_it([], talks, 1)


def test_bad_news_is_told_at_once() -> None:
    assert not Patience().is_worth_it([ACCEPTED, DEFERRED], busy_lines(10), 1)


def test_a_verdict_waits_for_the_354_behind_it_once_the_ledger_was_told() -> None:
    patience = Patience()
    patience.told()
    assert patience.is_worth_it([ACCEPTED], busy_lines(1), 0)
    assert not patience.is_worth_it([ACCEPTED], [Conversation({})], 0)


def test_a_line_that_asked_and_is_gone_leaves_nobody_waiting() -> None:
    patience = Patience()
    assert patience.is_worth_it([], busy_lines(10), 1)
    assert not patience.is_worth_it([], busy_lines(9), 0)
    assert patience.seconds(1.0, []) == 1.0
