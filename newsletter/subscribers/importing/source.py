"""A file of readers as batches of rows that were looked at: opened, recognised and read a little at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TextIO

from newsletter.config import FieldConfig
from newsletter.subscribers.importing import formats, reading
from newsletter.subscribers.importing.formats import Columns
from newsletter.subscribers.importing.reading import ImportRefused
from newsletter.subscribers.importing.rows import Candidate, Terms, prepare
from newsletter.tokens import KeyRing

CHUNK = 1 << 20


@dataclass(frozen=True)
class Measure:
    """A file as it is now."""

    hash: str
    """SHA-256, hex."""
    rows: int
    """How many follow the header."""


def measure(file: BinaryIO, encoding: str | None = None) -> Measure:
    """Read a file to its end before anything is done with it, so that a broken one changes nothing.

    Raises `ImportRefused` when it is not CSV. The file is back at its beginning afterwards.
    """
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    file.seek(0)
    text = reading.open_text(file, encoding)
    try:
        rows = sum(1 for _ in reading.rows(text))
    finally:
        reading.let_go(text)
    file.seek(0)
    return Measure(digest.hexdigest(), max(0, rows - 1))


def open_binary(path: Path) -> BinaryIO:
    """The file's octets. Raises `ImportRefused` when there are none to be had."""
    try:
        return path.open("rb")
    except OSError as error:
        raise ImportRefused(f"{path} cannot be read: {error.strerror}.") from error


class Source:
    """Rows of one file, judged each by itself."""

    def __init__(  # noqa: PLR0917
        self,
        file: TextIO,
        terms: Terms,
        declared: Sequence[FieldConfig],
        keys: KeyRing,
        now: datetime,
        forced: str = "",
    ) -> None:
        self._rows = reading.rows(file)
        self._terms, self._declared, self._keys, self._now = terms, declared, keys, now
        number, header = next(self._rows, (0, []))
        self.columns: Columns = formats.recognise(header, declared, forced, terms.origin)
        self.fault: ImportRefused | None = None
        """Why the rows ended before the file did."""
        if self.columns.format is formats.BARE:
            self._rows = _with(number, header, self._rows)

    def batch(self, size: int) -> list[Candidate]:
        """The next rows; none when the file is over, or where it stops being CSV (`fault`)."""
        found: list[Candidate] = []
        try:
            for number, values in islice(self._rows, size):
                found.append(self._candidate(number, values))
        except ImportRefused as fault:
            self.fault = fault
        return found

    def skip(self, count: int) -> int:
        """Pass over so many rows; returns how many there were."""
        return sum(1 for _ in islice(self._rows, count))

    def _candidate(self, number: int, values: list[str]) -> Candidate:
        columns = self.columns
        if len(values) > len(columns.names) and any(value.strip() for value in values[len(columns.names) :]):
            reason = (
                f"has {len(values)} cells, the header {len(columns.names)}; a comma in a cell needs quotes around it"
            )
            return Candidate(number, values[columns.email][:254], fault=reason)
        record = columns.read(values)
        return prepare(number, record, self._terms, self._declared, self._keys, self._now)


def _with(number: int, first: list[str], rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    yield number, first
    yield from rows
