"""`newsletter init`: a Site that works at once and sends into the sandbox."""

from __future__ import annotations

from pathlib import Path

import click

from newsletter.cli.console import Console, console_options
from newsletter.errors import NewsletterError


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the newsletter.")
@click.option("--from", "address", metavar="ADDRESS", help="Address in the From line.")
@console_options
def init(console: Console, folder: Path, name: str | None, address: str | None) -> None:
    """Make a new Site in DIR: settings, two example issues, keys and an empty database."""
    from newsletter import addresses, config
    from newsletter.site import Site
    from newsletter.starter import plant
    from newsletter.tokens import KeyRing

    plant.refuse_taken(folder)
    if address is not None:
        address = addresses.parse(address).email
    text = plant.settings(name=_checked(name), address=address)
    # Everything is known to be usable, the environment included, before the first file is written.
    settings, origins = config.parse(text, folder.resolve())
    with plant.planting(folder, text), Site(folder.resolve(), settings, origins) as site:
        if not site.keys_path.exists():
            KeyRing.create(site.keys_path, site.clock())
        site.upgrade()
        slugs = site.issues()
    steps = [("newsletter serve", "the sign-up form, pages and sender")]
    if slugs:
        steps.insert(0, (f"newsletter preview {slugs[0]} --open", "see the example issue"))
        steps.append((f"newsletter check {slugs[0]}", "look it over before sending"))
    width = max(len(command) for command, _ in steps)
    console.result(
        {"site": str(folder), "issues": slugs},
        f"A Site is ready in {folder}. Mail goes to a sandbox on this machine until you set [smtp].\n\n"
        f"  cd {folder}\n"
        + "".join(f"  {command:{width}}  {what}\n" for command, what in steps)
        + "\nPut your own postal address into newsletter.toml before you send to readers.",
    )


def _checked(name: str | None) -> str | None:
    if name is not None and (not name.strip() or not name.isprintable()):
        raise NewsletterError(
            f"{name!r} cannot name a newsletter.", hint='Use one line of text, for instance --name "The Steady Spine".'
        )
    return name and name.strip()
