"""The sign-up box as a value: what it shows, what was typed into it, and what was wrong with that.

Consent is only worth the words it was given to, so the wording that is recorded is made here, from the
very strings the templates print.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from newsletter.config import Config, ListConfig
from newsletter.subscribers.consent import Wording
from newsletter.subscribers.gate import HONEYPOT

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class SignupBox:
    """One form for one list, on the page at `path`."""

    wanted: ListConfig
    path: str
    token: str
    values: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """What was typed before, by field name."""
    errors: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """A sentence by field name."""
    others: Sequence[ListConfig] = ()
    """Further lists that can be asked for by the same form."""
    chosen: frozenset[str] = frozenset()
    """Slugs of those that were ticked."""
    labels: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """What declared fields are called, by name."""
    language: str = ""
    """What the form is in; empty where nothing else is offered."""
    new_window: bool = False
    """Whether the answer opens beside the page; for forms that stand in a frame of another site."""

    @property
    def honeypot(self) -> str:
        """Name of the field that people leave empty."""
        return HONEYPOT


def wording(config: Config, lists: Sequence[ListConfig], language: str) -> Wording:
    """Exactly the strings a person saw who asked for these lists by the form of the first."""
    first, *others = lists
    shown = [config.name, first.title, first.headline, first.pitch, first.promise]
    for each in others:
        shown += [each.title, about(each)]
    text = "\n".join(line for line in (*shown, first.button) if line)
    return Wording(config.consent.version, language, text)


def about(wanted: ListConfig) -> str:
    """What stands beside a list that can be ticked on the form of another."""
    return wanted.description or wanted.pitch
