"""A private folder under `var/` for the length of one command, gone however the command ends.

A copy of the database holds every reader's address. So it lies where nobody else looks, and neither an error
nor Ctrl-C nor SIGTERM leaves it there; what only SIGKILL can leave is swept by the next command of the kind.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from newsletter.errors import RefusedError

FOLDER = "rehearsal"


@contextmanager
def private_folder(var: Path) -> Iterator[Path]:
    """`var/rehearsal`, for its owner only, until the block ends: by itself, by an error, by Ctrl-C or SIGTERM.

    What a killed rehearsal left is removed first. `RefusedError` while another one is under way.
    """
    var.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(var, os.O_RDONLY)
    folder = var / FOLDER
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefusedError("Another rehearsal of this Site is under way.", hint="Wait for its end.") from error
        with _interruptible():
            try:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(mode=0o700)
                yield folder
            finally:
                _deaf()
                if folder.exists():
                    shutil.rmtree(folder)
    finally:
        os.close(lock)


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the block like Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _deaf() -> None:
    """Nobody interrupts the cleaning up; `_interruptible` gives the old handlers back."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
