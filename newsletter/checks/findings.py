"""Findings: what a rule says about an issue, as plain values that sort themselves.

Whoever reads them (a terminal, a build server, `launch`) needs the same five things: which rule, how bad,
where, one sentence, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from newsletter.errors import ContentError, NewsletterError


class Severity(StrEnum):
    """How bad it is: an error forbids sending, a warning does not, an info only tells."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


_RANK = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True)
class Finding:
    """One fault of one issue."""

    rule: str
    """Stable id, `family.name`; `content` and `render` are errors that came before any rule could look."""
    severity: Severity
    message: str
    """One sentence that says what is wrong."""
    remedy: str
    """What to do about it; may be empty."""
    path: Path | None = None
    """The file it comes from, None when it is not the fault of one file."""
    line: int = 0
    """1-based line of `path`; 0 means the whole file."""


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once: errors first, then by file, line, rule and words."""
    return sorted(set(findings), key=_key)


def errors(findings: Iterable[Finding]) -> list[str]:
    """What forbids sending: place, sentence and remedy of each error, on one line."""
    return [_sentence(finding) for finding in findings if finding.severity is Severity.ERROR]


def from_error(error: NewsletterError) -> Finding:
    """What stopped loading or rendering, as a finding: rule `content` with its file and line, else `render`."""
    if isinstance(error, ContentError):
        return Finding("content", Severity.ERROR, error.message, error.hint, error.path, error.line)
    return Finding("render", Severity.ERROR, error.message, error.hint)


def _sentence(finding: Finding) -> str:
    place = "" if finding.path is None else f"{finding.path}:{finding.line}: " if finding.line else f"{finding.path}: "
    return f"{place}{finding.message} {finding.remedy}".strip()


def _key(finding: Finding) -> tuple[int, str, int, str, str]:
    path = "" if finding.path is None else str(finding.path)
    return _RANK[finding.severity], path, finding.line, finding.rule, finding.message
