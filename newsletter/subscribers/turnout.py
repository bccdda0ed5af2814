"""How many of those who saw the button of the confirmation page pressed it: what the page costs.

The page must not change anything when it is looked at, so looks are counted outside the database: in memory,
as numbers by day in a small file, and without a trace of who it was. What cannot be a person looking (a fetch
ahead of time, a scanner, a program) is the door's business to leave out.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from newsletter import files
from newsletter.store.writer_lock import WriterLock

DAYS = 400
"""Days that are kept."""
MOST = 100_000
"""Requests remembered, so that a person who looks twice counts once."""


@dataclass(frozen=True)
class Day:
    """What happened on the confirmation page on one day (UTC)."""

    day: date
    viewed: int
    """Requests whose button somebody saw; each counted once."""
    pressed: int
    """Of the requests seen, those whose button was pressed that day."""


class Turnout:
    """Counts until `write` is called; several processes may share one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._seen: set[tuple[int, int]] = set()

    def viewed(self, uid: int, seq: int, now: datetime) -> None:
        """Somebody saw the button of this request."""
        with self._lock:
            if (uid, seq) not in self._seen:
                if len(self._seen) >= MOST:
                    self._seen.clear()
                self._seen.add((uid, seq))
                self._counts[now.date().isoformat(), "viewed"] += 1

    def pressed(self, uid: int, seq: int, now: datetime) -> None:
        """The button was pressed; it counts where it was seen, or the rate would be of two different things."""
        with self._lock:
            if (uid, seq) in self._seen:
                self._counts[now.date().isoformat(), "pressed"] += 1

    def write(self) -> None:
        """Add what was counted to the file; nothing is touched when there is nothing new."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = WriterLock(self._path.with_name(self._path.name + ".lock"))
        try:
            with lock:
                days = {each.day.isoformat(): {"viewed": each.viewed, "pressed": each.pressed} for each in self.days()}
                for (day, what), number in counts.items():
                    days.setdefault(day, {"viewed": 0, "pressed": 0})[what] += number
                self._replace(days)
        finally:
            lock.close()

    def days(self) -> list[Day]:
        """What the file holds, oldest first; a damaged file counts for nothing."""
        try:
            kept = json.loads(self._path.read_text("utf-8"))
            return [
                Day(date.fromisoformat(day), int(each["viewed"]), int(each["pressed"]))
                for day, each in sorted(kept.items())
            ]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return []

    def _replace(self, days: Mapping[str, Mapping[str, int]]) -> None:
        newest = dict(sorted(days.items())[-DAYS:])
        files.replace(self._path, f"{json.dumps(newest, indent=1)}\n".encode())
