"""Files are written whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

PRIVATE = 0o600
"""For its owner only: keys, secrets, whatever names readers."""
USUAL = 0o666
"""What the umask makes of it."""


def replace(path: Path, data: bytes, mode: int = USUAL, *, durable: bool = False) -> None:
    """Put `data` in the place of what is at `path`, if anything is; `durable` waits until the disk has it.

    Raises what the system says (`OSError`); then everything is as before. Two writers do not tear one draft,
    because every one has a name of its own.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    create(draft, data, mode, durable=durable)
    try:
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def create(path: Path, data: bytes, mode: int = USUAL, *, durable: bool = False) -> None:
    """Write a file that must not be there yet (`FileExistsError`); it has its mode from the first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
