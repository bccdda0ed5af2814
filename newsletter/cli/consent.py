"""`newsletter subscriber consent`: the evidence about one reader, for a court."""

from __future__ import annotations

import json
from pathlib import Path

import click

from newsletter.cli.console import Console, console_options
from newsletter.errors import NotFoundError


@click.command()
@click.argument("address")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file, for you alone.")
@console_options
def consent(console: Console, address: str, out: Path | None) -> None:
    """Everything that proves what ADDRESS agreed to: acts, wordings, mails, and how to check the chain by hand."""
    from newsletter import addresses, files
    from newsletter.subscribers import consent as records
    from newsletter.subscribers import people, testimony

    known = addresses.parse(address)
    with console.open_site() as site, site.database.read() as connection:
        person = people.find(connection, known.key)
        if person is None:
            raise NotFoundError(
                f"There is no subscriber {address}.", hint=f"`newsletter subscriber why {address}` says what is known."
            )
        with console.progress("Walking the chain", records.count(connection)) as advance:
            faults = [f"record {number} {what}" for number, what in records.broken(connection, advance)]
        document = testimony.document(connection, person, site.letterhead, site.clock(), faults)
        text = testimony.as_text(document, site.config.name)
    if out is None:
        console.result(document, text.rstrip())
        return
    written = json.dumps(document, ensure_ascii=False, indent=2) + "\n" if out.suffix == ".json" else text
    files.replace(out, written.encode("utf-8"), files.PRIVATE)
    console.result(document | {"file": str(out)}, f"Wrote {out} (readable by you alone).")
