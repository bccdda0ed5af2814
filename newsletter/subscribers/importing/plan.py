"""A plan: what an import would do, row by row, in a file that a person can open and a program can follow.

It is CSV, for its owner's eyes only. The first line below the header says what it is about (file, hash, terms), the
last one that it is whole. Making one changes nothing.
"""

from __future__ import annotations

import csv
import json
import os
import pickle
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from newsletter.store.schema import SuppressionReason
from newsletter.store.scratch import Scratch
from newsletter.subscribers.importing import deciding, reading
from newsletter.subscribers.importing.deciding import Decided, Effect, Entry
from newsletter.subscribers.importing.reading import ImportRefused, tame
from newsletter.subscribers.importing.rows import Candidate

COLUMNS = ("line", "email", "action", "standing", "note")
HEAD, END = "plan", "end"
VERSION = 1
MAX_ID = 32


@dataclass(frozen=True)
class About:
    """What a plan is about; everything that is needed to carry it out."""

    id: str
    source: str
    """Absolute path of the file."""
    hash: str
    list: str
    """Slug."""
    format: str
    encoding: str
    terms: Mapping[str, Any]
    made_at: str
    version: int = VERSION


class Foresight:
    """Decides batches as an import would, without one: what earlier rows would have left is noted aside."""

    def __init__(self) -> None:
        self._scratch = Scratch()

    def overlay(self, decided: Decided, batch: Sequence[Candidate]) -> None:
        """Put what earlier batches came to over what is on file."""
        keys = {row.address.key.encode(): row.address.key for row in batch if row.address}
        hashes = {row.address_hash for row in batch if row.address}
        noted = self._scratch.get([*keys, *hashes])
        for key, value in noted.items():
            if key in keys:
                decided.standings[keys[key]] = pickle.loads(value)  # noqa: S301 - nobody else can write there
            else:
                decided.suppressed[key] = SuppressionReason(value.decode())

    def remember(self, decided: Decided) -> None:
        """Note what this batch came to."""
        notes = {key.encode(): pickle.dumps(each) for key, each in decided.standings.items() if each.is_touched}
        notes |= {row.address_hash: row.suppress.encode() for row in decided.blocked if row.suppress}
        self._scratch.put(notes)

    def close(self) -> None:
        """Forget all of it."""
        self._scratch.close()


class Writer:
    """A plan as it is written, entry by entry."""

    def __init__(self, file: TextIO, about: About) -> None:
        self._csv = csv.writer(file)
        self._csv.writerow(COLUMNS)
        self._csv.writerow((HEAD, "", "", "", json.dumps(asdict(about), sort_keys=True)))

    def write(self, entries: Sequence[Entry]) -> None:
        """The next rows."""
        self._csv.writerows(
            (each.row, tame(each.email), each.effect.value, each.standing, tame(each.reason)) for each in entries
        )

    def end(self, counts: Mapping[str, int]) -> None:
        """All rows are there."""
        self._csv.writerow((END, "", "", "", json.dumps(dict(counts), sort_keys=True)))


class Reader:
    """A plan as it is followed, batch by batch."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self._path = path
        self._rows = (values for _line, values in reading.rows(file))
        if tuple(next(self._rows, ()))[: len(COLUMNS)] != COLUMNS:
            raise self._not_a_plan()
        head = next(self._rows, [])
        try:
            self.about = About(**json.loads(head[4]))
        except (IndexError, ValueError, TypeError, RecursionError) as error:
            raise self._not_a_plan() from error
        texts = [getattr(self.about, name) for name in ("id", "source", "hash", "list", "format", "encoding")]
        if self.about.version != VERSION or not isinstance(self.about.terms, dict) or head[0] != HEAD:
            raise self._not_a_plan()
        if not all(isinstance(each, str) for each in texts) or not self.about.id or len(self.about.id) > MAX_ID:
            raise self._not_a_plan()

    def skip(self, count: int) -> None:
        """Pass over rows that are in already."""
        for _ in islice(self._rows, count):
            pass

    def entries(self, batch: Sequence[Candidate]) -> list[Entry]:
        """What is planned for these rows. `ImportRefused` when the plan is about others."""
        return [self._entry(row) for row in batch]

    def check_end(self) -> None:
        """Nothing but its last line is left. `ImportRefused` otherwise."""
        if (next(self._rows, None) or [""])[0] != END:
            raise ImportRefused(f"{self._path} is not whole.", hint="Make the plan again.")

    def _entry(self, row: Candidate) -> Entry:
        values = next(self._rows, [])
        if len(values) < len(COLUMNS) or values[0] != str(row.number):
            raise ImportRefused(
                f"{self._path} has no entry for line {row.number} where it should have one.",
                hint="Make the plan again.",
            )
        try:
            return Entry(row.number, values[1], Effect(values[2]), values[3], values[4])
        except ValueError as error:
            raise ImportRefused(
                f"{self._path} says {values[2][:20]!r} of line {row.number}.",
                hint=f"Known are {', '.join(Effect)}. Make the plan again.",
            ) from error

    def _not_a_plan(self) -> ImportRefused:
        return ImportRefused(
            f"{self._path} is not a plan of this version.",
            hint="`newsletter subscriber import FILE --plan` makes one.",
        )


def may_be_written(path: Path, source: Path) -> None:
    """Refuse to put a plan in the place of anything but an earlier plan."""
    if path.resolve() == source.resolve():
        raise ImportRefused("The plan cannot take the place of its file.", hint="Give it another name.")
    try:
        with path.open("rb") as file:
            begin = file.read(len(",".join(COLUMNS)))
    except OSError:
        return
    if begin != ",".join(COLUMNS).encode():
        raise ImportRefused(f"{path} is there already, and no plan.", hint="Give the plan another name.")


@contextmanager
def written(path: Path) -> Iterator[TextIO]:
    """A file for its owner only that takes its place when it is whole, and never does otherwise."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                yield file
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ImportRefused(f"{path} cannot be written: {error.strerror}.") from error


@contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """A plan to follow."""
    try:
        raw = path.open("rb")
    except OSError as error:
        raise ImportRefused(f"{path} cannot be read: {error.strerror}.") from error
    with reading.open_text(raw) as file:
        yield Reader(file, path)


def foresee(decided: Decided, batch: Sequence[Candidate], foresight: Foresight, *more: Any) -> list[Entry]:
    """What these rows would come to; `more` are the terms and the moment."""
    foresight.overlay(decided, batch)
    deciding.decide(decided, batch, *more)
    foresight.remember(decided)
    return decided.entries
