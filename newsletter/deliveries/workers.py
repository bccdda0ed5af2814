"""Who is sending: one row per running sender, a fence for its claims and a lease on its life.

A worker's number is never given out twice, so a statement that carries it can only touch rows that
this very worker claimed. A lease is dead when it has run out, or at once when its process on this
host is gone; the start time tells a reused process number from the old process.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from newsletter.store.schema import workers

LEASE = timedelta(seconds=60)
HEARTBEAT = timedelta(seconds=15)


@dataclass(frozen=True)
class Process:
    """This or another process on some host."""

    host: str
    pid: int
    started: int
    """Kernel ticks since boot (0 where the system does not tell)."""

    @classmethod
    def this(cls) -> Process:
        """The process we run in."""
        return cls(socket.gethostname(), os.getpid(), _start_time(os.getpid()) or 0)

    def is_gone(self) -> bool:
        """Whether it certainly runs no more; False for other hosts, where only the lease decides."""
        if self.host != socket.gethostname():
            return False
        started = _start_time(self.pid)
        if started is not None:
            return started != self.started
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


def register(connection: Connection, purpose: str, now: datetime) -> int:
    """A new fence for a sender of this process."""
    query = insert(workers).values(purpose=purpose, **_here(now)).returning(workers.c.id)
    return int(connection.execute(query).scalar_one())


def renew(connection: Connection, worker_id: int, now: datetime) -> None:
    """Prolong the lease.

    A worker that was taken for dead meanwhile (the machine slept, the disk was full) is entered again
    under its own number: whatever it claims from now on has an owner that can be reaped.
    """
    if not connection.execute(
        update(workers).where(workers.c.id == worker_id).values(lease_until=now + LEASE)
    ).rowcount:
        connection.execute(insert(workers).values(id=worker_id, purpose="returned", **_here(now)))


def retire(connection: Connection, worker_id: int) -> None:
    """Forget a worker that holds nothing any more."""
    connection.execute(delete(workers).where(workers.c.id == worker_id))


def dead(connection: Connection, now: datetime) -> list[int]:
    """The workers whose lease is dead."""
    found = []
    for row in connection.execute(select(workers)):
        if row.lease_until < now or Process(row.host, row.pid, row.process_started).is_gone():
            found.append(int(row.id))
    return found


def _here(now: datetime) -> dict[str, Any]:
    process = Process.this()
    return {
        "host": process.host,
        "pid": process.pid,
        "process_started": process.started,
        "started_at": now,
        "lease_until": now + LEASE,
    }


def _start_time(pid: int) -> int | None:
    """Field 22 of `/proc/<pid>/stat`; None where there is no such file; a zombie counts as gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return -1 if Path("/proc/self/stat").exists() else None
    return -1 if fields[0] in {"Z", "X"} else int(fields[19])
