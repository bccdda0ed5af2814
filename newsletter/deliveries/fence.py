"""The instance fence: a database that was copied or restored does not send until somebody says so.

In a copy, whatever left after it was taken is still `pending`: two Sites would send the same issue, or one Site
twice. So the database carries an identity, and beside it, in a file that no copy of the database takes along,
stands the same identity with what a copy changes: the number of the file on its disk (or of the database on its
server), the machine, and a counter that every claim moves in both places and that a restored database therefore
lags behind.

The device number deliberately does not count: a restart may deal it out anew. Where even files and machines
come and go (containers), `NEWSLETTER_INSTANCE_ID` takes the place of the file.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select, update

from newsletter import files
from newsletter.deliveries import ledger
from newsletter.errors import RefusedError, StoreError
from newsletter.store.engine import Database
from newsletter.store.schema import DeliveryStatus, deliveries, instance, workers

MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True)
class Outside:
    """What stands beside the database."""

    identity: str
    inode: int
    machine: str
    """Empty where the system has no machine id."""
    turn: int


class Fence:
    """The fence of one database. `override` is NEWSLETTER_INSTANCE_ID."""

    def __init__(self, database: Database, path: Path, *, override: str = "", is_local: bool = False) -> None:
        """`path` is the file beside the database; `is_local` says that mail reaches this machine only."""
        self._database = database
        self._path = path
        self._override = override
        self._is_local = is_local

    def require(self) -> None:
        """Raise `RefusedError` when the database may be a copy. Mail to this machine alone does no harm."""
        if self._is_local and not self._override:
            return
        difference = self.difference()
        if difference:
            raise RefusedError(
                f"Nothing is sent, because this database may be a copy: {difference}.",
                hint="When no other copy sends any more, run `newsletter db adopt`.",
            )

    def difference(self) -> str:
        """What speaks for a copy, in words; empty when the database is our own."""
        with self._database.read() as connection:
            row = connection.execute(select(instance.c.identity, instance.c.turn)).one_or_none()
        if row is None:
            return "it belongs to no Site yet"
        if self._override:
            return "" if row.identity == self._override else "it is not the one of NEWSLETTER_INSTANCE_ID"
        outside = self._read()
        if outside is None:
            return f"there is no {self._path}"
        checks = (
            (row.identity == outside.identity, f"it is not the one that {self._path} belongs to"),
            (self._machine() == outside.machine, "it comes from another machine"),
            (self._inode() == outside.inode, "its file is not the one that was there before"),
            (row.turn >= outside.turn, "it is older than the last mail that left"),
        )
        return next((words for holds, words in checks if not holds), "")

    def settle_in(self, *, is_new: bool, now: datetime) -> None:
        """Adopt a database that has no identity yet: a new one, or the first after an upgrade.

        An older database where a file stands already is a restored one, and waits for `adopt`.
        """
        with self._database.read() as connection:
            known = connection.execute(select(instance.c.id)).one_or_none()
        if known is None and (is_new or self._read() is None):
            self.adopt(now)

    def adopt(self, now: datetime) -> int:
        """Make the database our own and settle what its former senders held; returns how many are in doubt now.

        What they had only claimed goes back; what was on the wire may have arrived, and is ambiguous.
        """
        identity = self._override or secrets.token_hex(16)
        with self._database.write() as connection:
            doubtful = ledger.bury(connection, _holders(connection), now)
            connection.execute(delete(instance))
            connection.execute(insert(instance).values(id=1, identity=identity, turn=0, adopted_at=now))
            if not self._override:
                self._write(Outside(identity, self._inode(), self._machine(), 0))
        return doubtful

    def advance(self, connection: Connection) -> int:
        """Count one more claim in its own transaction; `keep` the number once that is committed."""
        query = update(instance).values(turn=instance.c.turn + 1).returning(instance.c.turn)
        return int(connection.execute(query).scalar() or 0)

    def keep(self, turn: int) -> None:
        """Write the count beside the database. Never ahead of the commit: that would look like a restored one."""
        outside = None if self._override else self._read()
        if outside is not None and outside.turn < turn:
            try:
                self._write(Outside(outside.identity, outside.inode, outside.machine, turn))
            except StoreError:
                return  # a full disk makes the fence coarser, and no mail late

    def _read(self) -> Outside | None:
        try:
            return Outside(**json.loads(self._path.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(
                f"{self._path} cannot be read.", hint="Move it away, then run `newsletter db adopt`."
            ) from error

    def _write(self, outside: Outside) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.replace(self._path, json.dumps(asdict(outside)).encode("utf-8"), files.PRIVATE)
        except OSError as error:
            raise StoreError(
                f"{self._path} cannot be written: {error.strerror}.", hint="Check its folder and the room on the disk."
            ) from error

    def _inode(self) -> int:
        return self._database.likeness()

    def _machine(self) -> str:
        try:
            return MACHINE_ID.read_text("utf-8").strip()
        except OSError:
            return ""


def _holders(connection: Connection) -> list[int]:
    """Every worker the copy knows, whether or not a process of its number happens to run here."""
    held = select(deliveries.c.worker_id).where(
        deliveries.c.status.in_([DeliveryStatus.CLAIMED, DeliveryStatus.INFLIGHT]), deliveries.c.worker_id.is_not(None)
    )
    return [int(number) for number in connection.execute(select(workers.c.id).union(held)).scalars()]
