"""One call that runs every rule over an issue and leaves out what the Site chose not to hear.

Only warnings can be silenced: an error is something that would harm a reader or the sender.
"""

from __future__ import annotations

import difflib

from newsletter.checks import registry
from newsletter.checks.findings import Finding, Severity, in_order
from newsletter.checks.subject import Subject
from newsletter.config import Config
from newsletter.content.values import Issue
from newsletter.rendering.slots import Rendered


def check_issue(issue: Issue, rendered: Rendered, message: bytes, config: Config) -> list[Finding]:
    """Everything the rules find, errors first; `message` is the final MIME of one sample copy."""
    ignored = set(config.checks.ignore)
    found = registry.findings(Subject(issue, rendered, message, config))
    heard = [each for each in found if each.severity is Severity.ERROR or each.rule not in ignored]
    return in_order([*heard, *_unknown(config)])


def _unknown(config: Config) -> list[Finding]:
    known = list(registry.catalogue())
    return [
        Finding(
            "config.ignore",
            Severity.WARNING,
            f"[checks] ignore names {word!r}, which is not a rule.",
            f"Did you mean {difflib.get_close_matches(word, known, n=1, cutoff=0.0)[0]}?",
        )
        for word in config.checks.ignore
        if word not in known
    ]
