"""`newsletter doctor`: whether the Site is fit to send, and what to publish or change where it is not."""

from __future__ import annotations

import os
import sys

import click

from newsletter.cli.console import Console, console_options
from newsletter.errors import ConfigError


@click.command()
@click.option("--quick", is_flag=True, help="Ask nothing of the network (for health checks of containers).")
@click.option("--resolver", default="", metavar="ADDRESS", help="DNS server to ask instead of this machine's.")
@console_options
def doctor(console: Console, resolver: str, *, quick: bool) -> int:
    """Look over configuration, keys, database, DNS, relay and pages; exits 3 when something has to be mended."""
    from newsletter.doctor import HERE, OUTSIDE, Names, has_errors
    from newsletter.doctor.names import system
    from newsletter.doctor.reporting import as_document, as_text
    from newsletter.site.checkup import checkup

    names = Names(system(resolver))
    with console.progress("Looking", len(HERE) + (0 if quick else len(OUTSIDE))) as said:
        findings = checkup(console.site_dir, names, quick=quick, said=said)
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    console.result(as_document(findings), as_text(findings, colour=colour))
    return ConfigError.exit_code if has_errors(findings) else 0
