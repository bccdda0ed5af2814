"""CSV in and out: a stream of rows, a reason for every one refused, and no unsubscribe revived.

An import is hostile input and a legal act at once. Rows without a stated basis of consent become
`pending`; rows with one are confirmed with that basis on record. Work is committed in batches, so
that a sign-up never waits long behind a million rows, and a file can simply be imported again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO, TextIO, cast

from sqlalchemy import Connection, select, true

from newsletter.config import FieldConfig, nearest
from newsletter.errors import NewsletterError
from newsletter.store import bulk
from newsletter.store.engine import Database
from newsletter.store.schema import lists, subscribers, subscriptions
from newsletter.store.types import iso
from newsletter.subscribers import intake
from newsletter.subscribers.intake import Candidate, Refusal, Report, Terms
from newsletter.tokens import KeyRing

BATCH = 200
"""Rows of one writer's turn, which lasts some 20 ms: what a sign-up beside it waits for."""
INVITING = 20
"""The same where confirmation mails are enrolled, which asks for budgets person by person."""
MAX_LINE = 1 << 16
KNOWN = ("email", "name", "list", "status", "confirmed_at", "tags")
"""Columns that need no declaration."""
EMAIL = frozenset({"e-mail", "email address", "e-mail address"})
"""What other programs call the address."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would run; exported behind an apostrophe, which an import takes away again."""


class ImportRefused(NewsletterError):
    """The file cannot be imported."""

    exit_code = 4


def open_text(raw: BinaryIO, encoding: str | None = None) -> TextIO:
    """The file as text: a byte order mark decides, else UTF-8; any other encoding must be named."""
    # A pipe cannot be wound back, so look ahead instead.
    stream = io.BufferedReader(cast(io.RawIOBase, raw))
    if encoding is None:
        encoding = "utf-16" if stream.peek(2)[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return io.TextIOWrapper(stream, encoding=encoding, errors="strict", newline="")
    except LookupError as error:
        raise ImportRefused(f"There is no encoding {encoding!r}.", hint="Try --encoding cp1252.") from error


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
) -> tuple[Report, list[str]]:
    """Import every row; returns the counts and the columns that were ignored.

    `on_progress` is told how many rows are done after each batch. Raises `ImportRefused` for a file
    that is not CSV with an `email` column; batches committed before a fault stay, and importing the
    file again changes nothing about them.
    """
    report = Report()
    rows = _rows(file)
    _, header = next(rows, (0, []))
    columns = _columns(header)
    known = {*KNOWN, *(field.name for field in declared)}
    size = INVITING if terms.send_confirmations else BATCH
    fault: ImportRefused | None = None
    with bulk.long_work(database) as after_turn:
        while fault is None:
            batch, fault = _batch(rows, size)
            if not batch:
                break
            candidates = [
                _surplus(number, values, columns)
                or intake.prepare(number, dict(zip(columns, values, strict=False)), terms, declared, keys, now)
                for number, values in batch
            ]
            with database.write() as connection:
                refusals = intake.take(connection, candidates, terms, report, now)
            after_turn()
            for refusal in refusals:
                on_refusal(refusal)
            on_progress(report.rows)
    if fault is not None:
        raise ImportRefused(fault.message, hint=f"{fault.hint} {_done(report)}".lstrip()) from fault
    return report, [name for name in columns if name not in known and name]


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
    writer.writerow(["email", "name", *(field.name for field in declared), "list", "status", "confirmed_at", "tags"])
    count = 0
    for row in export_rows(connection, declared, list_id):
        extra = [str("" if value is None else value) for value in row["fields"].values()]
        known = (row["list"], row["status"], row["confirmed_at"] or "", ",".join(row["tags"]))
        cells = (row["email"], row["name"], *extra, *known)
        writer.writerow([_tame(value) for value in cells])
        count += 1
    return count


def export_rows(
    connection: Connection, declared: Sequence[FieldConfig], list_id: int | None = None
) -> Iterator[dict[str, Any]]:
    """Every subscription: `{email, name, fields: {declared name: value or None}, list, status, confirmed_at, tags}`."""
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
                "tags": list(person.tags),
            }


def _columns(header: Sequence[str]) -> list[str]:
    """The columns by the names we know them by, whatever their case."""
    columns = [" ".join(name.lower().split()) for name in header]
    if "email" not in columns:
        columns = ["email" if name in EMAIL else name for name in columns]
    if "email" not in columns:
        first = ", ".join(header)[:200]
        raise ImportRefused(
            "The file has no column named email.", hint=f"Its first line is: {first}" if first else "It is empty."
        )
    for name in ("email", *KNOWN):
        if columns.count(name) > 1:
            raise ImportRefused(f"The file has two columns named {name}.", hint="Keep the one that counts.")
    return columns


def _surplus(number: int, values: Sequence[str], columns: Sequence[str]) -> Candidate | None:
    """A row with something beyond the last column: nobody can say which of its cells is which."""
    if len(values) <= len(columns) or not any(value.strip() for value in values[len(columns) :]):
        return None
    email = dict(zip(columns, values, strict=False))["email"]
    reason = f"has {len(values)} cells, the header {len(columns)}; a comma in a cell needs quotes around the cell"
    return Candidate(number, email, fault=reason)


def _batch(
    rows: Iterator[tuple[int, list[str]]], size: int
) -> tuple[list[tuple[int, list[str]]], ImportRefused | None]:
    """The next rows, and the fault of the file that ended them early."""
    batch: list[tuple[int, list[str]]] = []
    try:
        for row in islice(rows, size):
            batch.append(row)
    except ImportRefused as fault:
        return batch, fault
    return batch, None


def _rows(file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """(line number, values) of every row that is not blank; the delimiter is read off the first line."""
    line = 0
    try:
        first = file.readline(MAX_LINE)
        csv.field_size_limit(MAX_LINE)
        reader = csv.reader(_lines(first, file), delimiter=max(",;\t", key=first.count), strict=True)
        for values in reader:
            line = reader.line_num
            if any(value and not value.isspace() for value in values):
                yield line, [_untame(value) if value[:1] == "'" else value for value in values]
    except csv.Error as error:
        raise _not_csv(line + 1, str(error)) from error
    except UnicodeError as error:
        encoding = "UTF-8" if file.encoding == "utf-8-sig" else file.encoding
        place = f" (somewhere after line {line})" if line else ""
        raise ImportRefused(
            f"The file is not {encoding}{place}.", hint="Name its encoding, for example --encoding cp1252."
        ) from error


def _not_csv(line: int, reason: str) -> ImportRefused:
    if "end of data" in reason or "field limit" in reason:
        return ImportRefused(
            f"Line {line} is not CSV: it begins a cell with a quote that nothing closes.",
            hint='Close the quote, or write it twice ("") where it belongs to the text.',
        )
    if "expected after" in reason:
        return ImportRefused(
            f"Line {line} is not CSV: text follows a closing quote.",
            hint='Write a quote twice ("") where it belongs to the text.',
        )
    return ImportRefused(f"Line {line} is not CSV ({reason}).")


def _done(report: Report) -> str:
    if not report.rows:
        return "Nothing was imported."
    counts = {"confirmed": report.confirmed, "pending": report.pending}
    counts |= {"unchanged": report.unchanged, "refused": report.refused}
    said = ", ".join(f"{number} {what}" for what, number in counts.items())
    return f"The rows before it are in ({said}); importing the whole file again does them no harm."


def _lines(first: str, file: TextIO) -> Iterable[str]:
    line = first
    while line:
        if len(line) >= MAX_LINE and not line.endswith(("\n", "\r")):
            raise ImportRefused(f"A line is longer than {MAX_LINE} characters: this is not a list of addresses.")
        if "\0" in line:
            raise ImportRefused("The file contains NUL characters.", hint="Export it again as CSV in UTF-8.")
        yield line
        line = file.readline(MAX_LINE)


def _tame(value: str) -> str:
    return f"'{value}" if value.lstrip("'").startswith(FORMULA) else value


def _untame(value: str) -> str:
    """A cell that begins with an apostrophe, without it where an export may have put it there."""
    return value[1:] if value.lstrip("'").startswith(FORMULA) else value


def describe_ignored(ignored: Sequence[str], declared: Sequence[FieldConfig]) -> str:
    """A sentence about columns that nothing was done with, or nothing."""
    if not ignored:
        return ""
    hint = nearest(ignored[0], [*KNOWN, *(field.name for field in declared)])
    return f"Ignored columns that are not declared as [[fields]]: {', '.join(ignored)}. {hint}"
