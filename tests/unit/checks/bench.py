"""A clean issue on the bench: rendered and composed as for real, with one thing spoiled at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from jinja2 import Environment

from newsletter.campaigns.compose import sample_copy
from newsletter.checks import Finding, check_issue
from newsletter.checks.extras import NOTHING_MORE, Extras
from newsletter.config import Config
from newsletter.content.values import Article, Author, Image, Issue, Markdown
from newsletter.rendering.environment import make_environment
from newsletter.rendering.issue import render_issue
from newsletter.rendering.slots import Rendered
from newsletter.subscribers.letterhead import Letterhead
from newsletter.tokens import KeyRing, SigningKey

HOME = "https://news.steadyspine.org"
FOLDER = Path("issues/spring")
NOW = datetime(2026, 9, 15, 9, 0, tzinfo=UTC)
READER = {"email": "reader@example.net", "name": "Ada Reader", "fields": {"city": "Oslo"}}

Spoil = Callable[[str], str]


def image(path: Path, media_type: str = "image/jpeg", width: int = 1200, height: int = 675) -> Image:
    return Image(path, width, height, media_type, path.name.encode().hex().ljust(64, "0"), media_type[6:])


def author(**changes: object) -> Author:
    values: dict[str, object] = {
        "key": "nora",
        "name": "Nora Feld",
        "credentials": ("PT", "DPT"),
        "role": "Physiotherapist",
        "bio": "Nora walks to work.",
        "avatar": image(FOLDER / "nora.jpg", width=400, height=400),
    }
    return Author(**{**values, **changes})  # type: ignore[arg-type]


def article(key: str = "sitting", **changes: object) -> Article:
    values: dict[str, object] = {
        "path": FOLDER / f"{key}.md",
        "key": key,
        "title": f"All about {key}",
        "author": author(),
        "category": "Posture",
        "written_at": date(2026, 9, 2),
        "updated_at": date(2026, 9, 10),
        "image": image(FOLDER / f"{key}.jpg"),
        "image_alt": f"Somebody practising {key}",
        "excerpt": f"The short of {key}.",
        "link": f"https://steadyspine.org/{key}",
        "link_text": "",
        "body": Markdown(f"The *whole* of {key}.\n", FOLDER / f"{key}.md", 12),
    }
    return Article(**{**values, **changes})  # type: ignore[arg-type]


def issue(*articles: Article, **changes: object) -> Issue:
    values: dict[str, object] = {
        "slug": "spring",
        "path": FOLDER,
        "subject": "Spring for stiff necks",
        "preheader": "Three small movements for people who sit a great deal.",
        "date": date(2026, 9, 15),
        "number": 42,
        "letter": Markdown('Dear {{ subscriber.first_name | default("friend") }},\n\nhello.\n', FOLDER / "issue.md", 9),
        "sign_off": author(),
        "articles": articles or (article(),),
    }
    return Issue(**{**values, **changes})  # type: ignore[arg-type]


def letter(source: str) -> Markdown:
    return Markdown(source, FOLDER / "issue.md", 9)


def config(**changes: object) -> Config:
    """A Site that sends to real readers through a relay elsewhere."""
    values: dict[str, object] = {
        "name": "The Steady Spine",
        "base_url": HOME,
        "sender": {"address": "hello@news.steadyspine.org", "postal_address": "3 Mill Lane\n1234 Larkfield"},
        "smtp": {"host": "smtp.steadyspine.org"},
        "lists": [{"slug": "weekly", "title": "The Steady Spine"}],
        "fields": [{"name": "city", "required": True}, {"name": "dog"}],
        # The sample issue is a few lines, so that tests can be read.
        "checks": {"ignore": ["content.words"]},
    }
    return Config(**{**values, **changes})


def local(**changes: object) -> Config:
    """The same Site before SMTP is configured."""
    return config(smtp=None, **changes)


ENVIRONMENT = make_environment(None)


def rendered(source: Issue, settings: Config, env: Environment = ENVIRONMENT) -> Rendered:
    return render_issue(
        env,
        source,
        settings,
        view_url=f"{settings.base_url}/archive/spring/",
        media_url=lambda picture: f"{settings.base_url}/media/{picture.media_name}",
    )


def compose(source: Issue, output: Rendered, settings: Config) -> bytes:
    keys = KeyRing([SigningKey(1, b"k" * 32, "2026-01-01")], b"s" * 32)
    return sample_copy(Letterhead(settings, keys), settings.default_list, source.slug, output, READER, NOW)


def check(
    source: Issue | None = None,
    settings: Config | None = None,
    *,
    html: Spoil = str,
    text: Spoil = str,
    message: Callable[[bytes], bytes] = bytes,
    extras: Extras = NOTHING_MORE,
    **fields: object,
) -> list[Finding]:
    """Findings after rendering, with HTML, text, other fields of the rendering, then the final bytes spoiled."""
    source, settings = source or issue(), settings or config()
    output = _rendered_once(source, settings)
    output = replace(output, html=html(output.html), text=text(output.text))
    output = replace(output, **fields)  # type: ignore[arg-type]
    return check_issue(
        source, output, message(compose(source, output, settings)), settings, env=ENVIRONMENT, extras=extras
    )


_made: dict[tuple[str, str], Rendered] = {}


def _rendered_once(source: Issue, settings: Config) -> Rendered:
    """Rendering is most of the time these tests take, and most of them spoil the same one."""
    key = (repr(source), repr(settings))
    if key not in _made:
        _made[key] = rendered(source, settings)
    return _made[key]


def said(findings: list[Finding]) -> list[str]:
    """`severity rule` of every finding, for comparing at a glance."""
    return [f"{finding.severity} {finding.rule}" for finding in findings]


def only(findings: list[Finding], rule: str) -> Finding:
    """The one finding there is, which must be of this rule."""
    assert [finding.rule for finding in findings] == [rule], findings
    return findings[0]


def within(html: str, fragment: str) -> str:
    """`html` with a fragment among the letter's words, where the theme's colours reach it."""
    assert "hello.</p>" in html
    return html.replace("hello.</p>", f"hello.</p>{fragment}", 1)
