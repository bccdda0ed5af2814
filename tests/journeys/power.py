"""What a power cut would leave: the database as it stood on the disk, and no more, each time a final dot left.

A command runs under `strace`, which writes down every write to a file, every sync and every byte handed to a
socket. Played back, a file holds what was written before the last `fdatasync` that had returned, and nothing
written since, whatever the kernel still knew. That is the harshest disk there can be.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from journeys.desk import Desk, Result

STRACE = shutil.which("strace")


def is_forbidden() -> bool:
    """Whether there is `strace`, and the machine (a container, say) lets nobody trace."""
    if STRACE is None:
        return False
    watch = [STRACE, "--seccomp-bpf", "-f", "-e", "trace=fsync", "-o", os.devnull, "true"]
    return subprocess.run(watch, check=False, capture_output=True).returncode != 0


_CALL = re.compile(
    r"(?P<at>[\d.]+) (?P<name>\w+)\((?P<fd>\d+)<(?P<place>[^>]*)>(?P<rest>.*)\) += (?P<answer>\d+) <(?P<took>[\d.]+)>"
)
_BYTES = re.compile(r'^, "(?P<hex>[^"]*)", \d+(?:, (?P<offset>\d+))?')
_RECIPIENT = re.compile(rb"RCPT TO:<([^>]*)>")


class Call(NamedTuple):
    """One system call: when it began and had returned, what was done to which file or socket."""

    begun: float
    done: float
    name: str
    fd: int
    place: str
    data: bytes
    number: int
    """The offset of a write, the size of `ftruncate`."""


@dataclass
class File:
    """A file as the kernel knows it and as the disk has it."""

    known: bytearray
    safe: bytes = b""

    def write(self, data: bytes, offset: int) -> None:
        """Later than the last sync."""
        self.known.extend(bytes(max(0, offset + len(data) - len(self.known))))
        self.known[offset : offset + len(data)] = data


@dataclass
class Plug:
    """Runs a command, and pulls the plug before each of its final dots."""

    desk: Desk
    folder: Path
    disk: dict[str, File] = field(default_factory=dict)

    def send(self) -> Result:
        """`send` under `strace`; the database must be closed."""
        assert STRACE is not None
        self.folder.mkdir()
        self.disk = {}
        for path in (self.desk.root / "var").glob("newsletter.db*"):
            if path.name in {"newsletter.db", "newsletter.db-wal"}:
                self.disk[path.name] = File(bytearray(path.read_bytes()), path.read_bytes())
        calls = "pwrite64,fdatasync,fsync,ftruncate,sendto"
        watch = (STRACE, "--seccomp-bpf", "-ff", "-ttt", "-T", "-y", "-xx", "-s", "10000000", "-e", f"trace={calls}")
        words = self.desk.send_words()
        return self.desk.start(*words, under=(*watch, "-o", str(self.folder / "calls"))).result(timeout=120)

    def dots(self) -> Iterator[tuple[str, str, str]]:
        """For every final dot in turn: its reader, where the kernel has that row, and where the disk has it."""
        spoken: dict[tuple[int, str], bytes] = {}
        for call in self._calls():
            if call.name != "sendto":
                self._touch(call)
                continue
            stream = (call.fd, call.place)
            spoken[stream] = spoken.get(stream, b"") + call.data
            while b"\r\n.\r\n" in spoken[stream]:
                message, _, spoken[stream] = spoken[stream].partition(b"\r\n.\r\n")
                found = _RECIPIENT.search(message)
                assert found, message[:200]
                reader = found[1].decode()
                yield reader, self._status(reader, is_cut=False), self._status(reader, is_cut=True)

    def _calls(self) -> list[Call]:
        calls = []
        for path in self.folder.glob("calls.*"):
            for line in path.read_text("ascii").splitlines():
                if found := _CALL.fullmatch(line):
                    calls.append(_read(found))
        # A sync counts from its end, all else from its beginning; nobody writes meanwhile, there is one writer.
        return sorted(calls, key=lambda call: call.done if "sync" in call.name else call.begun)

    def _touch(self, call: Call) -> None:
        name = Path(call.place).name
        if name not in {"newsletter.db", "newsletter.db-wal"}:
            return
        file = self.disk.setdefault(name, File(bytearray()))
        if call.name == "pwrite64":
            file.write(call.data, call.number)
        elif call.name == "ftruncate":
            del file.known[call.number :]
        else:
            file.safe = bytes(file.known)

    def _status(self, reader: str, *, is_cut: bool) -> str:
        """Where the row stands when the files are found again, after a crash or a power cut."""
        for name, file in self.disk.items():
            (self.folder / name).write_bytes(file.safe if is_cut else bytes(file.known))
        (self.folder / "newsletter.db-shm").unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(self.folder / "newsletter.db")) as connection:
            ((status,),) = connection.execute(
                "SELECT d.status FROM deliveries d JOIN subscribers s ON s.id = d.subscriber_id WHERE s.email = ?",
                (reader,),
            ).fetchall()
        return str(status)


def _read(found: re.Match[str]) -> Call:
    begun, name, rest = float(found["at"]), found["name"], found["rest"]
    data, number = b"", 0
    if (written := _BYTES.match(rest)) is not None:
        data = bytes.fromhex(written["hex"].replace("\\x", ""))[: int(found["answer"])]
        number = int(written["offset"] or 0)
    elif name == "ftruncate":
        number = int(rest.removeprefix(", "))
    place = bytes.fromhex(found["place"].replace("\\x", "")).decode()
    return Call(begun, begun + float(found["took"]), name, int(found["fd"]), place, data, number)
