"""Files are there whole or not at all, and nobody else reads what is private."""

from __future__ import annotations

import os
import resource
import signal
import stat
from pathlib import Path

import pytest

from newsletter import files


def test_replacing_keeps_what_was_there_when_it_fails(tmp_path: Path) -> None:
    target = tmp_path / "keys.toml"
    files.replace(target, b"before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            files.replace(target, b"x" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (target.read_bytes(), os.listdir(tmp_path)) == (b"before", ["keys.toml"])


def test_private_file_is_private_from_its_first_byte(tmp_path: Path) -> None:
    files.replace(tmp_path / "keys.toml", b"secret", files.PRIVATE, durable=True)
    assert stat.S_IMODE((tmp_path / "keys.toml").stat().st_mode) == 0o600


def test_creating_never_writes_over_a_file(tmp_path: Path) -> None:
    files.create(tmp_path / "key.pem", b"first")
    with pytest.raises(FileExistsError):
        files.create(tmp_path / "key.pem", b"second")
    assert (tmp_path / "key.pem").read_bytes() == b"first"
