"""A small issue and a configuration, as values that tests change to taste."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from newsletter.config import Config
from newsletter.content.values import Article, Author, Image, Issue, Markdown

FOLDER = Path("issues/spring")


def image(name: str, width: int = 1200, height: int = 675) -> Image:
    return Image(FOLDER / name, width, height, "image/jpeg", name.encode().hex().ljust(64, "0"), "jpg")


def article(key: str, **changes: object) -> Article:
    values: dict[str, object] = {
        "path": FOLDER / f"{key}.md",
        "key": key,
        "title": f"All about {key}",
        "author": Author(
            "nora", "Nora Feld", ("PT", "DPT"), "Physiotherapist", "Nora walks to work.", image("nora", 400, 400)
        ),
        "category": "Posture",
        "written_at": date(2026, 9, 2),
        "updated_at": date(2026, 9, 10),
        "image": image(key),
        "image_alt": f"Somebody practising {key}",
        "excerpt": f"The short of {key}.",
        "link": "",
        "link_text": "",
        "body": Markdown(f"The *whole* of {key}.\n\n## Why\n\nBecause.\n", FOLDER / f"{key}.md", 12),
        "minutes": 4,
    }
    return Article(**{**values, **changes})  # type: ignore[arg-type]


def issue(*articles: Article, **changes: object) -> Issue:
    values: dict[str, object] = {
        "slug": "spring",
        "path": FOLDER,
        "subject": "Spring, {{ subscriber.first_name | default('friend') }}",
        "preheader": "What to do with a stiff neck.",
        "date": date(2026, 9, 12),
        "number": 42,
        "letter": Markdown('Dear {{ subscriber.first_name | default("friend") }},\n\nhello.\n', FOLDER / "issue.md", 9),
        "sign_off": Author("ed", "Ed Itor", (), "Editor"),
        "articles": articles or (article("sitting"), article("standing"), article("sleeping")),
    }
    return Issue(**{**values, **changes})  # type: ignore[arg-type]


def config(**changes: object) -> Config:
    values: dict[str, object] = {
        "name": "The Steady Spine",
        "base_url": "https://news.example.org",
        "sender": {"address": "hello@example.org", "postal_address": "1 Sample Street\n00000 Sampletown"},
        "lists": [{"slug": "weekly", "title": "The Steady Spine"}],
        "fields": [{"name": "city"}],
        "theme": {"tagline": "Backs & necks"},
    }
    return Config(**{**values, **changes})  # type: ignore[arg-type]


def media_url(picture: Image) -> str:
    return f"https://news.example.org/media/{picture.media_name}"
