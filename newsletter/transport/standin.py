"""A stand-in for the relay: a sandbox in a process of its own that throws away what it gets.

A rehearsal measures the sender. In the sender's own process the server would take its share of the
interpreter and of the memory, and the figures would be about both. The other process ends with its
standard input, so that it cannot outlive us, whatever befalls us.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from newsletter.errors import TransportUnavailable
from newsletter.transport.sandbox import Faults, Sandbox


@contextmanager
def standing_in(folder: Path, faults: Faults) -> Iterator[int]:
    """A server on loopback that misbehaves as told, until the block ends; gives its port.

    `folder` is for its notes to itself. Raises `TransportUnavailable` when it does not come up.
    """
    # -P: whatever lies in the folder we happen to be in is not to be imported.
    words = [sys.executable, "-P", "-m", __name__, str(folder), json.dumps(asdict(faults))]
    # A session of its own: Ctrl-C is for us, and the server has to be there while we finish.
    with subprocess.Popen(  # noqa: S603 - ourselves
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdin is not None  # noqa: S101 - both are pipes, as asked for above
        assert process.stdout is not None  # noqa: S101
        try:
            said = process.stdout.readline()
            if not said.strip().isdigit():
                raise TransportUnavailable(
                    "The stand-in for the relay did not start.", hint="Is there room for one more process?"
                )
            yield int(said)
        finally:
            process.stdin.close()


def main(folder: str, faults: str) -> None:
    """Serve until standard input ends."""
    with Sandbox(Path(folder), faults=Faults(**json.loads(faults)), keeps=False) as sandbox:
        print(sandbox.address.port, flush=True)  # the one word our parent waits for
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
