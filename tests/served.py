"""A Site as its operator has it: made and driven by the command line, served by a process of its own."""

from __future__ import annotations

import json
import os
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsletter.transport.sandbox import ParsedMail, messages, read

PATIENCE = 20.0
"""Seconds anything may take that happens in another process."""


def run(
    *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """`newsletter ARGUMENTS` in a process of its own, with no settings of ours but `env`."""
    return subprocess.run(
        [sys.executable, "-m", "newsletter", *arguments],
        env=_environment(env or {}),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@dataclass(frozen=True)
class ServedSite:
    """A fresh Site with its pages up and no relay, so that all mail lands in its sandbox."""

    folder: Path
    url: str
    inbox_url: str
    env: Mapping[str, str]

    def command(self, *arguments: str) -> Any:
        """The JSON document that `newsletter ARGUMENTS --json` answers with; AssertionError unless it exits 0."""
        done = run("--site", str(self.folder), *arguments, "--json", env=self.env)
        assert done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stderr}"
        return json.loads(done.stdout)

    def mail(self, address: str, subject: str) -> ParsedMail:
        """The newest mail to `address` with `subject` in its subject, waited for."""
        folder = self.folder / "var" / "sandbox"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for stored in messages(folder):
                if stored.recipient == address and subject in stored.subject:
                    return read(folder, stored.id)
            time.sleep(0.05)
        raise AssertionError(f"no mail about {subject!r} reached {address} within {PATIENCE:.0f} s")


def link(mail: ParsedMail, path: str) -> str:
    """The address in the text part that leads to `path` and stands alone on its line."""
    found = re.search(rf"^https?://\S+{re.escape(path)}\S*(?=\r?$)", mail.text or "", re.MULTILINE)
    assert found, f"the mail has no link to {path}:\n{mail.text}"
    return found[0]


@contextmanager
def served(folder: Path, *, prepare: Callable[[Path], None] | None = None, **settings: str) -> Iterator[ServedSite]:
    """`newsletter init` and `newsletter serve` in `folder` on free ports; `settings` are environment variables.

    `prepare` may change the Site in `folder` before it is served.
    """
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    env = {"NEWSLETTER_BASE_URL": url, **settings}
    done = run("init", str(folder))
    assert done.returncode == 0, done.stderr
    if "NEWSLETTER_DATABASE__URL" in settings:
        done = run("--site", str(folder), "db", "upgrade", env=env)
        assert done.returncode == 0, done.stderr
    if prepare is not None:
        prepare(folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "newsletter", "--site", str(folder), "serve", "--port", str(port)],
        env=_environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        said = _until(process.stdout.fileno(), r"sandbox: (\S+)\n")
        yield ServedSite(folder, url, said[1].rstrip("/"), env)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, f"serve ended with {process.returncode}"


def _until(descriptor: int, pattern: str) -> re.Match[str]:
    """What a process says, read until `pattern` is in it."""
    said = b""
    deadline = time.monotonic() + PATIENCE
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if not selector.select(timeout=0.5):
                continue
            data = os.read(descriptor, 4096)
            said += data
            found = re.search(pattern, said.decode("utf-8", "replace"))
            if found:
                return found
            if not data:
                break
    raise AssertionError(f"serve did not come up:\n{said.decode('utf-8', 'replace')}")


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
    return {**kept, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", **more}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
