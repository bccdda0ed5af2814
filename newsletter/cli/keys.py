"""`newsletter keys`: the Site's signing keys."""

from __future__ import annotations

import click

from newsletter.cli.console import Console, console_options


@click.group()
def keys() -> None:
    """Create and rotate the signing keys."""


@keys.command()
@console_options
def create(console: Console) -> None:
    """Make the key ring of a Site that has none."""
    from newsletter.tokens import KeyRing

    with console.open_site() as site:
        KeyRing.create(site.keys_path, site.clock())
        console.result({"file": str(site.keys_path)}, f"Made {site.keys_path}. Keep a copy apart from the database.")


@keys.command()
@console_options
def rotate(console: Console) -> None:
    """Sign new links with a new key; links in mails that were sent go on working."""
    with console.open_site() as site:
        console.require("Make a new signing key?")
        ring = site.keys.rotated(site.clock())
        ring.save(site.keys_path)
        newest = ring.signing[-1].id
        console.result(
            {"key": newest}, f"New links are signed with key {newest}. Running servers use it after a restart."
        )
