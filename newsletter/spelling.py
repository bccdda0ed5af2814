"""What somebody may have meant: the known word nearest to one that is not known."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """The word among `known` most like `word`, or nothing when none is as like as `cutoff` (0 to 1)."""
    from difflib import get_close_matches  # only needed by who has made a mistake

    return next(iter(get_close_matches(word, sorted(known), n=1, cutoff=cutoff)), "")


def hint(word: str, known: Iterable[str]) -> str:
    """The remedy for a word that is not known: the nearest one, or all of them."""
    choices = sorted(known)
    near = nearest(word, choices)
    return f"Did you mean {near}?" if near else f"Known: {', '.join(choices)}."
