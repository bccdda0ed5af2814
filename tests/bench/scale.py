"""What growth from ten thousand readers to a million does: memory, cost of a message, size of the ledger.

Every campaign is sent by a process of its own, which launches the issue and empties the ledger into
`smtp-sink`, and then tells its own peak memory. The small campaign is sent several times, before and after
the large one, so that a machine that changes its pace meanwhile does not pass for growth.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import stage
import table
import wire
from stage import Relay

SIZE = 5_000
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Figures:
    """What one sending process says about itself."""

    messages: int
    peak: int
    """Bytes of memory at the most."""
    launching: float
    """Seconds for checks, dry fill and freezing."""
    wire: float
    """Seconds from the first connect to the last final reply."""
    processor: float
    """Seconds of processor time while sending."""
    ledger: int
    """Bytes by which launching and sending made the database grow."""


def main() -> None:
    """Rows for memory, cost and size."""
    parser = table.options(__doc__, messages=1_000_000)
    parser.add_argument("--small", type=int, default=10_000, help="copies of the small campaign (default: %(default)s)")
    parser.add_argument("--child", nargs=2, metavar=("DIR", "PORT"), help="be the sending process")
    chosen = parser.parse_args()
    if chosen.child:
        print(json.dumps(asdict(send_here(Path(chosen.child[0]), int(chosen.child[1])))))
        return
    table.begin(chosen)
    with tempfile.TemporaryDirectory(prefix="newsletter-bench-") as folder, wire.sink() as port:
        little, large = Path(folder, "small"), Path(folder, "large")
        for place, people in ((little, chosen.small), (large, chosen.messages)):
            stage.build(place, people)
            stage.write_issue(place, SIZE)
        half = (chosen.rounds + 1) // 2
        small = [send_afar(little, port) for _ in range(half)]
        big = send_afar(large, port)
        small += [send_afar(little, port) for _ in range(chosen.rounds - half)]
    report(small, big)


def report(small: list[Figures], big: Figures) -> None:
    """Print what grew."""
    few, many = f"{small[0].messages:,}", f"{big.messages:,}"
    peaks = [each.peak for each in small]
    table.row(f"peak memory of the sender, {many} copies", table.at_most(100, "MB"), [big.peak / MEGABYTE])
    table.row(
        "the same",
        table.at_most(1.1, f"× {few} copies"),
        [big.peak / peak for peak in peaks],
        f"{statistics.median(peaks) / MEGABYTE:.1f} MB → {big.peak / MEGABYTE:.1f} MB",
    )
    for what, name in (("wire time a message", "wire"), ("processor time a message", "processor")):
        costs = [getattr(each, name) / each.messages for each in small]
        cost = getattr(big, name) / big.messages
        table.row(
            f"{what}, {many} copies of {SIZE / 1000:.0f} KB",
            table.at_most(1.1, f"× {few} copies"),
            [cost / each for each in costs],
            f"{1e6 * statistics.median(costs):.0f} µs → {1e6 * cost:.0f} µs",
        )
    table.row(
        f"the ledger on disk, {many} copies",
        None,
        [big.ledger / big.messages],
        f"bytes a row; {statistics.median(each.ledger / each.messages for each in small):.0f} with {few} copies",
    )
    launching = [each.launching / each.messages for each in small]
    table.row(
        f"launching (checks, dry fill, freeze), {many} copies",
        None,
        [big.launching],
        f"seconds; {1e6 * statistics.median(launching):.0f} µs → {1e6 * big.launching / big.messages:.0f} µs a copy",
    )


def send_afar(place: Path, port: int) -> Figures:
    """Send a whole campaign from a fresh copy of the Site, in a process of its own."""
    copy = place.with_name(f"{place.name}-sent")
    shutil.copytree(place, copy)
    try:
        command = [sys.executable, str(Path(__file__)), "--child", str(copy), str(port)]
        found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    finally:
        shutil.rmtree(copy)
    return Figures(**json.loads(found.stdout))


def send_here(place: Path, port: int) -> Figures:
    """Send a whole campaign from this process."""
    with stage.opened(place, Relay(port)) as site:
        before = stage.pages(site)
        begun = time.perf_counter()
        campaign_id = stage.launch(site)
        launching = time.perf_counter() - begun
        transport = site.transport()
        sender = site.sender(campaign_id=campaign_id, transport=transport)
        begun = time.process_time()
        sender.drain()
        processor = time.process_time() - begun
        return Figures(
            stage.sent(site, campaign_id),
            peak_memory(),
            launching,
            transport.wire_seconds,
            processor,
            stage.pages(site) - before,
        )


def peak_memory() -> int:
    """Bytes of memory this process has had at the most.

    The kernel's own mark of this program: `getrusage` would count what the parent had before it started us.
    """
    status = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(each.split()[1]) * 1024 for each in status if each.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
