"""The journal beside the database: who left, by keyed hash, in a file that outlives every restored backup.

A backup does not know who left after it was taken, and would mail them again. So whatever ends a permission is also
written to a file that nobody restores: before the transaction is committed, on disk before it can count, one line
each. A line whose commit failed errs on the side of the reader who pressed the button. The database keeps how far it
knows the file; a restored one knows less, and catches up (`subscribers/departures`).

Leaving never fails because this file cannot be written. Then a line is missing, a warning says so, the database
remembers it, and `departures.catch_up` writes it later.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, insert, select, update

from newsletter.store.journal_schema import journals

log = logging.getLogger("newsletter.journal")

INCOMPLETE = -1
"""The position of a journal in which a line is missing, until it is completed."""

_LINES, _MARKS = "newsletter journal lines", "newsletter journal marks"
_OPTION = "newsletter_journal"
_HEAD = re.compile(rb"# departures ([0-9a-f]{32})\n")


class Departure(StrEnum):
    """What a line tells."""

    LEFT = "left"
    """Somebody left a list; its slug follows."""
    SUPPRESSED = "suppressed"
    """An address is never to be mailed; the reason follows."""
    RELEASED = "released"
    """A suppression was lifted."""
    MOVED = "moved"
    """A reader changed their address; the hash of the new one follows."""


@dataclass(frozen=True)
class Line:
    """One departure."""

    at: int
    """Milliseconds since 1970 UTC."""
    what: Departure
    address_hash: bytes
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.at} {self.what.value} {self.address_hash.hex()} {self.detail}".rstrip()

    @classmethod
    def read(cls, text: str) -> Line | None:
        """A line of the file; None for one that was torn by a power cut."""
        try:
            at, what, digest, *rest = text.split(" ")
            return cls(int(at), Departure(what), bytes.fromhex(digest), " ".join(rest))
        except ValueError:
            return None


class Journal:
    """One such file; it is made when the first line comes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def attach(self, engine: Engine) -> None:
        """From now on `note` in a transaction of this engine writes here when it is committed."""
        engine.update_execution_options(**{_OPTION: self})
        event.listen(engine, "commit", self._before_commit)
        event.listen(engine, "rollback", _drop)
        event.listen(engine, "savepoint", _mark)
        event.listen(engine, "rollback_savepoint", _back_to_mark)

    def append(self, lines: list[str]) -> tuple[str, int, int]:
        """Put lines at the end, durably; the name of the journal, its size before and after. Raises OSError."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            before = file.seek(0, os.SEEK_END)
            text = "".join(f"{line}\n" for line in lines)
            if not before:
                text = f"# departures {secrets.token_hex(16)}\n{text}"
                _belong_to_owner_of(self.path.parent, descriptor)
            else:
                file.seek(before - 1)
                if file.read(1) != b"\n":  # a power cut tore the last line
                    text = f"\n{text}"
            file.write(text.encode("ascii"))
            file.flush()
            os.fsync(descriptor)
            after = file.tell()
            file.seek(0)
            return _name(file.readline()), before, after

    def state(self) -> tuple[str, int]:
        """Its name and size; an empty name when there is none."""
        try:
            with self.path.open("rb") as file:
                return _name(file.readline()), os.fstat(file.fileno()).st_size
        except OSError:
            return "", 0

    def lines(self, start: int, end: int) -> Iterator[Line]:
        """What stands between two positions; what cannot be read is passed over."""
        with self.path.open("rb") as file:
            file.seek(start)
            while file.tell() < end and (raw := file.readline()):
                line = Line.read(raw.decode("ascii", "replace").strip())
                if line is not None:
                    yield line

    def known(self, connection: Connection, name: str) -> int | None:
        """How much of it this database knows; None when it has never heard of it."""
        return connection.execute(select(journals.c.position).where(journals.c.name == name)).scalar()

    def _before_commit(self, connection: Connection) -> None:
        lines = connection.info.pop(_LINES, None)
        if not lines:
            return
        try:
            name, before, after = self.append(lines)
        except OSError as error:
            log.warning("%s cannot be written (%s); a restored backup would not know who left.", self.path, error)
            _run(connection, f"UPDATE journals SET position = {INCOMPLETE}")  # noqa: S608 - a number of ours
            return
        # A database that is behind stays behind: what it has not read yet must not be skipped.
        if name and not before:
            _run(connection, f"INSERT INTO journals (name, position) VALUES ('{name}', {after:d})")  # noqa: S608
        elif name:
            _run(
                connection,
                f"UPDATE journals SET position = {after:d} WHERE name = '{name}' AND position = {before:d}",  # noqa: S608
            )


def _run(connection: Connection, sql: str) -> None:
    """On the driver itself: the transaction is about to end. The name is hexadecimal, or there is none."""
    cursor: Any = connection.connection.cursor()
    cursor.execute(sql)
    cursor.close()


def keep_position(connection: Connection, name: str, position: int) -> None:
    """This database knows so much of that journal."""
    here = journals.c.name == name
    if not connection.execute(update(journals).where(here).values(position=position)).rowcount:
        connection.execute(insert(journals).values(name=name, position=position))


def note(connection: Connection, line: Line) -> None:
    """Have this written to the journal when the transaction is committed, if there is a journal."""
    if journal_of(connection) is not None:
        connection.info.setdefault(_LINES, []).append(str(line))


def journal_of(connection: Connection) -> Journal | None:
    """The journal that is kept beside this database."""
    found = connection.get_execution_options().get(_OPTION)
    return found if isinstance(found, Journal) else None


def unnoted(connection: Connection) -> None:
    """Forget what was noted in this transaction: it came from the journal."""
    _drop(connection)


def _drop(connection: Connection) -> None:
    connection.info.pop(_LINES, None)
    connection.info.pop(_MARKS, None)


def _mark(connection: Connection, name: str) -> None:
    connection.info.setdefault(_MARKS, {})[name] = len(connection.info.get(_LINES, ()))


def _back_to_mark(connection: Connection, name: str, _context: Any) -> None:
    if _LINES in connection.info:
        del connection.info[_LINES][connection.info.get(_MARKS, {}).pop(name, 0) :]


def _name(head: bytes) -> str:
    found = _HEAD.fullmatch(head)
    return found[1].decode() if found else ""


def _belong_to_owner_of(folder: Path, descriptor: int) -> None:
    """A journal begun by root, for whom everything works, belongs to whoever the folder belongs to."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
