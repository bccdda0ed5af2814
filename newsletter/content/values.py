"""Issue, Article, Author and Image: content as plain values, free of disk, database and HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from newsletter.content.conditions import Condition

LAYOUTS = ("lead", "card", "digest", "full")
"""Ways a mail shows an article: a large opening, a picture beside the excerpt, a line in a list, every word."""

WORDS_PER_MINUTE = 220
"""How fast people read."""


@dataclass(frozen=True)
class Image:
    """A picture that was found, opened and measured (width and height in pixels)."""

    path: Path
    width: int
    height: int
    media_type: str
    """`image/jpeg`, `image/png`, `image/gif` or `image/webp`."""
    digest: str
    """SHA-256 of the file's bytes, hex; the picture is served as `/media/<digest>.<suffix>`."""
    suffix: str
    """File suffix without the dot that fits `media_type`: `jpg`, `png`, `gif`, `webp`."""

    @property
    def media_name(self) -> str:
        """The name under `/media/`."""
        return f"{self.digest}.{self.suffix}"


@dataclass(frozen=True)
class Fitted(Image):
    """A picture as it is sent, made for its place; `path` still names the author's file, all else is about `data`."""

    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Author:
    """Somebody who writes; `key` is the table name in `authors.toml`."""

    key: str
    name: str
    credentials: tuple[str, ...] = ()
    role: str = ""
    bio: str = ""
    avatar: Image | None = None

    @property
    def byline(self) -> str:
        """The name followed by the credentials: `Nora Feld, PT, DPT`."""
        return ", ".join((self.name, *self.credentials))


@dataclass(frozen=True)
class Markdown:
    """Markdown source as written, with the place it came from for error messages."""

    source: str
    path: Path
    line: int
    """1-based line of the file on which `source` starts."""
    language: str = "en"
    """What it is written in, a BCP 47 tag."""
    typography: bool = False
    """Whether quotation marks, dashes and ellipses from a typewriter become those of print."""

    @property
    def minutes(self) -> int:
        """How long reading it takes, one at least."""
        return max(1, round(len(self.source.split()) / WORDS_PER_MINUTE))


@dataclass(frozen=True)
class Article:
    """One article of an issue."""

    path: Path
    key: str
    """File name without number and suffix (`02-posture.md` → `posture`); the anchor on the web page."""
    title: str
    author: Author
    category: str
    written_at: date
    updated_at: date | None
    image: Image | None
    image_alt: str
    excerpt: str
    """Shown in the mail instead of the body when not empty."""
    link: str
    """Absolute URL of the article elsewhere, or empty: then readers are sent to the archive page."""
    link_text: str
    body: Markdown
    images: dict[str, Image] = field(default_factory=dict)
    """Pictures named in the body, by the path as written there."""
    minutes: int = 1
    """Estimated reading time."""
    layout: str = ""
    """One of `LAYOUTS`; empty leaves it to the article's place in the issue."""
    condition: Condition | None = None
    """For whom it is; None is everybody. `content.variants` chooses, and leaves none."""


@dataclass(frozen=True)
class Issue:
    """An editor's letter and articles in reading order."""

    slug: str
    path: Path
    """The folder."""
    subject: str
    preheader: str
    date: date
    number: int | None
    letter: Markdown
    sign_off: Author | None
    """Who signs the letter (`editor:` in the front matter)."""
    articles: tuple[Article, ...]
    images: dict[str, Image] = field(default_factory=dict)
    """Pictures named in the letter, by the path as written there."""
    ignore: Mapping[str, str] = field(default_factory=dict)
    """Ids of checks that are not to speak about this issue, with the reason."""

    def all_images(self) -> dict[str, Image]:
        """Every picture of the issue by its `media_name` (avatars included)."""
        found = dict(self.images)
        for article in self.articles:
            found.update(article.images)
            for key, image in (("lead", article.image), ("avatar", article.author.avatar)):
                if image is not None:
                    found[f"{article.key}/{key}"] = image
        if self.sign_off and self.sign_off.avatar:
            found["sign_off"] = self.sign_off.avatar
        return {image.media_name: image for image in found.values()}
