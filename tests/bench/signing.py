"""What DKIM signatures cost, beside `openssl speed` doing nothing but the arithmetic of RSA-2048.

The first row is one signature: a copy filled and signed less the same copy unsigned. The second is a whole
signed campaign through the ledger into `smtp-sink`, beside `openssl speed` on all cores.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import stage
import table
import wire
from stage import Relay

from newsletter.campaigns.compose import IssueComposer
from newsletter.deliveries.claims import Delivery

_RESULT = re.compile(r"^rsa +2048 bits(?: +[\d.]+s)+ +(?P<rate>[\d.]+)", re.MULTILINE)
"""Seconds for each operation, then how many of each a second; signing comes first in both."""


def main() -> None:
    """Two rows."""
    chosen = table.options(__doc__, messages=3000).parse_args()
    table.begin(chosen)
    if shutil.which("openssl") is None:
        raise SystemExit("openssl is missing: install the package openssl.")
    with tempfile.TemporaryDirectory(prefix="newsletter-bench-") as folder, wire.sink() as port:
        place = Path(folder, "site")
        stage.build(place, chosen.messages)
        length = stage.write_issue(place, 30_000)
        with stage.opened(place, Relay(port, is_signed=True)) as site:
            rows = stage.rows(site, stage.launch(site))[:1000]
            plain, signing = stage.composer(site), stage.composer(site, is_signed=True)
            costs = table.interleaved(chosen.rounds, lambda: 1 / openssl(), lambda: signature(plain, signing, rows))
            cores = os.cpu_count() or 1
            rates = table.interleaved(chosen.rounds, lambda: openssl(cores), lambda: stage.send(site))
    table.row(
        f"one RSA-2048 signature, {length / 1000:.1f} KB",
        table.at_most(1.2, "× `openssl speed rsa2048`"),
        [ours / theirs for theirs, ours in costs],
        table.medians(costs, "openssl {:.0f} µs", "ours {:.0f} µs", scale=1e6),
    )
    table.row(
        f"signed, {length / 1000:.1f} KB, 10 connections",
        table.at_least(0.4, f"× `openssl speed -multi {cores} rsa2048`"),
        [ours / theirs for theirs, ours in rates],
        table.rates(rates, "openssl", "ours"),
    )


def openssl(processes: int = 1) -> float:
    """RSA-2048 signatures a second."""
    multi = ["-multi", str(processes)] if processes > 1 else []
    found = subprocess.run(
        ["openssl", "speed", "-seconds", "1", *multi, "rsa2048"], capture_output=True, text=True, check=True
    )
    result = _RESULT.search(found.stdout)
    if result is None:
        raise SystemExit(f"`openssl speed` prints something else here:\n{found.stdout}")
    return float(result["rate"])


def signature(plain: IssueComposer, signing: IssueComposer, rows: list[Delivery]) -> float:
    """Processor seconds that signing adds to a copy; `openssl speed` counts those of one process as well."""
    plain.compose(rows[0])
    signing.compose(rows[0])
    return _seconds(signing, rows) - _seconds(plain, rows)


def _seconds(composer: IssueComposer, rows: list[Delivery]) -> float:
    begun = time.process_time()
    for row in rows:
        composer.compose(row)
    return (time.process_time() - begun) / len(rows)


if __name__ == "__main__":
    main()
