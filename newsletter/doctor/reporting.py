"""Findings on a terminal and as a document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from newsletter.doctor.findings import Finding, Level, has_errors

TITLES = {
    "configuration": "Configuration",
    "keys": "Keys",
    "database": "Database",
    "dns": "DNS",
    "relay": "Relay",
    "returns": "What comes back",
    "pages": "Pages",
    "clock": "Clock",
    "enrolment": "Complaints",
}
_COLOURS = {Level.ERROR: "31", Level.WARNING: "33", Level.SKIPPED: "2", Level.OK: "32"}
_WIDEST = max(map(len, Level))


def as_document(findings: Sequence[Finding]) -> dict[str, Any]:
    """`{ok, errors, warnings, findings: [{id, level, sentence, remedy, record: {name, type, value, line} | null}]}`."""
    counts = Counter(finding.level for finding in findings)
    return {
        "ok": not has_errors(findings),
        "errors": counts[Level.ERROR],
        "warnings": counts[Level.WARNING],
        "findings": [
            {
                "id": finding.id,
                "level": finding.level.value,
                "sentence": finding.sentence,
                "remedy": finding.remedy,
                "record": None
                if finding.record is None
                else {
                    "name": finding.record.name,
                    "type": finding.record.type,
                    "value": finding.record.value,
                    "line": finding.record.zone_line,
                },
            }
            for finding in findings
        ],
    }


def as_text(findings: Sequence[Finding], *, colour: bool) -> str:
    """A heading for each family, a line for each finding, below it what to do and the record to publish."""
    lines: list[str] = []
    family = ""
    for finding in findings:
        if finding.family != family:
            family = finding.family
            lines += ["", TITLES[family]] if lines else [TITLES[family]]
        word = _painted(f"{finding.level.value:<{_WIDEST}}", _COLOURS[finding.level], colour)
        lines.append(f"  {word}  {finding.sentence}")
        indent = " " * (_WIDEST + 4)
        if finding.remedy:
            lines.append(f"{indent}{finding.remedy}")
        if finding.record is not None:
            lines += ["", f"{indent}{finding.record.zone_line}", ""]
    return "\n".join([*lines, "", _summary(findings, colour)])


def _summary(findings: Sequence[Finding], colour: bool) -> str:
    counts = Counter(finding.level for finding in findings)
    if not counts[Level.ERROR] and not counts[Level.WARNING]:
        return _painted("Nothing to mend.", "32", colour)
    words = ", ".join(
        f"{counts[level]} {level.value}{'' if counts[level] == 1 else 's'}"
        for level in (Level.ERROR, Level.WARNING)
        if counts[level]
    )
    if counts[Level.ERROR]:
        return _painted(f"{words}: mend what is called an error before you send.", "31", colour)
    return _painted(f"{words}: nothing that stands in the way.", "33", colour)


def _painted(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text
