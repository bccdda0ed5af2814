"""`newsletter send --rehearse`: the whole send with the whole audience, and nobody gets anything.

The Site stays as it is. A copy of the database in a private folder takes the place of the database, a
stand-in on this machine that of the relay, and both are gone when the command ends, however it ends.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from newsletter.cli.console import Console, plural
from newsletter.cli.rehearsed import Run, report
from newsletter.cli.scratch import private_folder
from newsletter.errors import TransportUnavailable

if TYPE_CHECKING:
    from newsletter.campaigns.launch import Order
    from newsletter.site import Site
    from newsletter.transport.base import Outcome
    from newsletter.transport.sandbox import Faults

PARTIAL = 5
"""Exit code: the rehearsal ended before every copy was tried."""


def rehearse(console: Console, slug: str, list_slug: str | None, faults: Faults) -> int:
    """Rehearse issue `slug`; refused by what a send is refused by, except that it was sent already.

    Returns 0, or 5 when the campaign paused itself or the sender gave up before every copy was tried.
    """
    from newsletter.campaigns import launch, rehearsal
    from newsletter.checks.findings import errors
    from newsletter.site import Site
    from newsletter.transport.standin import standing_in

    with console.open_site() as site:
        checked = site.check(slug)
        if found := errors(checked.findings):
            launch.refuse_faults(slug, found)
        with private_folder(site.var) as folder:
            rehearsal.copy_database(site.database, folder / "newsletter.db")
            site.database.close()  # its cache would be counted in, and nobody asks it any more
            url = f"sqlite:///{folder.relative_to(site.root).as_posix()}/newsletter.db"
            with (
                standing_in(folder / "relay", faults) as port,
                Site(site.root, rehearsal.settings(site.config, url, port), site.origins, site.clock) as copy,
            ):
                copy.var = folder
                order = copy.order(checked, list_slug)
                with copy.database.write() as connection:
                    earlier = rehearsal.forget_earlier(connection, order)
                run = _perform(console, site, copy, order)
        report(console, order, run, faults, earlier)
    return PARTIAL if run.review.untried or run.gave_up else 0


def _perform(console: Console, site: Site, copy: Site, order: Order) -> Run:
    from newsletter.campaigns import rehearsal
    from newsletter.deliveries.pacing import Limits

    began = time.monotonic()
    launched = copy.launch(order, errors=(), expect=None)
    launch_seconds = time.monotonic() - began
    console.note(f"Rehearsing with {plural(launched.audience, 'reader')} of {order.list_slug}; nobody is mailed.")
    transport = copy.transport()
    memory_before = rehearsal.peak_memory()
    started, gave_up = time.monotonic(), ""
    with console.progress("Rehearsing", launched.audience) as advance:
        tries = _Tries(launched.audience)

        def progress(outcome: Outcome) -> None:
            advance(tries.count(outcome))

        try:
            copy.sender(campaign_id=launched.campaign_id, progress=progress, transport=transport).drain()
        except TransportUnavailable as error:
            gave_up = error.message
    ended = time.monotonic()
    with copy.database.read() as connection:
        review = rehearsal.review(connection, launched.campaign_id)
    smtp, pacing = site.config.smtp, site.config.pacing
    return Run(
        review=review,
        seconds=ended - began,
        launch_seconds=launch_seconds,
        wire_seconds=transport.wire_seconds,
        tries_seconds=(tries.complete_at or ended) - started,
        connections=transport.settings.connections,
        memory_before=memory_before,
        peak_memory=rehearsal.peak_memory(),
        least=rehearsal.least(review.providers, Limits(pacing.rate, smtp.rate if smtp else None, pacing.providers)),
        gave_up=gave_up,
    )


class _Tries:
    """Counts outcomes, and notes when there was one for everybody: what comes then are second tries."""

    def __init__(self, audience: int) -> None:
        self._audience = audience
        self._count = 0
        self.complete_at: float | None = None

    def count(self, _outcome: Outcome) -> int:
        """How many copies were tried by now, as far as a progress bar wants to know."""
        self._count += 1
        if self._count == self._audience:
            self.complete_at = time.monotonic()
        return min(self._count, self._audience)
