"""Patience: when a commit should wait a moment, because another line is about to need one too.

A commit costs nearly the same for one message as for ten. With one line nobody waits; with several, the
receiver is busy with the others meanwhile. Bad news never waits: whoever paces must hear it at once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from newsletter.transport.base import Settled, Verdict
from newsletter.transport.conversation import Conversation

HOLD = 0.02
"""Seconds for which a verdict waits for the 354 behind it, so that both go into one commit."""
GATHER = 0.001
"""Seconds for which the first line that asks to be armed waits for others."""
ENOUGH = 1 / 3
"""Of the busy lines: when so many ask, nobody waits."""


class Patience:
    """How long the engine has waited."""

    def __init__(self) -> None:
        self._told_at = 0.0
        self._asked_at = 0.0
        """When the first line that still asks began to, or 0."""

    def told(self) -> None:
        """The ledger has just been told everything."""
        self._told_at = time.monotonic()
        self._asked_at = 0.0

    def is_worth_it(self, untold: Sequence[Settled], talks: Sequence[Conversation], asking: int) -> bool:
        """Whether to wait for others with `untold` verdicts and `asking` lines."""
        if any(outcome.verdict is not Verdict.ACCEPTED for _, outcome in untold):
            return False
        now = time.monotonic()
        if asking:
            self._asked_at = self._asked_at or now
            busy = sum(talk.ahead is not None or talk.past is not None for talk in talks)
            return asking < busy * ENOUGH and now - self._asked_at < GATHER
        self._asked_at = 0.0
        expects = any(talk.past is None and talk.ahead is not None for talk in talks)
        return bool(untold) and now - self._told_at < HOLD and expects

    def seconds(self, usual: float, untold: Sequence[Settled]) -> float:
        """How long the engine may sleep, `usual` when nobody waits."""
        return GATHER if self._asked_at else HOLD if untold else usual
