"""What the doctor says, as plain values: one sentence, what to do, and where it helps the record to publish.

A terminal, a build server and a monitor read the same findings; what is in order is a finding too, because
"everything was looked at" is half of the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from newsletter.transport import dkim_keys

FAMILIES = ("configuration", "keys", "database", "dns", "relay", "returns", "pages", "clock", "enrolment")
"""In the order they are told; the part of an id before its dot is one of these."""


class Level(StrEnum):
    """How bad it is. An error means that mail will be refused, lost or wrong as things stand."""

    ERROR = "error"
    WARNING = "warning"
    SKIPPED = "skipped"
    """Not looked at, and why that is right."""
    OK = "ok"


@dataclass(frozen=True)
class Record:
    """A DNS record to publish."""

    name: str
    """Without a dot at the end."""
    type: str
    value: str

    @property
    def zone_line(self) -> str:
        """The line of a zone file, ready to paste."""
        if self.type == "TXT":
            return dkim_keys.Record(self.name, self.value).zone_line
        return f"{self.name}. IN {self.type} {self.value}"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    id: str
    """Stable, `family.name`."""
    level: Level
    sentence: str
    remedy: str = ""
    """What to do; where all is well, what could be better."""
    record: Record | None = None

    @property
    def family(self) -> str:
        """Which part of the Site it is about."""
        return self.id.partition(".")[0]


def ok(id: str, sentence: str, remedy: str = "", record: Record | None = None) -> Finding:
    """Something that is in order."""
    return Finding(id, Level.OK, sentence, remedy, record)


def warning(id: str, sentence: str, remedy: str, record: Record | None = None) -> Finding:
    """Something that will do for now."""
    return Finding(id, Level.WARNING, sentence, remedy, record)


def error(id: str, sentence: str, remedy: str, record: Record | None = None) -> Finding:
    """Something that will not do."""
    return Finding(id, Level.ERROR, sentence, remedy, record)


def skipped(id: str, sentence: str, remedy: str = "") -> Finding:
    """Something that was not looked at."""
    return Finding(id, Level.SKIPPED, sentence, remedy)


def graver(matters: bool, id: str, sentence: str, remedy: str, record: Record | None = None) -> Finding:
    """An error where it `matters`, else a warning: what a Site that only tries things out may leave for later."""
    return (error if matters else warning)(id, sentence, remedy, record)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """By family; inside one as they were found."""
    return sorted(findings, key=lambda finding: FAMILIES.index(finding.family))


def has_errors(findings: Sequence[Finding]) -> bool:
    """Whether anything has to be mended before mail should leave."""
    return any(finding.level is Level.ERROR for finding in findings)
