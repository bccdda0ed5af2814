"""A folder of bytes that can be made again: nothing in it is needed, and nothing in it is trusted.

Written whole or not at all, so that two processes may share it; the oldest go first, so that it does not
grow for ever; and where it cannot be written, work goes on without it.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from newsletter import files

LIMIT = 256_000_000
"""Bytes that stay in the folder."""

_PROOF = hashlib.sha256().digest_size


class Cache:
    """What was made before, by key; keys are file names."""

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        """`folder` is made when the first entry is; `limit` is in bytes."""
        self._folder = folder
        self._limit = limit

    def get(self, key: str) -> bytes | None:
        """What `put` was given under this key, or None: never had, thrown away, or damaged since."""
        try:
            entry = (self._folder / key).read_bytes()
        except OSError:
            return None
        proof, data = entry[:_PROOF], entry[_PROOF:]
        return data if proof == hashlib.sha256(data).digest() else None

    def put(self, key: str, data: bytes) -> None:
        """Keep `data`; a folder that cannot be written, or a full disk, is no fault."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            files.replace(self._folder / key, hashlib.sha256(data).digest() + data, files.PRIVATE)
            self._make_room()

    def _make_room(self) -> None:
        """Throw the oldest entries away; another process may be doing the same."""
        entries = []
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                entries.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if total <= self._limit:
                return
            path.unlink(missing_ok=True)
            total -= size
