"""Findings as SARIF 2.1.0, the format in which code hosts and editors take them (OASIS standard, 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from newsletter import __version__
from newsletter.checks.findings import Finding, Severity
from newsletter.checks.registry import Entry

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def as_sarif(findings: Sequence[Finding], rules: Mapping[str, Entry], *, site: Path) -> dict[str, Any]:
    """One log with one run: every rule of the catalogue, every finding as a result.

    Files are relative to `site` (uriBaseId `SITE`); one outside of it, such as a packaged template, has its whole
    address. A finding without a file has no location.
    """
    numbers = {rule: number for number, rule in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "newsletter check",
                "semanticVersion": __version__,
                "rules": [_rule(entry) for entry in rules.values()],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SITE": {"description": {"text": "The folder of newsletter.toml."}}},
        "results": [_result(finding, numbers, site.resolve()) for finding in findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.rule,
        "shortDescription": {"text": entry.looks_for},
        "fullDescription": {"text": f"{entry.looks_for} {entry.why}".strip()},
        "help": {"text": f"{entry.looks_for} {entry.why}".strip() + " The finding says how to mend it."},
        "defaultConfiguration": {"level": _LEVELS[entry.severities[0]]},
        "properties": {"tags": [entry.family]},
    }


def _result(finding: Finding, numbers: Mapping[str, int], site: Path) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.message} {finding.remedy}".strip()},
        "locations": []
        if finding.path is None
        else [{"physicalLocation": _location(finding.path, finding.line, site)}],
    }
    if finding.rule in numbers:
        result["ruleIndex"] = numbers[finding.rule]
    return result


def _location(path: Path, line: int, site: Path) -> dict[str, Any]:
    whole = path if path.is_absolute() else site / path
    inside = whole.resolve().is_relative_to(site)
    file = {"uri": quote(whole.resolve().relative_to(site).as_posix()), "uriBaseId": "SITE"} if inside else None
    place: dict[str, Any] = {"artifactLocation": file or {"uri": whole.resolve().as_uri()}}
    # Line 0 is the whole file, which SARIF says by leaving the region out.
    return place | ({"region": {"startLine": line}} if line else {})
