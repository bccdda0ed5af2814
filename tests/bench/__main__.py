"""Every benchmark, one after the other, as one table: `python tests/bench [--full]`.

Each runs in a process of its own, so that none inherits what another left in memory. Without `--full` the
million readers and the slow peers are left out, and the rest takes a few minutes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import table

QUICK = (
    ("send.py",),
    ("building.py",),
    ("signing.py",),
    ("ledger.py",),
    ("imports.py", "--messages", "100000"),
    ("freeze.py", "--messages", "100000"),
    ("flood.py", "--attempts", "8000", "--addresses", "400"),
    ("discretion.py",),
)
FULL = (
    ("send.py",),
    ("peers.py",),
    ("building.py",),
    ("signing.py",),
    ("ledger.py",),
    ("imports.py", "--messages", "1000000"),
    ("freeze.py",),
    ("scale.py",),
    ("flood.py",),
    ("discretion.py",),
)


def main() -> int:
    """Run them; 1 when one of them could not be run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="with a million readers and the slow peers")
    chosen = parser.parse_args()
    table.head()
    here = Path(__file__).parent
    broken = [
        name
        for name, *options in (FULL if chosen.full else QUICK)
        if subprocess.run([sys.executable, str(here / name), *options, "--bare"], check=False).returncode
    ]
    for name in broken:
        print(f"{name} did not finish.", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
