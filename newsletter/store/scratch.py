"""Notes on more things than memory should hold: a file without a name, gone when its owner is."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping

CACHE = 4_000
"""KiB of it kept in memory."""


class Scratch:
    """Octets by key, for millions of keys; in no database of the Site, and seen by nobody else."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)  # a temporary file, unlinked from the start
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute(f"PRAGMA cache_size = -{CACHE}")
        self._file.execute("CREATE TABLE notes (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")

    def get(self, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """What is noted under these keys; a few hundred at most."""
        marks = ", ".join("?" * len(keys))
        return dict(self._file.execute(f"SELECT key, value FROM notes WHERE key IN ({marks})", tuple(keys)))  # noqa: S608

    def put(self, notes: Mapping[bytes, bytes]) -> None:
        """Note these, in the place of what was noted before."""
        self._file.execute("BEGIN")
        self._file.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?)", notes.items())
        self._file.execute("COMMIT")

    def close(self) -> None:
        """Give the room back."""
        self._file.close()
