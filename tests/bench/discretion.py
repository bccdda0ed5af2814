"""What the time of an answer tells a stranger about an address: nothing, if it cannot be told from chance.

Sign-ups of five kinds of addresses come in random order through one connection to a served Site: new ones, and those
of readers who asked a moment ago, are confirmed, have left, or are never to be mailed. For each kind the figure is
how often an answer to it takes longer than one to a new address: a half is a coin that is thrown.
"""

from __future__ import annotations

import argparse
import bisect
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import flood
import served
import table

from newsletter import addresses
from newsletter.site import Site
from newsletter.store.schema import SubscriptionStatus, SuppressionReason
from newsletter.subscribers import lifecycle, people, suppression

NEEDED = 0.1
"""How far from a half a share may be. Of 400 answers a kind, chance alone makes some 0.04."""
KINDS = ("asked", "confirmed", "left", "suppressed")


def main() -> int:
    """One row for each kind; 1 when one of them can be told from new."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=400, help="of each kind (default: %(default)s)")
    parser.add_argument("--bare", action="store_true", help="rows without the head of the table")
    chosen = parser.parse_args()
    table.begin(chosen)
    with (
        tempfile.TemporaryDirectory(prefix="newsletter-bench-") as folder,
        served.served(Path(folder, "site"), **flood.PROXY, **flood.OPEN) as site,
    ):
        prepare(Path(folder, "site"), chosen.answers)
        found = measure(site.url, chosen.answers)
    new, is_met = sorted(found["new"]), True
    for kind in KINDS:
        share = statistics.fmean(_slower(each, new) for each in found[kind])
        note = (
            f"slower than new in {100 * share:.1f} % of all pairs; median {_median(found[kind])} ms "
            f"beside {_median(new)} ms, {chosen.answers} answers each"
        )
        needed, figure = table.at_most(NEEDED, "from a half"), abs(share - 0.5)
        table.row(f"what time tells of an address: {kind}", needed, [figure], note)
        is_met = is_met and needed.is_met(figure)
    return 0 if is_met else 1


def prepare(folder: Path, count: int) -> None:
    """Put people of every kind but `new` and `asked` into the tables."""
    with Site.open(folder) as site, site.database.write() as connection:
        now, list_id = site.clock(), next(iter(site.list_ids.values()))
        for number in range(count):
            for kind in ("confirmed", "left"):
                person = people.file(connection, addresses.parse(_address(kind, number)), site.keys, now)
                lifecycle.ask(connection, person.id, list_id, "form", now)
                lifecycle.move(connection, person.id, list_id, SubscriptionStatus.CONFIRMED, now)
                if kind == "left":
                    lifecycle.move(connection, person.id, list_id, SubscriptionStatus.UNSUBSCRIBED, now)
            digest = site.keys.address_hash(_address("suppressed", number))
            suppression.suppress(connection, digest, SuppressionReason.ERASED, now)


def measure(url: str, count: int) -> dict[str, list[float]]:
    """Seconds by kind."""
    visitor, form = flood.Visitor(url), flood.form_of(url)
    ip = (flood.ip_of(number) for number in range(10 * count))
    for number in range(count):
        visitor.post({**form, "email": _address("asked", number)}, next(ip))
    turns = [(kind, number) for kind in ("new", *KINDS) for number in range(count)]
    random.Random(count).shuffle(turns)
    found: dict[str, list[float]] = defaultdict(list)
    for kind, number in turns:
        before = len(visitor.times.seconds)
        visitor.post({**form, "email": _address(kind, number)}, next(ip))
        found[kind] += visitor.times.seconds[before:]
        time.sleep(0.005)  # whatever an answer set off is over before the next
    assert set(visitor.times.statuses) == {303}, visitor.times.statuses
    return found


def _address(kind: str, number: int) -> str:
    return f"{random.Random(f'{kind}{number}').randbytes(6).hex()}@example{number % 50}.org"


def _slower(seconds: float, ordered: list[float]) -> float:
    """In what share of all pairs with `ordered` this one is the slower; a tie is half a pair."""
    return (bisect.bisect_left(ordered, seconds) + bisect.bisect_right(ordered, seconds)) / (2 * len(ordered))


def _median(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):.2f}"


if __name__ == "__main__":
    sys.exit(main())
