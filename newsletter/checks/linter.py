"""One call that runs every rule over an issue and leaves out what the Site or the editor chose not to hear.

Only warnings and remarks can be silenced: an error is something that would harm a reader or the sender.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from jinja2 import Environment

from newsletter import spelling
from newsletter.checks import registry
from newsletter.checks.extras import NOTHING_MORE, Extras
from newsletter.checks.findings import Finding, Severity, from_error, in_order
from newsletter.checks.sources import Place, front_matter_place, setting_place
from newsletter.checks.subject import Subject
from newsletter.checks.theme import NO_THEME, theme_of
from newsletter.config import Config
from newsletter.content.values import Issue
from newsletter.errors import ContentError, NewsletterError
from newsletter.rendering.slots import Rendered

_NO_REASON = 8
"""Fewer characters than this explain nothing."""


def check_issue(
    issue: Issue,
    rendered: Rendered,
    message: bytes,
    config: Config,
    *,
    env: Environment | None = None,
    extras: Extras = NOTHING_MORE,
) -> list[Finding]:
    """Everything the rules find, errors first; `message` is the final MIME of one sample copy.

    With `env`, the templates' own files are looked at as well, and faults of the theme get their place in them.
    """
    theme = NO_THEME if env is None else theme_of(env)
    found = list(registry.findings(Subject(issue, rendered, message, config, theme, extras)))
    silent = {*config.checks.ignore, *(rule for rule, reason in issue.ignore.items() if _explains(reason))}
    heard = [each for each in found if each.severity is Severity.ERROR or each.rule not in silent]
    return in_order([*heard, *_unknown(config, issue), *_unjustified(issue, found)])


def unrenderable(error: NewsletterError, env: Environment) -> list[Finding]:
    """What stopped rendering: the theme's own faults at their lines, and the error unless those explain it."""
    faults = [each for each in registry.theme_findings(theme_of(env)) if each.severity is Severity.ERROR]
    known = bool(faults) and not isinstance(error, ContentError)
    return in_order(faults if known else [*faults, from_error(error)])


def _unknown(config: Config, issue: Issue) -> Iterator[Finding]:
    place = setting_place(issue, "ignore")
    known = registry.catalogue()
    for word in config.checks.ignore:
        if word not in known:
            message = f"[checks] ignore names {word!r}, which is not a rule."
            yield Finding("config.ignore", Severity.WARNING, message, _meant(word, known), place.path, place.line)


def _unjustified(issue: Issue, found: Iterable[Finding]) -> Iterator[Finding]:
    """What is wrong with the issue's own `ignore:`."""
    known = registry.catalogue()
    wrong = {each.rule for each in found if each.severity is Severity.ERROR}
    for rule, reason in issue.ignore.items():
        place = front_matter_place(issue.letter, re.escape(rule))
        if rule not in known:
            yield _objection(f"This issue ignores {rule!r}, which is not a rule.", _meant(rule, known), place)
        elif rule in wrong:
            yield _objection(
                f"This issue ignores {rule}, which has found an error; errors cannot be ignored.",
                "Mend the error, then take the entry out.",
                place,
            )
        elif not _explains(reason):
            yield _objection(
                f"This issue ignores {rule} without a reason, so it is not ignored.",
                f'Say why, for whoever reads it next: "{rule}: …".',
                place,
            )


def _objection(message: str, remedy: str, place: Place) -> Finding:
    return Finding("issue.ignore", Severity.WARNING, message, remedy, place.path, place.line)


def _explains(reason: str) -> bool:
    return len(reason.strip()) >= _NO_REASON


def _meant(word: str, known: Iterable[str]) -> str:
    return f"Did you mean {spelling.nearest(word, known, cutoff=0.0)}?"
