"""The editor's desk: a real Site, the real command line as processes of its own, and what stands in the ledger after.

Nothing here reaches into the program. Commands are started as an operator starts them, the relay is a socket,
and the ledger is read with `sqlite3` from the file that the program left behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

ISSUE = "001-why-your-back-hurts"
LIST = "steady-spine"
READERS = int(os.environ.get("NEWSLETTER_TEST_READERS", "3000"))
"""How many readers the stories about a big send have."""


class Result(NamedTuple):
    """What a command left behind; `out` and `err` as text."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document of `--json`."""
        return json.loads(self.out)


class Copy(NamedTuple):
    """One row of the ledger of issues."""

    status: str
    tries: int
    code: int | None
    due_in: float
    """Seconds from now."""


class Command:
    """A command that is running."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def result(self, timeout: float = 60) -> Result:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=timeout)
        return Result(self.process.returncode, out, err)

    def end(self) -> None:
        """Make sure that it is gone."""
        if self.running:
            self.process.kill()
        with contextlib.suppress(ValueError):  # its pipes were read to the end already
            self.process.communicate(timeout=10)


@dataclass
class Desk:
    """One Site with `readers` confirmed readers, and the command line on it."""

    root: Path
    readers: int
    settings: dict[str, str] = field(default_factory=dict)
    """Variables for every command started from now on."""
    commands: list[Command] = field(default_factory=list)

    # -- doing -----------------------------------------------------------------------------------

    def relay(self, port: int, security: str = "none", host: str = "127.0.0.1", **more: object) -> None:
        """Send through this relay; `more` are further keys of `[smtp]`."""
        keys = {"host": host, "port": port, "security": security, **more}
        self.settings |= {f"NEWSLETTER_SMTP__{key.upper()}": str(value) for key, value in keys.items()}

    def start(
        self, *arguments: str, program: tuple[str, ...] = ("-m", "newsletter"), under: tuple[str, ...] = ()
    ) -> Command:
        """Start a command, maybe under another program; come back at once. It does not outlive the test."""
        process = subprocess.Popen(
            [*under, sys.executable, *program, *arguments],
            cwd=self.root,
            env=environment(self.settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.commands.append(Command(process))
        return self.commands[-1]

    def run(self, *arguments: str, timeout: float = 60) -> Result:
        """Run a command to its end; whatever happens, nobody is shown a traceback."""
        result = self.start(*arguments).result(timeout)
        assert "Traceback" not in result.err, result.err
        return result

    def send(self, *arguments: str, timeout: float = 60) -> Result:
        """`send` the issue to everybody."""
        return self.run(*self.send_words(*arguments), timeout=timeout)

    def start_send(self, *arguments: str) -> Command:
        """The same, and come back at once."""
        return self.start(*self.send_words(*arguments))

    def send_words(self, *arguments: str) -> tuple[str, ...]:
        """The words of that command."""
        return ("send", ISSUE, "--yes", "--expect", str(self.readers), *arguments)

    # -- looking ---------------------------------------------------------------------------------

    def sql(self, statement: str, *values: object) -> list[Any]:
        """What a statement answers; it is committed."""
        with contextlib.closing(sqlite3.connect(self.root / "var/newsletter.db", timeout=10)) as connection:
            rows = connection.execute(statement, values).fetchall()
            connection.commit()
        return rows

    def ledger(self) -> dict[str, Copy]:
        """The newest row of every reader, by address."""
        now = time.time() * 1000
        rows = self.sql(
            "SELECT s.email, d.status, d.tries, d.code, d.due_at FROM deliveries d "
            "JOIN campaigns c ON c.id = d.campaign_id JOIN subscribers s ON s.id = d.subscriber_id "
            "WHERE c.kind = 'issue' ORDER BY d.campaign_id"
        )
        return {email: Copy(status, tries, code, (due - now) / 1000) for email, status, tries, code, due in rows}

    def statuses(self) -> dict[str, int]:
        """How many readers stand where."""
        return dict(Counter(copy.status for copy in self.ledger().values()))

    def those(self, status: str) -> list[str]:
        """The readers that stand there."""
        return sorted(email for email, copy in self.ledger().items() if copy.status == status)

    def campaign(self, column: str = "status") -> Any:
        """A column of the newest issue campaign."""
        return self.sql(f"SELECT {column} FROM campaigns WHERE kind = 'issue' ORDER BY id DESC LIMIT 1")[0][0]


def environment(settings: dict[str, str]) -> dict[str, str]:
    """The surroundings of a command: ours without settings of the newsletter, and `settings`."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("NEWSLETTER_")}
    return {**ours, "NO_COLOR": "1", **settings}


def eventually(condition: Callable[[], bool], what: str, timeout: float = 20) -> None:
    """Wait for something that becomes true in another process."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"not in {timeout:g} s: {what}"
        time.sleep(0.02)
