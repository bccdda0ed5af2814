"""The reply form as a value: which issue it stands under, what was typed into it, and what was wrong with that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from newsletter.subscribers.gate import HONEYPOT
from newsletter.subscribers.replies import MAX_WORDS
from newsletter.web.door import Door
from newsletter.web.signup_box import NOTHING


@dataclass(frozen=True)
class ReplyBox:
    """One form under the issue `slug`."""

    slug: str
    token: str
    values: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """What was typed before, by field name."""
    errors: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """A sentence by field name."""
    challenge: str = ""
    """Work that is asked for; empty for none."""
    pause: int = 0
    """Seconds that stand for the work."""

    @property
    def action(self) -> str:
        """Where it is posted to."""
        return f"/archive/{self.slug}/reply"

    @property
    def honeypot(self) -> str:
        """Name of the field that people leave empty."""
        return HONEYPOT

    @property
    def longest(self) -> int:
        """Characters that fit if each is one octet."""
        return MAX_WORDS


def reply_box(here: Door, slug: str) -> ReplyBox | None:
    """An empty form; None where readers are not asked to reply."""
    if not here.site.config.archive.replies:
        return None
    return ReplyBox(slug, here.forms.issue(form_name(slug), here.site.clock()))


def form_name(slug: str) -> str:
    """What the form token under that issue is signed for."""
    return f"reply {slug}"
