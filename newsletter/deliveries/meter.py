"""A meter: how many messages a second were accepted lately, by whom. In memory, for one process.

Whoever says "too much" is answered with half of what there was, so somebody must know how much there was.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable

WINDOW = 10.0
"""Seconds; a rate is that of the present window and the one before."""

SHORTEST = 0.05
"""Seconds; what was counted in less says little about a rate."""


class Meter:
    """Counts by key, in two windows that take turns."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: dict[str, int] = defaultdict(int)
        self._before: dict[str, int] = {}
        self._began = clock()
        self._before_began = self._began

    def counts(self) -> dict[str, int]:
        """The counters of the present window: add to them at once, do not keep them."""
        now = self._clock()
        if now - self._began >= WINDOW:
            is_next = now - self._began < 2 * WINDOW
            self._before = self._counts if is_next else {}
            self._before_began = self._began if is_next else now
            self._began = now
            self._counts = defaultdict(int)
        return self._counts

    def rate(self, key: str) -> float:
        """Messages a second."""
        count = self.counts().get(key, 0) + self._before.get(key, 0)
        return count / max(SHORTEST, self._clock() - self._before_began)
