"""A folder of numbered .eml files that several processes may add to at once.

A file appears whole or not at all, and a number is given once: the outbox and the sandbox both promise
that what can be read there is a complete message.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

_NAME = re.compile(r"(\d{6,12})\.eml")


class Maildrop:
    """Gives `000001.eml`, `000002.eml` …; the folder is made when the first message comes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._last = 0

    def add(self, message: bytes) -> Path:
        """Store one message and return its file. Raises OSError, leaving nothing behind."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / f".{os.getpid()}-{secrets.token_hex(8)}.tmp"
        try:
            draft.write_bytes(message)
            number = self._last or max(self.numbers(), default=0)
            while True:
                number += 1
                target = self.path(number)
                try:
                    target.hardlink_to(draft)
                except FileExistsError:
                    continue
                self._last = number
                return target
        finally:
            draft.unlink(missing_ok=True)

    def path(self, number: int) -> Path:
        """The file of that number, which need not exist."""
        return self.folder / f"{number:06d}.eml"

    def numbers(self) -> Iterator[int]:
        """The numbers of the stored messages, in no order."""
        if not self.folder.is_dir():
            return
        for entry in os.scandir(self.folder):
            match = _NAME.fullmatch(entry.name)
            if match:
                yield int(match[1])

    def clear(self) -> int:
        """Remove every message; how many there were."""
        removed = 0
        for number in list(self.numbers()):
            self.path(number).unlink(missing_ok=True)
            removed += 1
        self._last = 0
        return removed
