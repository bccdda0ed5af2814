"""Running `newsletter` inside the test's own process: the same `main`, its output and its exit code."""

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from newsletter.cli.main import main


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Commands:
    """Runs commands on one Site; standard input is no terminal, as in a script."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capfd = capfd

    def __call__(self, *words: object, stdin: bytes = b"") -> Done:
        """Run it, whatever it exits with."""
        self._capfd.readouterr()
        self._monkeypatch.setattr(sys, "argv", ["newsletter", "--site", str(self.folder), *map(str, words)])
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capfd.readouterr()
        return Done(int(ended.value.code or 0), out, err)

    def ok(self, *words: object, stdin: bytes = b"") -> Done:
        """Run it and insist on exit code 0."""
        done = self(*words, stdin=stdin)
        assert done.code == 0, done.err
        return done
