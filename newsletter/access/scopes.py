"""What a key may do: one word per right, named after the thing it is about."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from newsletter.errors import NewsletterError


class Scope(StrEnum):
    """One right; a key has some of them and nothing else."""

    SUBSCRIBERS_READ = "subscribers:read"
    """Look at people, their subscriptions and what was sent to them."""
    SUBSCRIBERS_WRITE = "subscribers:write"
    """Sign people up (they are asked to confirm), change what is on file, unsubscribe them."""
    SUBSCRIBERS_IMPORT = "subscribers:import"
    """Bring people in as confirmed, on a stated basis: no mail asks them."""
    SUBSCRIBERS_FORGET = "subscribers:forget"
    """Erase people for good."""
    LISTS_READ = "lists:read"
    """Look at the lists."""
    CAMPAIGNS_READ = "campaigns:read"
    """Look at campaigns and their totals, and at what a launch would do."""
    CAMPAIGNS_LAUNCH = "campaigns:launch"
    """Launch, pause and resume."""
    FEEDBACK_READ = "feedback:read"
    """Look at what came back: bounces, complaints and the like."""
    SUPPRESSIONS_READ = "suppressions:read"
    """Look at suppressions, by hash."""
    SUPPRESSIONS_WRITE = "suppressions:write"
    """Suppress addresses, and lift that."""


class ScopeError(NewsletterError):
    """That is not a scope."""


def clean(words: Iterable[str]) -> tuple[Scope, ...]:
    """Scopes as they are kept: sorted, each once. Raises `ScopeError` for anything else, and for none at all."""
    known = ", ".join(Scope)
    try:
        found = tuple(sorted({Scope(word.strip()) for word in words}))
    except ValueError as error:
        raise ScopeError(f"{error}".replace("Scope", "scope") + ".", hint=f"There are {known}.") from error
    if not found:
        raise ScopeError("A key without a scope may do nothing.", hint=f"Name what it is for: {known}.")
    return found
