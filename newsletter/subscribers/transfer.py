"""CSV in and out: a stream of rows, a reason for every one refused, and no unsubscribe revived.

An import is hostile input and a legal act at once. Rows without a stated basis of consent become
`pending`; rows with one are confirmed with that basis on record. Work is committed in batches, so
that a sign-up never waits long behind a million rows, and a file can simply be imported again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, BinaryIO, TextIO, cast

from sqlalchemy import Connection, select, true

from newsletter import addresses
from newsletter.config import FieldConfig, nearest
from newsletter.errors import AddressError, NewsletterError
from newsletter.store.engine import Database
from newsletter.store.schema import ConsentKind, SubscriptionStatus, lists, subscribers, subscriptions
from newsletter.subscribers import consent, fields, lifecycle, people, signup, suppression
from newsletter.subscribers.consent import Evidence
from newsletter.tokens import KeyRing

BATCH = 500
MAX_LINE = 1 << 16
FIRST_YEAR = 1971
"""There was no e-mail before; a time zone cannot push a moment of this year out of the calendar."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would run; exported behind an apostrophe, which an import takes away again."""


class ImportRefused(NewsletterError):
    """The file cannot be imported."""

    exit_code = 4


@dataclass(frozen=True)
class Terms:
    """On what terms rows come in."""

    list_id: int
    confirmed: bool = False
    basis: str = ""
    source: str = "import"
    """`import` or `cli`."""
    origin: str = ""
    """Name of the file, for the evidence."""
    send_confirmations: bool = False


@dataclass
class Report:
    """How many rows came to what; refused ones are told one by one as they are met."""

    rows: int = 0
    confirmed: int = 0
    pending: int = 0
    unchanged: int = 0
    refused: int = 0
    invited: int = 0

    def as_dict(self) -> dict[str, int]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True)
class Refusal:
    """One row that stays outside, and why."""

    row: int
    email: str
    reason: str


class _RowRefused(Exception):
    """Carries the reason of one refused row."""


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
    columns = [name.strip().lower() for name in header]
    if "email" not in columns:
        raise ImportRefused("The file has no column named email.", hint=f"Its first line is: {', '.join(header)[:200]}")
    known = {"email", "name", "confirmed_at", *(field.name for field in declared)}
    ignored = [name for name in columns if name not in known and name]
    by_name = {field.name: field for field in declared}
    while batch := list(islice(rows, BATCH)):
        with database.write() as connection:
            for number, values in batch:
                record = dict(zip(columns, values, strict=False))
                report.rows += 1
                try:
                    _take(connection, keys, record, number, terms, by_name, report, now)
                except _RowRefused as refusal:
                    report.refused += 1
                    on_refusal(Refusal(number, record.get("email", "")[:254], str(refusal)))
        on_progress(report.rows)
    return report, ignored


def add(  # noqa: PLR0917
    connection: Connection,
    keys: KeyRing,
    record: Mapping[str, str],
    terms: Terms,
    declared: Sequence[FieldConfig],
    now: datetime,
) -> Report:
    """One row by hand, under the rules of an import; `ImportRefused` with the reason when it stays outside."""
    report = Report(rows=1)
    try:
        _take(connection, keys, record, 0, terms, {field.name: field for field in declared}, report, now)
    except _RowRefused as refusal:
        raise ImportRefused(f"{record['email']} was not added: {refusal}.") from refusal
    return report


def export_csv(connection: Connection, out: TextIO, declared: Sequence[FieldConfig], list_id: int | None = None) -> int:
    """Write every subscription as a row, streaming; returns how many."""
    writer = csv.writer(out)
    names = [field.name for field in declared]
    writer.writerow(["email", "name", *names, "list", "status", "confirmed_at"])
    count, after = 0, 0
    while True:
        query = select(subscribers).where(subscribers.c.id > after).order_by(subscribers.c.id).limit(1000)
        page = connection.execute(query).all()
        if not page:
            return count
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
            at = row.confirmed_at.isoformat(timespec="seconds") if row.confirmed_at else ""
            extra = [str(person.fields.get(name, "")) for name in names]
            writer.writerow([_tame(value) for value in (person.email, person.name, *extra, row.slug, row.status, at)])
            count += 1


def _rows(file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """(line number, values) of every row that is not blank; the delimiter is read off the first line."""
    line = 0
    try:
        first = file.readline(MAX_LINE)
        csv.field_size_limit(MAX_LINE)
        reader = csv.reader(_lines(first, file), delimiter=max(",;\t", key=first.count), strict=True)
        for values in reader:
            line = reader.line_num
            if any(value.strip() for value in values):
                yield line, [_untame(value) for value in values]
    except csv.Error as error:
        raise ImportRefused(f"Line {line + 1} is not CSV ({error}).") from error
    except UnicodeError as error:
        raise ImportRefused(
            f"The file is not UTF-8 (after line {line}).", hint="Name its encoding: --encoding cp1252."
        ) from error


def _lines(first: str, file: TextIO) -> Iterable[str]:
    line = first
    while line:
        if len(line) >= MAX_LINE and not line.endswith(("\n", "\r")):
            raise ImportRefused(f"A line is longer than {MAX_LINE} characters: this is not a list of addresses.")
        if "\0" in line:
            raise ImportRefused("The file contains NUL characters.", hint="Export it again as CSV in UTF-8.")
        yield line
        line = file.readline(MAX_LINE)


def _take(  # noqa: PLR0917
    connection: Connection,
    keys: KeyRing,
    record: Mapping[str, str],
    number: int,
    terms: Terms,
    declared: Mapping[str, FieldConfig],
    report: Report,
    now: datetime,
) -> None:
    try:
        address = addresses.parse(record.get("email", ""))
    except AddressError as error:
        raise _RowRefused(str(error).rstrip(".")) from error
    reason = suppression.reason_for(connection, keys.address_hash(address.key))
    if reason is not None:
        raise _RowRefused(f"suppressed ({reason.value})")
    extra = _extra(record, declared)
    name = people.clean_name(record.get("name", ""))
    confirmed_at = _confirmed_at(record.get("confirmed_at", ""), now)
    person = people.find(connection, address.key)
    if person is None:
        person = people.file(connection, address, keys, now, name=name, fields=extra)
    list_id, status = terms.list_id, lifecycle.status_of(connection, person.id, terms.list_id)
    if _has_left(connection, person.id, list_id):
        raise _RowRefused("has unsubscribed from this list; only they can come back, through the form")
    _amend(connection, person, name, extra)
    if status is None:
        lifecycle.begin(connection, person.id, list_id, terms.source, now)
    if terms.confirmed and status is not SubscriptionStatus.CONFIRMED:
        if status is SubscriptionStatus.EXPIRED:
            lifecycle.move(connection, person.id, list_id, SubscriptionStatus.PENDING, now)
        lifecycle.move(connection, person.id, list_id, SubscriptionStatus.CONFIRMED, now, confirmed_at=confirmed_at)
        origin = f"{terms.origin} line {number}" if number else terms.origin
        if confirmed_at:
            origin += f", confirmed {confirmed_at:%Y-%m-%d}"
        consent.append(
            connection,
            ConsentKind.IMPORTED,
            subscriber_id=person.id,
            list_id=list_id,
            email=person.email,
            evidence=Evidence(terms.source, basis=terms.basis, origin=origin),
            now=now,
        )
        report.confirmed += 1
    elif status is None:
        report.pending += 1
    else:
        report.unchanged += 1
    if terms.send_confirmations and not terms.confirmed and status in {None, SubscriptionStatus.PENDING}:
        report.invited += signup.invite(connection, person, [list_id], {}, now)


def _has_left(connection: Connection, subscriber_id: int, list_id: int) -> bool:
    row = connection.execute(
        select(subscriptions.c.status, subscriptions.c.unsubscribed_at).where(
            subscriptions.c.subscriber_id == subscriber_id, subscriptions.c.list_id == list_id
        )
    ).one_or_none()
    return row is not None and row.status != SubscriptionStatus.CONFIRMED and row.unsubscribed_at is not None


def _amend(connection: Connection, person: people.Subscriber, name: str, extra: dict[str, str]) -> None:
    changes: dict[str, Any] = {}
    if name and name != person.name:
        changes["name"] = name
    if any(person.fields.get(key) != value for key, value in extra.items()):
        changes["fields"] = {**person.fields, **extra}
    people.amend(connection, person.id, **changes)


def _extra(record: Mapping[str, str], declared: Mapping[str, FieldConfig]) -> dict[str, str]:
    found = {}
    for name, field in declared.items():
        try:
            value = fields.check(field, record.get(name, "")) if record.get(name, "").strip() else ""
        except fields.FieldError as error:
            raise _RowRefused(str(error).rstrip(".")) from error
        if value:
            found[name] = value
    return found


def _confirmed_at(text: str, now: datetime) -> datetime | None:
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise _RowRefused("confirmed_at is not a date such as 2026-09-15 or 2026-09-15T08:00:00+02:00") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > now or moment.year < FIRST_YEAR:
        raise _RowRefused("confirmed_at lies in the future" if moment > now else "confirmed_at lies too far back")
    return moment


def _tame(value: str) -> str:
    return f"'{value}" if value.lstrip("'").startswith(FORMULA) else value


def _untame(value: str) -> str:
    return value[1:] if value.startswith("'") and value.lstrip("'").startswith(FORMULA) else value


def describe_ignored(ignored: Sequence[str], declared: Sequence[FieldConfig]) -> str:
    """A sentence about columns that nothing was done with, or nothing."""
    if not ignored:
        return ""
    hint = nearest(ignored[0], ["email", "name", "confirmed_at", *(field.name for field in declared)])
    return f"Ignored columns that are not declared as [[fields]]: {', '.join(ignored)}. {hint}"
