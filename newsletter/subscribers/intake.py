"""Many rows at once: read and judged before the writer's turn, then taken in with a handful of statements.

A sign-up waits behind whoever writes, so a turn must be short. Everything that needs no database happens before it
(`prepare`); what needs one is asked once for the whole batch, decided in the order of the file, and written (`take`).
The command line, the API and imports of files all come in here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection

from newsletter.subscribers.importing import deciding, writing
from newsletter.subscribers.importing.deciding import Effect, Entry
from newsletter.subscribers.importing.rows import Candidate, Terms, prepare

__all__ = ["Candidate", "Effect", "Entry", "Refusal", "Report", "Terms", "bring", "prepare", "take"]


@dataclass
class Report:
    """How many rows came to what; refused ones are told one by one as they are met."""

    rows: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    confirmed: int = 0
    """Of those added or updated, by where they stand now; the next three as well."""
    pending: int = 0
    left: int = 0
    suppressed: int = 0
    invited: int = 0

    def count(self, entry: Entry) -> None:
        """One row more."""
        self.rows += 1
        setattr(self, entry.effect, getattr(self, entry.effect) + 1)
        if entry.effect in {Effect.ADDED, Effect.UPDATED}:
            name = "left" if entry.standing == "unsubscribed" else entry.standing
            setattr(self, name, getattr(self, name) + 1)

    def as_dict(self) -> dict[str, int]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True)
class Refusal:
    """One row that stays outside, and why."""

    row: int
    email: str
    reason: str


def take(
    connection: Connection, batch: Sequence[Candidate], terms: Terms, report: Report, now: datetime
) -> list[Refusal]:
    """Bring a batch in, in its order; counts into `report` and returns who stays outside.

    A few hundred rows at most, inside one write transaction.
    """
    entries = bring(connection, batch, terms, report, now)
    return [Refusal(each.row, each.email, each.reason) for each in entries if each.effect is Effect.REFUSED]


def bring(  # noqa: PLR0917
    connection: Connection,
    batch: Sequence[Candidate],
    terms: Terms,
    report: Report,
    now: datetime,
    import_id: int = 0,
    plan: Sequence[Entry] = (),
) -> list[Entry]:
    """The same for an import: noted so that it can be taken back, within its plan; tells what every row came to."""
    decided = deciding.look_up(connection, batch, terms.list_id)
    deciding.decide(decided, batch, terms, now, plan)
    report.invited += writing.write(connection, decided, terms, now, import_id)
    for entry in decided.entries:
        report.count(entry)
    return decided.entries
