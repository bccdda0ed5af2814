"""Tags: short words by which readers are grouped, so that some passages can be written for some of them.

They are said by editors and compared letter by letter, so there is one spelling of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from newsletter.errors import NewsletterError

MOST = 50
"""Tags that one reader may have."""
SPELLING = "lower-case letters, digits and hyphens, at most 40 of them"

_TAG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class TagError(NewsletterError):
    """That is not a tag."""


def is_tag(text: str) -> bool:
    """Whether `text` is a tag exactly as it is kept."""
    return _TAG.fullmatch(text) is not None


def clean(text: str) -> str:
    """One tag as it is kept: `Long Term ` becomes `long-term`. Raises `TagError` when there is no such spelling."""
    tag = "-".join(text.lower().split())
    if not is_tag(tag):
        raise TagError(f"{text.strip()[:60]!r} is not a tag.", hint=f"Tags consist of {SPELLING}.")
    return tag


def split(text: str) -> tuple[str, ...]:
    """The tags of a cell, between commas or semicolons: sorted, each once. Raises `TagError`."""
    return together(clean(each) for each in re.split("[,;]", text) if each.strip())


def together(*groups: Iterable[str]) -> tuple[str, ...]:
    """All tags of some groups, sorted, each once. Raises `TagError` when there are more than `MOST`."""
    found = tuple(sorted({tag for group in groups for tag in group}))
    if len(found) > MOST:
        raise TagError(f"{len(found)} tags are more than one reader may have.", hint=f"Keep to {MOST}.")
    return found
