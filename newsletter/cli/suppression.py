"""`newsletter suppression`: addresses that are never mailed again."""

from __future__ import annotations

import click

from newsletter.cli.console import Console, console_options, table
from newsletter.errors import NotFoundError


@click.group()
@console_options
def suppression(_console: Console) -> None:
    """Addresses that are never mailed again."""


@suppression.command()
@click.argument("address")
@click.option("--note", default="", help="Why; for your own record.")
@console_options
def add(console: Console, address: str, note: str) -> None:
    """Never mail ADDRESS again, whoever signs it up."""
    from newsletter import addresses
    from newsletter.store.schema import SuppressionReason
    from newsletter.subscribers import suppression as suppressions

    with console.open_site() as site:
        digest = site.keys.address_hash(addresses.parse(address).key)
        with site.database.write() as connection:
            suppressions.suppress(connection, digest, SuppressionReason.MANUAL, site.clock(), note)
            reason = suppressions.reason_for(connection, digest)
    console.result({"email": address, "suppressed": reason}, f"{address} is suppressed ({reason}).")


@suppression.command("list")
@console_options
def list_suppressions(console: Console) -> None:
    """Suppressions; the address is shown only while its subscriber is on file."""
    from newsletter.subscribers import suppression as suppressions

    with console.open_site() as site, site.database.read() as connection:
        rows = suppressions.page(connection)
    document = [
        {
            "email": row.email,
            "reason": row.reason,
            "note": row.note,
            "created_at": row.created_at.isoformat(timespec="seconds"),
            "hash": row.address_hash.hex(),
        }
        for row in rows
    ]
    text = table(
        [
            (each["email"] or each["hash"][:16] + "…", each["reason"], each["created_at"], each["note"])
            for each in document
        ],
        ("ADDRESS", "REASON", "SINCE", "NOTE"),
    )
    console.result(document, text if document else "Nobody is suppressed.")


@suppression.command()
@click.argument("address")
@console_options
def remove(console: Console, address: str) -> None:
    """Lift a suppression; it does not bring back a subscription."""
    from newsletter import addresses
    from newsletter.subscribers import suppression as suppressions

    with console.open_site() as site:
        digest = site.keys.address_hash(addresses.parse(address).key)
        with site.database.read() as connection:
            reason = suppressions.reason_for(connection, digest)
        if reason is None:
            raise NotFoundError(f"{address} is not suppressed.")
        console.require(f"{address} is suppressed ({reason}). Lift it?")
        with site.database.write() as connection:
            suppressions.release(connection, digest, site.clock())
    console.result({"email": address, "suppressed": None}, f"{address} may be mailed again, once they sign up.")
