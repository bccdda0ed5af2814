"""`newsletter init`: a Site that works at once and sends into the sandbox."""

from __future__ import annotations

from pathlib import Path

import click

from newsletter.cli.console import Console, console_options


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the newsletter.")
@click.option("--from", "address", metavar="ADDRESS", help="Address in the From line.")
@console_options
def init(console: Console, folder: Path, name: str | None, address: str | None) -> None:
    """Make a new Site in DIR: settings, two example issues, keys and an empty database."""
    from newsletter import addresses
    from newsletter.site import Site
    from newsletter.starter.plant import plant
    from newsletter.tokens import KeyRing

    if address:
        address = addresses.parse(address).email
    plant(folder, name=name, address=address)
    with Site.open(folder) as site:
        if not site.keys_path.exists():
            KeyRing.create(site.keys_path, site.clock())
        site.upgrade()
        slugs = site.issues()
    console.result(
        {"site": str(folder), "issues": slugs},
        f"A Site is ready in {folder}. Mail goes to a sandbox on this machine until you set [smtp].\n\n"
        f"  cd {folder}\n"
        f"  newsletter preview {slugs[0]} --open     see the example issue\n"
        f"  newsletter serve                               the sign-up form, pages and sender\n"
        f"  newsletter check {slugs[0]}              look it over before sending\n\n"
        "Put your own postal address into newsletter.toml before you send to readers.",
    )
