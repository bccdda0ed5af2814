"""Approval: what somebody looked at and said yes to, and whether it is still what would be sent.

Three parts make an issue what it is: its content, the templates, and some of the configuration. An approval
holds a hash of everything in them and of the rendering that came out, so that a send can be refused when
anything has drifted, and the refusal can name the file or the setting. It also holds the approved words, so
that the difference can be shown wherever the approval travels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment

from newsletter import __version__
from newsletter.campaigns import snapshot
from newsletter.campaigns.difference import changed_keys, short_diff, words_of
from newsletter.config import Config
from newsletter.content.authors import FILE_NAME as AUTHORS_FILE
from newsletter.content.values import Author, Image, Issue
from newsletter.errors import RefusedError, RenderError
from newsletter.rendering.themes import ABOUT
from newsletter.rendering.variants import Edition
from newsletter.tokens import sha256_hex

PARTS = ("content", "templates", "configuration")
NAMES = ("approved", "now")
"""Of the two sides of a difference."""

SETTINGS = frozenset({"name", "base_url", "language", "sender", "archive", "images", "theme", "typography"})
"""Sections of the configuration that show in an issue, besides the names of lists and fields; no secret is in them."""

OTHER_PAGES = ("web/", "mail/", "themes/")
"""Templates that no issue is made of; files of the theme in use stand under the names they stand in for."""

PACKAGED = "starter/"
"""Names the packaged file even where the Site has one of its own."""


@dataclass(frozen=True)
class Fingerprint:
    """What an issue is made of, and what it makes."""

    content: dict[str, str]
    """Name of each file or author → SHA-256, hex."""
    templates: dict[str, str]
    """Name of each template → SHA-256 of the text in force, hex."""
    configuration: dict[str, str]
    """Dotted key → value."""
    renderings: dict[str, str]
    """Slug of each list → what the content hash of the Snapshot is for it."""
    words: dict[str, str]
    """Content hash → subject, preview and plain text of every variant, with merge tags."""
    program: str = __version__

    def part(self, name: str) -> dict[str, str]:
        """One of `PARTS`, `renderings` or `words`."""
        found: dict[str, str] = getattr(self, name)
        return found

    def digest(self, name: str) -> str:
        """One hash for all of a part."""
        return sha256_hex(json.dumps(self.part(name), sort_keys=True).encode("utf-8"))


@dataclass(frozen=True)
class Approval:
    """Somebody's yes."""

    issue: str
    by: str
    at: datetime
    seen: Fingerprint
    commit: str = ""
    """Empty when the Site was under no version control."""
    is_clean: bool = False
    """Whether the Site was as committed."""


@dataclass(frozen=True)
class Change:
    """One thing that is not as it was approved."""

    part: str
    """One of `PARTS`, or `program`."""
    name: str
    what: str
    """The rest of the sentence: `has changed`, `is new` …"""


@dataclass(frozen=True)
class Drift:
    """How an issue differs from what was approved."""

    approval: Approval
    changes: tuple[Change, ...]
    diff: tuple[str, ...]
    """A short unified diff of subject, preview and plain text; empty when those are the same."""

    @property
    def parts(self) -> list[str]:
        """Which parts have drifted."""
        return list(dict.fromkeys(change.part for change in self.changes))


class UnapprovedError(RefusedError):
    """The issue is not approved as it is; `drift` tells how it differs, when there is an approval."""

    def __init__(self, message: str, *, hint: str, drift: Drift | None = None) -> None:
        super().__init__(message, hint=hint)
        self.drift = drift


def fingerprint(
    issue: Issue, editions: Mapping[str, Edition], config: Config, env: Environment, issues_dir: Path
) -> Fingerprint:
    """What `issue` is made of at this moment, the same wherever its folder lies; `editions` are by slug of the list."""
    renderings = {slug: snapshot.content_hash(edition) for slug, edition in editions.items()}
    return Fingerprint(
        content=dict(_content(issue, issues_dir)),
        templates=dict(_templates(env)),
        configuration=dict(_settings(config)),
        renderings=renderings,
        words={renderings[slug]: words_of(edition) for slug, edition in editions.items()},
    )


def drift(approval: Approval, now: Fingerprint) -> Drift | None:
    """How `now` differs from what was approved, for the lists it is about; None when it does not.

    Another version of the program is no drift as long as it makes the same of it.
    """
    before = approval.seen
    drifted = [slug for slug, rendering in now.renderings.items() if before.renderings.get(slug) != rendering]
    changes = [change for part in PARTS for change in _changes(part, before.part(part), now.part(part))]
    if not changes and drifted:
        same = before.program == now.program
        what = "renders it differently" if same else f"{now.program} renders it differently from {before.program}"
        changes = [Change("program", "newsletter", what)]
    if not changes:
        return None
    diffs = (
        short_diff(before.words.get(before.renderings.get(slug, ""), ""), now.words[now.renderings[slug]], NAMES)
        for slug in drifted
    )
    return Drift(approval, tuple(changes), next(filter(None, diffs), ()))


def require(slug: str, approval: Approval | None, now: Fingerprint) -> Approval:
    """The approval that covers `now`, or `UnapprovedError` with the drift."""
    if approval is None:
        raise UnapprovedError(
            f"Issue {slug} is not approved.",
            hint=f"Look at it, then run `newsletter approve {slug}`.",
        )
    found = drift(approval, now)
    if found is None:
        return approval
    raise UnapprovedError(
        f"Issue {slug} is not what {approval.by} approved: {_listed(found.parts)} changed.",
        hint=f"Undo the change, or look at the issue again and run `newsletter approve {slug}`.",
        drift=found,
    )


def _content(issue: Issue, issues_dir: Path) -> Iterator[tuple[str, str]]:
    for path in (issue.letter.path, *(article.path for article in issue.articles)):
        # Line ends are a matter of the checkout, not of the content.
        yield _name(path, issues_dir), sha256_hex(path.read_bytes().replace(b"\r\n", b"\n"))
    for image in issue.all_images().values():
        yield _name(image.path, issues_dir), image.digest
    writers = [article.author for article in issue.articles] + ([issue.sign_off] if issue.sign_off else [])
    for author in writers:
        yield f"{AUTHORS_FILE} [{author.key}]", _author_hash(author)


def _author_hash(author: Author) -> str:
    known: dict[str, Any] = {
        key: value.digest if isinstance(value, Image) else value for key, value in vars(author).items()
    }
    return sha256_hex(json.dumps(known, sort_keys=True, default=str).encode("utf-8"))


def _name(path: Path, issues_dir: Path) -> str:
    return path.relative_to(issues_dir).as_posix() if path.is_relative_to(issues_dir) else path.name


def _templates(env: Environment) -> Iterator[tuple[str, str]]:
    """Every template an issue may be made of, as it is in force; the packaged one too where the Site has its own."""
    found = {name: _source(env, name) for name in env.list_templates(filter_func=_makes_issues)}
    for name, source in found.items():
        if not name.startswith(PACKAGED) or found.get(name.removeprefix(PACKAGED)) != source:
            yield name, sha256_hex(source.encode("utf-8"))


def _makes_issues(name: str) -> bool:
    own = name.removeprefix(PACKAGED)
    return not own.startswith(OTHER_PAGES) and own != ABOUT and own.endswith((".html", ".txt", ".css"))


def _source(env: Environment, name: str) -> str:
    if env.loader is None:
        raise RenderError("There are no templates.")
    return env.loader.get_source(env, name)[0]


def _settings(config: Config) -> Iterator[tuple[str, str]]:
    yield from _flat("", config.model_dump(mode="json", include=set(SETTINGS)))
    for each in config.lists:
        yield f"lists.{each.slug}.title", each.title
    for field in config.fields:
        yield f"fields.{field.name}", "required" if field.required else "optional"


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)


def _changes(part: str, before: dict[str, str], after: dict[str, str]) -> Iterator[Change]:
    for name in changed_keys(before, after):
        if name not in after:
            yield Change(part, name, "is gone")
        elif name not in before:
            yield Change(part, name, "is new")
        elif part == "configuration":
            yield Change(part, name, f"was {before[name]!r} and is {after[name]!r}")
        else:
            yield Change(part, name, "has changed")


def _listed(parts: list[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last} have" if most else f"{last} {'have' if last == 'templates' else 'has'}"
