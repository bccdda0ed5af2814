"""What a spam filter says, when somebody asked for it: SpamAssassin with its local rules."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.checks.registry import ERROR, WARNING, Fault, error, rule, warning
from newsletter.checks.subject import Subject

SPAM, NEAR_SPAM = 5.0, 3.0
_OF_A_COPY = frozenset({"NO_RELAYS", "NO_RECEIVED", "NO_HEADERS_MESSAGE", "ALL_TRUSTED", "MISSING_HEADERS"})
"""Rules about the way a mail came, which a copy that was never sent cannot pass."""


@rule("spam.score", ERROR, WARNING)
def score(subject: Subject) -> Iterator[Fault]:
    """With --spam: SpamAssassin gives less than 3 points; 5 are spam for most of its users."""
    if subject.extras.score is None:
        return
    hits = [each for each in subject.extras.score(subject.message) if each.name not in _OF_A_COPY]
    total = sum(each.points for each in hits)
    if total < NEAR_SPAM:
        return
    worst = sorted((each for each in hits if each.points > 0), key=lambda each: -each.points)[:4]
    reasons = "; ".join(f"{each.points:.1f} {each.name}: {each.description}" for each in worst)
    make = error if total >= SPAM else warning
    yield make(f"SpamAssassin gives {total:.1f} points ({reasons}).", "Mend the costliest first.", subject.sources.home)
