"""Findings for people and for programs: a page of text, a JSON document, annotations on a build server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from newsletter.checks.findings import Finding, Severity

_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}
_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_WIDEST = max(map(len, Severity))


def as_text(findings: Sequence[Finding], *, root: Path, colour: bool) -> str:
    """One paragraph for each finding and a line that counts them; paths are shown relative to `root`.

    Ends without a line break. `colour` adds ANSI escapes.
    """
    if not findings:
        return _painted("Nothing to mend: every check is content with this issue.", "32", colour)
    paragraphs = [_paragraph(finding, root, colour) for finding in findings]
    return "\n\n".join([*paragraphs, _summary(findings, colour)])


def as_json(slug: str, findings: Sequence[Finding], *, root: Path | None = None) -> dict[str, Any]:
    """`{issue, errors, warnings, findings: [{rule, severity, message, remedy, file, line}]}`.

    `file` is relative to `root` where it lies below it, and null when no file is to blame; `line` is
    null when unknown.
    """
    counts = Counter(finding.severity for finding in findings)
    return {
        "issue": slug,
        "errors": counts[Severity.ERROR],
        "warnings": counts[Severity.WARNING],
        "findings": [
            {
                "rule": finding.rule,
                "severity": finding.severity.value,
                "message": finding.message,
                "remedy": finding.remedy,
                "file": _shown(finding.path, root) or None,
                "line": finding.line or None,
            }
            for finding in findings
        ],
    }


def as_github(findings: Sequence[Finding], *, root: Path) -> str:
    """One workflow command of GitHub Actions for each finding (`::error file=…,line=…,title=…::…`).

    Paths are relative to `root`, which should be the top of the checkout.
    """
    return "\n".join(_command(finding, root) for finding in findings)


def _command(finding: Finding, root: Path) -> str:
    place = _shown(finding.path, root)
    properties = {"file": place, "line": str(finding.line) if place and finding.line else "", "title": finding.rule}
    words = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in properties.items() if value)
    return f"::{_COMMANDS[finding.severity]} {words}::{_escaped(f'{finding.message} {finding.remedy}'.strip())}"


def _escaped(text: str, more: str = "") -> str:
    """Percent-encoded where a workflow command would end, and nowhere else."""
    return "".join(f"%{ord(each):02X}" if each in f"%\r\n{more}" else each for each in text)


def _paragraph(finding: Finding, root: Path, colour: bool) -> str:
    place = _shown(finding.path, root) + (f":{finding.line}" if finding.path and finding.line else "")
    kind = _painted(f"{finding.severity.value:<{_WIDEST}}", _COLOURS[finding.severity], colour)
    lines = [f"{kind}  {finding.rule}  {place}".rstrip(), f"  {finding.message}"]
    return "\n".join([*lines, f"  {finding.remedy}"] if finding.remedy else lines)


def _summary(findings: Sequence[Finding], colour: bool) -> str:
    counts = Counter(finding.severity for finding in findings)
    words = ", ".join(
        f"{counts[severity]} {name}{'' if counts[severity] == 1 else 's'}"
        for severity, name in ((Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFO, "remark"))
        if counts[severity]
    )
    if counts[Severity.ERROR]:
        return _painted(f"{words}: this issue cannot be sent yet.", "31", colour)
    return _painted(f"{words}, no errors: this issue can be sent.", "32", colour)


def _shown(path: Path | None, root: Path | None) -> str:
    if path is None:
        return ""
    if root is not None and path.is_absolute() and path.is_relative_to(root.resolve()):
        path = path.relative_to(root.resolve())
    elif root is not None and path.is_relative_to(root):
        path = path.relative_to(root)
    return path.as_posix()


def _painted(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text
