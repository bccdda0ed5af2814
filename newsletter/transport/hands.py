"""What the engine has in hand: envelopes that were taken and that no line has begun."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from newsletter.transport.base import Envelope, Take


class Hands:
    """Takes new envelopes, and keeps those that a line gave back, which go first."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._waiting: deque[Envelope] = deque()
        self.is_exhausted = False
        """The giver has said that there is nothing more."""
        self.taken = 0

    @property
    def has_more(self) -> bool:
        """Whether there may be another one."""
        return bool(self._waiting) or not self.is_exhausted

    def next(self) -> Envelope | None:
        """The next envelope, or None when there is none now."""
        if self._waiting:
            return self._waiting.popleft()
        envelope = None if self.is_exhausted else self._take()
        self.is_exhausted = envelope is None
        self.taken += envelope is not None
        return envelope

    def put_back(self, envelopes: Iterable[Envelope]) -> None:
        """Take back what was not touched."""
        self._waiting.extend(envelopes)

    def empty(self) -> list[Envelope]:
        """Everything that is left."""
        left, self._waiting = list(self._waiting), deque()
        return left
