"""The benchmarks measure what there is now: the document that other programs fill names all of our slots."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parent / "bench"


def test_peers_can_fill_every_slot_of_the_issue() -> None:
    command = [sys.executable, str(BENCH / "building.py"), "--rounds", "1", "--messages", "20"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "× a bare jinja2 render" in done.stdout
