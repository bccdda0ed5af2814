"""The one writer lock of a Site on SQLite: between threads and between processes, and nobody overtakes.

SQLite has one writer at a time. Left to its busy handler, writers poll and the unlucky one starves;
so every write transaction first takes a lock of ours: a queue of threads inside the process and a
file lock behind a turnstile between processes. Whoever waits holds the turnstile, so the process
that just wrote cannot overtake: a sign-up beside a running campaign waits its turn, not for luck.
"""

from __future__ import annotations

import fcntl
import threading
from collections import deque
from pathlib import Path
from typing import Any


class WriterLock:
    """A lock between threads and processes that lets nobody overtake.

    Threads queue and hand the lock on; between processes there are two file locks in a row.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = _Queue()
        self._files: tuple[Any, Any] | None = None

    def __enter__(self) -> None:
        self._threads.acquire()
        try:
            first, second = self._open()
            fcntl.flock(first, fcntl.LOCK_EX)
            try:
                fcntl.flock(second, fcntl.LOCK_EX)
            finally:
                fcntl.flock(first, fcntl.LOCK_UN)
        except BaseException:
            self._threads.release()
            raise

    def __exit__(self, *_error: object) -> None:
        try:
            if self._files is not None:
                fcntl.flock(self._files[1], fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def _open(self) -> tuple[Any, Any]:
        if self._files is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            turnstile = self._path.with_name(self._path.name + ".next")
            self._files = (turnstile.open("ab"), self._path.open("ab"))
        return self._files

    def close(self) -> None:
        """Close the lock files."""
        if self._files is not None:
            for file in self._files:
                file.close()
            self._files = None


class _Queue:
    """A lock whose owner hands it to the thread that has waited longest; `threading.Lock` goes to the quickest."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Lock] = deque()

    def acquire(self) -> None:
        with self._mutex:
            if not self._is_taken:
                self._is_taken = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        try:
            turn.acquire()
        except BaseException:  # Ctrl-C while waiting: step out, or pass on what was just handed over
            with self._mutex:
                has_left = turn in self._waiting
                if has_left:
                    self._waiting.remove(turn)
            if not has_left:
                self.release()
            raise

    def release(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False
