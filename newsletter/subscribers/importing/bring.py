"""Files brought in: planned, carried out as planned, or both at once; interrupted, they go on where they were.

Every batch is one short transaction that also says how far it got, so that a crash leaves nothing in doubt, and a
sign-up never waits long behind a million rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from sqlalchemy import Connection

from newsletter.config import FieldConfig
from newsletter.errors import ConflictError
from newsletter.store import bulk
from newsletter.store.engine import Database
from newsletter.subscribers import intake
from newsletter.subscribers.importing import deciding, plan, reading, runs
from newsletter.subscribers.importing.deciding import Effect, Entry
from newsletter.subscribers.importing.plan import About
from newsletter.subscribers.importing.reading import ImportRefused
from newsletter.subscribers.importing.rows import Candidate, Terms
from newsletter.subscribers.importing.source import Source
from newsletter.subscribers.intake import Report
from newsletter.tokens import KeyRing

BATCH = 200
"""Rows of one writer's turn, which lasts some 20 ms: what a sign-up beside it waits for."""
INVITING = 20
"""The same where confirmation mails are enrolled, which asks for budgets person by person."""
TRIES = 5
"""How often a batch is tried that another writer was in the way of."""


@dataclass(frozen=True)
class Desk:
    """What files are brought in with."""

    database: Database
    keys: KeyRing
    declared: Sequence[FieldConfig]
    now: datetime


@dataclass(frozen=True)
class File:
    """What is to be brought in, and on which terms."""

    text: TextIO
    terms: Terms
    format: str = ""
    """Named by the editor; else it is recognised."""
    hash: str = ""
    """SHA-256 in hex; nothing for a stream that cannot be read twice."""


@dataclass(frozen=True)
class Difference:
    """A row that did not come to what was planned."""

    planned: Entry
    now: Entry


@dataclass(frozen=True)
class Brought:
    """What became of a file."""

    id: int
    report: Report
    read_as: str
    """Whose export it is, or nothing."""
    ignored: Sequence[str]
    """Columns that nothing was done with."""
    rows_before: int = 0
    """Of these rows, how many an interrupted import had brought in before."""


OnEntry = Callable[[Entry], None]
OnProgress = Callable[[int], None]


def bring(
    desk: Desk,
    file: File,
    *,
    on_entry: OnEntry,
    on_progress: OnProgress = lambda _rows: None,
    follow: plan.Reader | None = None,
    on_difference: Callable[[Difference], None] = lambda _difference: None,
) -> Brought:
    """Bring every row in, or go on with it. Raises `ImportRefused` for what is not CSV with addresses in it.

    `on_progress` is told how many rows are done after each batch. Rows before a fault stay; the same file can be
    brought in again, and changes nothing about them.
    """
    terms = file.terms
    source = Source(file.text, terms, desk.declared, desk.keys, desk.now, file.format)
    with desk.database.write() as connection:
        run = runs.begin(
            *(connection, terms.list_id, terms.origin, file.hash, follow.about.id if follow else ""),
            *(terms_as_dict(terms, source.columns.format.name), desk.now),
        )
    report = Report(**run.counts)
    if run.rows_done:
        source.skip(run.rows_done)
        if follow:
            follow.skip(run.rows_done)
    with bulk.long_work(desk.database) as after_turn:
        while source.fault is None and (batch := source.batch(INVITING if terms.send_confirmations else BATCH)):
            planned = follow.entries(batch) if follow else ()
            report, entries = _turn(desk, batch, terms, report, run, planned)
            after_turn()
            for index, entry in enumerate(entries):
                on_entry(entry)
                if planned and _differs(planned[index], entry):
                    on_difference(Difference(planned[index], entry))
            on_progress(report.rows)
    if follow and source.fault is None:
        follow.check_end()
    with desk.database.write() as connection:
        if report.rows:
            runs.finish(connection, run, desk.now)
        else:
            runs.drop(connection, run)
    if source.fault is not None:
        fault = source.fault
        raise ImportRefused(fault.message, hint=f"{fault.hint} {_done(report, run.id)}".lstrip()) from fault
    return Brought(run.id, report, source.columns.format.title, source.columns.ignored, run.rows_done)


def foresee(
    desk: Desk,
    file: File,
    about: About,
    path: Path,
    *,
    on_entry: OnEntry,
    on_progress: OnProgress = lambda _rows: None,
) -> Brought:
    """Write a plan to `path` and change nothing. Raises `ImportRefused`; then there is no plan."""
    source = Source(file.text, file.terms, desk.declared, desk.keys, desk.now, file.format)
    report, foresight = Report(), plan.Foresight()
    try:
        with plan.written(path) as out:
            writer = plan.Writer(out, replace(about, format=source.columns.format.name))
            while batch := source.batch(BATCH):
                with desk.database.read() as connection:
                    decided = deciding.look_up(connection, batch, file.terms.list_id)
                entries = plan.foresee(decided, batch, foresight, file.terms, desk.now)
                writer.write(entries)
                for entry in entries:
                    report.count(entry)
                    on_entry(entry)
                on_progress(report.rows)
            if source.fault is not None:
                raise source.fault
            writer.end(report.as_dict())
    finally:
        foresight.close()
    return Brought(0, report, source.columns.format.title, source.columns.ignored)


@contextmanager
def text_of(raw: BinaryIO, encoding: str) -> Iterator[TextIO]:
    """The file from its beginning, as text; afterwards it is open as before."""
    raw.seek(0)
    text = reading.open_text(raw, encoding or None)
    try:
        yield text
    finally:
        reading.let_go(text)


def terms_as_dict(terms: Terms, format_name: str) -> dict[str, Any]:
    """What an import keeps of its terms, and a plan needs of them."""
    return {
        "list": terms.list_slug,
        "confirmed": terms.confirmed,
        "basis": terms.basis,
        "consented_at": terms.consented_at.isoformat() if terms.consented_at else "",
        "send_confirmations": terms.send_confirmations,
        "dates": terms.dates,
        "format": format_name,
    }


def terms_of(kept: Mapping[str, Any], list_id: int, origin: str, own: frozenset[str]) -> Terms:
    """The terms of a plan. `ImportRefused` when they make no sense, because somebody has changed them."""
    try:
        return Terms(
            list_id=list_id,
            list_slug=str(kept["list"]),
            confirmed=kept["confirmed"] is True,
            basis=str(kept["basis"]),
            origin=origin,
            send_confirmations=kept["send_confirmations"] is True,
            consented_at=datetime.fromisoformat(kept["consented_at"]) if kept["consented_at"] else None,
            dates=kept["dates"] if kept["dates"] in {"dmy", "mdy"} else "",
            own=own,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ImportRefused("The plan does not say on what terms.", hint="Make it again.") from error


def _turn(  # noqa: PLR0917
    desk: Desk, batch: Sequence[Candidate], terms: Terms, before: Report, run: runs.Run, planned: Sequence[Entry]
) -> tuple[Report, list[Entry]]:
    """One batch in one transaction; tried again where another writer was in the way."""

    def attempt(connection: Connection) -> tuple[Report, list[Entry]]:
        report = replace(before)
        entries = intake.bring(connection, batch, terms, report, desk.now, run.id, planned)
        runs.progress(connection, run, before.rows, report.rows, report.as_dict())
        return report, entries

    for _ in range(TRIES - 1):
        try:
            with desk.database.write() as connection:
                return attempt(connection)
        except ConflictError:
            continue
    with desk.database.write() as connection:
        return attempt(connection)


def _differs(planned: Entry, now: Entry) -> bool:
    if now.effect is Effect.REFUSED:
        return (planned.effect, planned.reason) != (now.effect, now.reason)
    return (planned.effect, planned.standing) != (now.effect, now.standing)


def _done(report: Report, import_id: int) -> str:
    if not report.rows:
        return "Nothing was imported."
    counts = {"added": report.added, "updated": report.updated}
    counts |= {"unchanged": report.unchanged, "refused": report.refused}
    said = ", ".join(f"{number} {what}" for what, number in counts.items())
    return (
        f"The rows before it are in ({said}), as import {import_id}; importing the whole file again does them no harm."
    )
