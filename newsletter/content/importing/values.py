"""What an import finds, before anything is written: plain values, the same from every kind of source."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import date
from typing import Any


@dataclass(frozen=True)
class Writer:
    """Who wrote it, as far as the source tells."""

    name: str = ""
    credentials: tuple[str, ...] = ()
    bio: str = ""
    role: str = ""

    @property
    def byline(self) -> str:
        """The name followed by the credentials."""
        return ", ".join((self.name, *self.credentials))


@dataclass(frozen=True)
class Found:
    """An article as it was found; texts are one line, empty when the source has none."""

    title: str = ""
    category: str = ""
    author: Writer = field(default_factory=Writer)
    written_at: date | None = None
    updated_at: date | None = None
    image: str = ""
    """Absolute URL of the lead picture, or its path as a saved page writes it."""
    image_alt: str = ""
    body: str = ""
    """Markdown; pictures stand in it with absolute URLs, or the paths of a saved page."""
    excerpt: str = ""
    link: str = ""
    """Absolute URL of the page, empty when it has none."""
    publisher: str = ""
    notes: tuple[str, ...] = ()
    """What the editor should look at, one sentence each."""

    def as_json(self) -> dict[str, Any]:
        """The document of `--dry-run --json`; absent texts and dates are null."""
        return {
            "title": self.title or None,
            "category": self.category or None,
            "author": {
                "name": self.author.name or None,
                "credentials": list(self.author.credentials),
                "bio": self.author.bio or None,
            },
            "written_at": self.written_at.isoformat() if self.written_at else None,
            "updated_at": self.updated_at.isoformat() if self.updated_at else None,
            "image": self.image or None,
            "body": self.body,
        }

    def but(self, **changes: Any) -> Found:
        """The same with some values changed."""
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True)
class Choice:
    """One of several articles that a feed or an export holds; `number` counts from 1."""

    number: int
    title: str
    author: str = ""
    written_at: date | None = None
