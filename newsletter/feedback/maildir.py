"""A Maildir as a mailbox: one file for each message, moved by renaming, which either happens or does not.

After the Maildir++ convention folders are subfolders that begin with a dot, each with `cur`, `new` and `tmp`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from newsletter.feedback.mailbox import BATCH, Letter, MailboxError


class Maildir:
    """The inbox of a Maildir."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = f"maildir:{path}"[-255:]
        if not all((path / each).is_dir() for each in ("new", "cur")):
            raise MailboxError(
                f"{path} is not a Maildir.",
                hint="Name a folder that has the folders new and cur, as mail servers make.",
            )

    def waiting(self) -> Sequence[Letter]:
        """The first files by name, which begins with the time they came."""
        with self._sentences():
            found = sorted((entry.name, entry) for folder in ("new", "cur") for entry in self._files(folder))
            return [Letter(entry.name, entry.stat(follow_symlinks=False).st_size) for _, entry in found[:BATCH]]

    def fetch(self, letter: Letter) -> bytes | None:
        """Read a file."""
        with self._sentences():
            path = self._find(letter)
            return None if path is None else path.read_bytes()

    def put_away(self, letter: Letter, folder: str | None) -> None:
        """Rename or remove a file."""
        with self._sentences(), contextlib.suppress(FileNotFoundError):
            path = self._find(letter)
            if path is None:
                return
            if folder is None:
                path.unlink()
                return
            target = self._path / f".{folder}"
            for each in ("tmp", "new", "cur"):
                (target / each).mkdir(parents=True, exist_ok=True, mode=0o700)
            (target / "maildirfolder").touch()
            path.rename(target / "cur" / (letter.place.partition(":")[0] + ":2,S"))

    def expire(self, folder: str, before: datetime) -> int:
        """Remove files by the time they were written."""
        gone = 0
        with self._sentences():
            for entry in self._files(f".{folder}/cur"):
                if entry.stat(follow_symlinks=False).st_mtime < before.timestamp():
                    os.unlink(entry.path)
                    gone += 1
        return gone

    def close(self) -> None:
        """Nothing is open."""

    def _find(self, letter: Letter) -> Path | None:
        return next((path for each in ("new", "cur") if (path := self._path / each / letter.place).is_file()), None)

    def _files(self, folder: str) -> Iterator[os.DirEntry[str]]:
        with contextlib.suppress(FileNotFoundError), os.scandir(self._path / folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False) and not entry.name.startswith("."):
                    yield entry

    @contextlib.contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise MailboxError(
                f"The Maildir {self._path} cannot be read ({error.strerror}).",
                hint="Let the user who runs this command read and write there.",
            ) from error
