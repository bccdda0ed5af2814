"""How fast the sender is, as a ratio to Postfix's own C load generator in the same run.

Each round sends the same number of messages of the same size over the same number of connections, with
`smtp-source` and with ours, into the same `smtp-sink`. Ours is the whole thing: an issue compiled and filled
for each reader, claimed, armed and recorded in a SQLite ledger.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import stage
import table
import wire
from stage import Relay

CASES = (
    (30, 10, "process", 1.0),
    (5, 10, "process", 0.9),
    (30, 1, "process", 1.15),
    (5, 1, "process", 1.4),
    (30, 10, "power", 1.0),
    (5, 10, "power", 0.5),
)
"""Kilobytes, connections, durability, and the ratio that is needed."""


def main() -> None:
    """A row for each case that was chosen."""
    parser = table.options(__doc__, messages=4000)
    parser.add_argument("--sizes", default="30,5", metavar="KB,…", help="sizes to measure (default: %(default)s)")
    parser.add_argument("--connections", default="10,1", metavar="N,…", help="how many (default: %(default)s)")
    parser.add_argument("--durability", default="process,power", metavar="WORD,…", help="default: %(default)s")
    chosen = parser.parse_args()
    wanted = [set(getattr(chosen, name).split(",")) for name in ("sizes", "connections", "durability")]
    table.begin(chosen)
    with tempfile.TemporaryDirectory(prefix="newsletter-bench-") as folder, wire.sink() as port:
        place = Path(folder, "site")
        stage.build(place, chosen.messages)
        for size, connections, durability, needed in CASES:
            if {str(size)} <= wanted[0] and {str(connections)} <= wanted[1] and {durability} <= wanted[2]:
                relay = Relay(port, connections, durability)
                measure(place, relay, size, needed, chosen.rounds, chosen.messages)


def measure(place: Path, relay: Relay, size: int, needed: float, rounds: int, messages: int) -> None:
    """One row."""
    length = stage.write_issue(place, size * 1000)
    with stage.opened(place, relay) as site:
        pairs = table.interleaved(
            rounds,
            lambda: wire.smtp_source(relay.port, messages, length, relay.connections),
            lambda: stage.send(site),
        )
    table.row(
        f"{length / 1000:.1f} KB, {relay.connections} connection{'s' * (relay.connections > 1)}"
        + (', `durability = "power"`' if relay.durability == "power" else ""),
        table.at_least(needed, f"× `smtp-source -d -s {relay.connections}`"),
        [ours / theirs for theirs, ours in pairs],
        table.rates(pairs, "smtp-source", "ours"),
    )


if __name__ == "__main__":
    main()
