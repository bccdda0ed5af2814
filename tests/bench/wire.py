"""Postfix's pair of test programs: a sink that takes everything, and a load generator in C to be compared with."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"


@contextmanager
def sink() -> Iterator[int]:
    """`smtp-sink` on a free port, which is handed over."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [_postfix("smtp-sink"), *user, f"127.0.0.1:{port}", "1000"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def smtp_source(port: int, messages: int, size: int, connections: int) -> float:
    """Messages a second of the load generator: `size` bytes each, over connections that are kept (-d)."""
    command = [_postfix("smtp-source"), "-d", "-s", str(connections), "-m", str(messages), "-l", str(size)]
    begun = time.perf_counter()
    subprocess.run([*command, f"127.0.0.1:{port}"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return messages / (time.perf_counter() - begun)


def _postfix(name: str) -> str:
    program = shutil.which(name, path=_PATH)
    if program is None:
        raise SystemExit(f"{name} is missing: install the package postfix.")
    return program
