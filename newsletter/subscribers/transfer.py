"""Readers in and out: one row by hand, a file in the shortest way, and everybody as a file that can come back.

Files that are planned, followed and taken back are `importing`; this is what programs and tests reach for.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TextIO

from sqlalchemy import Connection, select, true

from newsletter import spelling
from newsletter.config import FieldConfig
from newsletter.store.engine import Database
from newsletter.store.schema import lists, subscribers, subscriptions
from newsletter.store.types import iso
from newsletter.subscribers import intake
from newsletter.subscribers.importing import bring
from newsletter.subscribers.importing.formats import KNOWN
from newsletter.subscribers.importing.reading import ImportRefused, tame
from newsletter.subscribers.intake import Effect, Entry, Refusal, Report, Terms
from newsletter.tokens import KeyRing


def import_csv(  # noqa: PLR0917
    database: Database,
    keys: KeyRing,
    file: TextIO,
    terms: Terms,
    declared: Sequence[FieldConfig],
    now: datetime,
    *,
    on_refusal: Callable[[Refusal], None],
    on_progress: Callable[[int], None] = lambda _rows: None,
) -> tuple[Report, Sequence[str]]:
    """Import every row of a stream; returns the counts and the columns that were ignored.

    `on_progress` is told how many rows are done after each batch. Raises `ImportRefused` for a file
    that is not CSV with an `email` column; batches committed before a fault stay, and importing the
    file again changes nothing about them.
    """

    def on_entry(entry: Entry) -> None:
        if entry.effect is Effect.REFUSED:
            on_refusal(Refusal(entry.row, entry.email, entry.reason))

    desk = bring.Desk(database, keys, declared, now)
    brought = bring.bring(desk, bring.File(file, terms), on_entry=on_entry, on_progress=on_progress)
    return brought.report, brought.ignored


def add(  # noqa: PLR0917
    connection: Connection,
    keys: KeyRing,
    record: Mapping[str, str],
    terms: Terms,
    declared: Sequence[FieldConfig],
    now: datetime,
) -> Report:
    """One row by hand, under the rules of an import; `ImportRefused` with the reason when it stays outside."""
    report = Report()
    refusals = intake.take(connection, [intake.prepare(0, record, terms, declared, keys, now)], terms, report, now)
    if refusals:
        raise ImportRefused(f"{record['email']} was not added: {refusals[0].reason}.")
    return report


def export_csv(connection: Connection, out: TextIO, declared: Sequence[FieldConfig], list_id: int | None = None) -> int:
    """Write every subscription as a row, streaming; returns how many."""
    writer = csv.writer(out)
    ends = ("list", "status", "confirmed_at", "unsubscribed_at", "tags")
    writer.writerow(["email", "name", *(field.name for field in declared), *ends])
    count = 0
    for row in export_rows(connection, declared, list_id):
        extra = [str("" if value is None else value) for value in row["fields"].values()]
        moments = (row["confirmed_at"] or "", row["unsubscribed_at"] or "")
        known = (row["list"], row["status"], *moments, ",".join(row["tags"]))
        cells = (row["email"], row["name"], *extra, *known)
        writer.writerow([tame(value) for value in cells])
        count += 1
    return count


def export_rows(
    connection: Connection, declared: Sequence[FieldConfig], list_id: int | None = None
) -> Iterator[dict[str, Any]]:
    """Every subscription: `{email, name, fields: {declared name: value or None}, list, status, confirmed_at,
    unsubscribed_at, tags}`.
    """
    after = 0
    while True:
        query = select(subscribers).where(subscribers.c.id > after).order_by(subscribers.c.id).limit(1000)
        page = connection.execute(query).all()
        if not page:
            return
        after = page[-1].id
        people_by_id = {row.id: row for row in page}
        rows = connection.execute(
            select(subscriptions, lists.c.slug)
            .join(lists, lists.c.id == subscriptions.c.list_id)
            .where(
                subscriptions.c.subscriber_id.between(page[0].id, after),
                true() if list_id is None else subscriptions.c.list_id == list_id,
            )
            .order_by(subscriptions.c.subscriber_id, subscriptions.c.list_id)
        )
        for row in rows:
            person = people_by_id[row.subscriber_id]
            yield {
                "email": person.email,
                "name": person.name,
                "fields": {field.name: person.fields.get(field.name) for field in declared},
                "list": row.slug,
                "status": row.status,
                "confirmed_at": iso(row.confirmed_at),
                "unsubscribed_at": iso(row.unsubscribed_at),
                "tags": list(person.tags),
            }


def describe_ignored(ignored: Sequence[str], declared: Sequence[FieldConfig]) -> str:
    """A sentence about columns that nothing was done with, or nothing."""
    if not ignored:
        return ""
    hint = spelling.hint(ignored[0], [*KNOWN, *(field.name for field in declared)])
    return f"Ignored columns that are not declared as [[fields]]: {', '.join(ignored)}. {hint}"
