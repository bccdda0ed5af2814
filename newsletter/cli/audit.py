"""`newsletter db verify`: whether what the database tells is true, as far as it can know."""

from __future__ import annotations

import click

from newsletter.cli.console import Console, console_options, plural
from newsletter.errors import StoreError

SHOWN = 3
"""Faults in the last line; the document has all of them."""


@click.command()
@click.option("--holds", "seen", metavar="HASH", help="A hash the chain once ended with; it must still be in it.")
@console_options
def verify(console: Console, seen: str | None) -> None:
    """Check the chain of consent records, the ledger, the key ring and the journal of departures."""
    from newsletter.deliveries import invariants as of_the_ledger
    from newsletter.subscribers import consent, departures
    from newsletter.subscribers import invariants as of_the_people

    with console.open_site() as site, site.database.read() as connection:
        records, people = consent.count(connection), of_the_people.count(connection)
        with console.progress("Walking the chain of consent", records) as advance:
            faults = [f"consent record {number} {what}" for number, what in consent.broken(connection, advance)]
        with console.progress("Comparing addresses", people) as advance:
            faults += of_the_people.broken(connection, site.keys, advance)
        if seen and not consent.holds(connection, seen):
            faults.append(f"the chain of consent once ended with {seen} and holds it no more")
        console.note("Looking through the ledger.")
        faults += of_the_ledger.broken(connection)
        last_hash = consent.last_hash(connection)
        name, _size = site.departures.state()
        if name and departures.is_behind(connection, site.departures):
            faults.append(f"the database does not know all of {site.departures.path}; `newsletter db adopt` mends it")
    document = {"ok": not faults, "faults": faults, "records": records, "last_hash": last_hash, "people": people}
    sound = f"All is as it should be: {plural(records, 'record')} of consent, {plural(people, 'reader')} on file."
    console.result(document, "" if faults else f"{sound}\nThe chain ends with {last_hash}.")
    if faults:
        shown = "; ".join(faults[:SHOWN]) + ("; …" if len(faults) > SHOWN else "")
        raise StoreError(f"Not all is as it should be: {shown}.", hint="Look at every fault with --json.")
