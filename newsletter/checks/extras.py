"""What a check may do besides looking at the issue; nothing of it happens unless somebody asked.

Asking the web and running another program take seconds and leave the machine, so they come in as
arguments, and rules stay judgements on what they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from newsletter.checks.clients import Fact


@dataclass(frozen=True)
class Answer:
    """What became of asking for one address."""

    status: int = 0
    """HTTP status after redirects; 0 when no server answered."""
    reason: str = ""
    """Why none answered."""
    ended_at: str = ""
    """Where redirects led; empty when there were none."""


@dataclass(frozen=True)
class Hit:
    """One rule of SpamAssassin that matched."""

    points: float
    name: str
    description: str


Ask = Callable[[Sequence[str]], Mapping[str, Answer]]
"""Asks each address once; an address without an answer was not asked."""
Score = Callable[[bytes], Sequence[Hit]]
"""What SpamAssassin says about a message."""


@dataclass(frozen=True)
class Extras:
    """Everything that is off unless it was asked for."""

    ask: Ask | None = None
    score: Score | None = None
    facts: Sequence[Fact] = ()
    """More facts about mail programs, beside our own."""


NOTHING_MORE = Extras()
