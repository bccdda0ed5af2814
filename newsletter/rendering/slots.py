"""Slots: the places of a rendered message that differ from reader to reader.

Templates never see a subscriber. Merge tags in content (`{{ subscriber.first_name | default("friend") }}`)
and personal links in templates (`slot("unsubscribe_url")`) become alphanumeric tokens that Markdown,
Jinja and premailer carry unharmed; per recipient only the tokens are replaced, each escaped for the
context it stands in.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Slot:
    """One kind of personal content: `name` as in the merge tag, and what to say when it is empty."""

    token: str
    """`[A-Za-z0-9]+`, unique in its message, contains a nonce that the content does not."""
    name: str
    """`subscriber.first_name`, `subscriber.<field>`, `unsubscribe_url`, `confirm_url` …"""
    fallback: str | None
    """Text used when the value is missing or empty; None when the tag has no fallback."""


@dataclass(frozen=True)
class Rendered:
    """A message or issue rendered once for everybody, with slots. Serialised into a Snapshot."""

    subject: str
    preheader: str
    html: str
    text: str
    slots: tuple[Slot, ...]
    page: str = ""
    """The issue as a web page fragment (full articles), for the archive; empty for mails."""
