"""What the ledger costs: sending with it beside sending without it, and its share of the processor.

Without it the same transport gets the same copies from the same composer, and a `settle` that lets everything
go and keeps nothing. For the processor's share a stand-in for the wire accepts ten copies at a time, so that
what is left after composing is claim, arm, record, pacing and breakers.
"""

from __future__ import annotations

import tempfile
import time
from itertools import islice
from pathlib import Path

import stage
import table
import wire
from stage import Relay

from newsletter.campaigns.compose import IssueComposer
from newsletter.deliveries.claims import Delivery
from newsletter.site import Site
from newsletter.transport.base import Envelope, Outcome, Phase, Settle, Take, Verdict

BATCH = 10
ACCEPTED = Outcome(Verdict.ACCEPTED, Phase.DOT, 250, "2.0.0", "Ok")


class TenAtATime:
    """A transport whose receiver accepts everything at once, in batches."""

    def __init__(self) -> None:
        self.settling = 0.0
        """Seconds of processor time for arming and recording."""

    def run(self, take: Take, settle: Settle) -> None:
        """See `Transport.run`: each batch is armed in the commit that records the batch before."""
        before: list[Envelope] = []
        while True:
            batch = list(islice(iter(take, None), BATCH))
            begun = time.process_time()
            settle([(each, ACCEPTED) for each in before], batch)
            self.settling += time.process_time() - begun
            if not batch:
                return
            before = batch


def main() -> None:
    """Three rows."""
    chosen = table.options(__doc__, messages=4000).parse_args()
    table.begin(chosen)
    with tempfile.TemporaryDirectory(prefix="newsletter-bench-") as folder, wire.sink() as port:
        place = Path(folder, "site")
        stage.build(place, chosen.messages)
        length = stage.write_issue(place, 30_000)
        with stage.opened(place, Relay(port)) as site:
            rows = stage.rows(site, stage.launch(site))
            composer = stage.composer(site)
            pairs = table.interleaved(
                chosen.rounds, lambda: send_without(site, composer, rows), lambda: stage.send(site)
            )
        table.row(
            f"with the ledger, {length / 1000:.1f} KB, 10 connections",
            table.at_least(0.85, "× without it"),
            [ours / theirs for theirs, ours in pairs],
            table.rates(pairs, "without", "with"),
        )
        length = stage.write_issue(place, 5_000)
        with stage.opened(place, Relay(port)) as site:
            shares = [processor_share(site) for _ in range(chosen.rounds)]
        table.row(
            f"the ledger's processor time a message, {length / 1000:.1f} KB, batches of {BATCH}",
            table.at_most(15, "µs"),
            [1e6 * whole / len(rows) for whole, _ in shares],
        )
        table.row("of which arming and recording", None, [1e6 * settling / len(rows) for _, settling in shares])


def send_without(site: Site, composer: IssueComposer, rows: list[Delivery]) -> float:
    """Messages a second by wire seconds, nobody keeping account."""
    transport, waiting = site.transport(), iter(rows)
    composer.compose(rows[0])

    def take() -> Envelope | None:
        row = next(waiting, None)
        return None if row is None else composer.compose(row)

    transport.run(take, lambda done, arming: ())
    return len(rows) / transport.wire_seconds


def processor_share(site: Site) -> tuple[float, float]:
    """Seconds of processor time for a whole campaign, less those for composing, and what arming and recording took."""
    campaign_id = stage.launch_again(site)
    rows = stage.rows(site, campaign_id)
    composer = stage.composer(site)
    composer.compose(rows[0])
    begun = time.process_time()
    for row in rows:
        composer.compose(row)
    composing = time.process_time() - begun
    transport = TenAtATime()
    sender = site.sender(campaign_id=campaign_id, transport=transport)
    begun = time.process_time()
    sender.drain()
    return time.process_time() - begun - composing, transport.settling


if __name__ == "__main__":
    main()
