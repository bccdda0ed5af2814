"""Findings of an issue in several variants: each once, and for whom where it is not for everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from newsletter.checks.findings import Finding, in_order


def united(found: Mapping[str, Sequence[Finding]]) -> list[Finding]:
    """What was found in all variants, errors first; `found` has the findings by the name of the variant.

    A name completes "for": `readers tagged member`. It is added where some variant is free of the fault.
    """
    where: dict[Finding, list[str]] = {}
    for name, findings in found.items():
        for finding in dict.fromkeys(findings):
            where.setdefault(finding, []).append(name)
    return in_order(
        finding if len(names) == len(found) else replace(finding, message=_said(finding.message, names))
        for finding, names in where.items()
    )


def _said(message: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{message.removesuffix('.')} (for {names[0]}{more})."
