"""`newsletter db tidy`: what `serve` does every few minutes, done once and to the end."""

from __future__ import annotations

import click

from newsletter.cli.console import Console, console_options, plural


@click.command()
@console_options
def tidy(console: Console) -> None:
    """Let go of what is over: old sign-ups, reports, counters (for hosts with cron and no `serve`)."""
    from newsletter.site.tidying import tidy as tidied

    with console.open_site() as site:
        done = tidied(site, batches=None)
    console.result(
        {"expired": done.expired, "deleted": done.deleted, "reports": done.reports, "evidence": done.evidence},
        f"{plural(done.expired, 'sign-up')} expired, {plural(done.deleted, 'old one')} deleted; "
        f"{plural(done.reports, 'report')} deleted, {plural(done.evidence, 'record')} of consent made nameless.",
    )
