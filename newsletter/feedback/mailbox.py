"""A mailbox that is read: what waits in it, and where a message goes when it is done.

What is done lies in the folder `Handled` for some days or is deleted, what nobody could read in `Unparsed`. A mailbox
is named by an address: `imaps://user@host/INBOX`, or `maildir:path`.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from newsletter.errors import NewsletterError

HANDLED = "Handled"
UNPARSED = "Unparsed"
BATCH = 100
"""Messages looked at together."""


class MailboxError(NewsletterError):
    """The mailbox cannot be read right now."""


class Letter(NamedTuple):
    """One message in a mailbox."""

    place: str
    """What it is called there, for as long as it is there."""
    size: int
    """Octets."""


class Mailbox(Protocol):
    """Where mail comes in."""

    name: str
    """The same every time it is opened."""

    def waiting(self) -> Sequence[Letter]:
        """The first messages that wait, a hundred at the most. Raises `MailboxError`, as every method does."""
        ...

    def fetch(self, letter: Letter) -> bytes | None:
        """A message; None when it is gone."""
        ...

    def put_away(self, letter: Letter, folder: str | None) -> None:
        """Move it to a folder that is made if need be; None deletes it. One that is gone is no trouble."""
        ...

    def expire(self, folder: str, before: datetime) -> int:
        """Delete what came to a folder before a moment; returns how many."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


@dataclass(frozen=True)
class Place:
    """Where a mailbox is, taken apart from its address."""

    scheme: str
    host: str = ""
    port: int = 0
    user: str = ""
    folder: str = ""
    """The folder of an IMAP mailbox, or the path of a Maildir."""

    @classmethod
    def parse(cls, address: str) -> Place:
        """Take an address apart that the configuration has checked."""
        if address.startswith("maildir:"):
            return cls("maildir", folder=address.removeprefix("maildir:"))
        parts = urlsplit(address)
        return cls(
            parts.scheme,
            parts.hostname or "",
            parts.port or (993 if parts.scheme == "imaps" else 143),
            unquote(parts.username or ""),
            unquote(parts.path.lstrip("/")) or "INBOX",
        )


def open_mailbox(address: str, password: str, root: Path, ca_file: Path | None = None) -> Mailbox:
    """Open the mailbox at an address; paths are relative to `root`. Raises `MailboxError`."""
    place = Place.parse(address)
    if place.scheme == "maildir":
        from newsletter.feedback.maildir import Maildir

        return Maildir(root / os.path.expanduser(place.folder))
    from newsletter.feedback.imap import Imap

    tls = ssl.create_default_context(cafile=ca_file and str(root / ca_file)) if place.scheme == "imaps" else None
    return Imap(place, password, tls)
