"""The reply form as a value: which issue it stands under, what was typed into it, and what was wrong with that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from newsletter.subscribers.gate import HONEYPOT
from newsletter.subscribers.replies import MAX_WORDS
from newsletter.web.door import Door
from newsletter.web.signup_box import NOTHING

AGAIN = "again"
"""Marks the token of a form that is shown once more, which asks for no minimum age."""


@dataclass(frozen=True)
class ReplyBox:
    """One form under the issue `slug`."""

    slug: str
    token: str
    values: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """What was typed before, by field name."""
    errors: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """A sentence by field name."""

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


def is_proven(here: Door, slug: str, token: str) -> bool:
    """Whether the form was served by us, long enough ago to have been filled in by a person and not too long."""
    names = (form_name(slug), f"{AGAIN} {form_name(slug)}")
    return any(here.forms.is_fresh(token, name, here.site.clock()) for name in names)


def token_once_more(here: Door, slug: str, age: timedelta) -> str:
    """The token of a form that was filled in already and works at once."""
    return here.forms.issue(f"{AGAIN} {form_name(slug)}", here.site.clock() - age)
