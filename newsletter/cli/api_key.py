"""`newsletter api-key`: which programs may use the API, and for what."""

from __future__ import annotations

from typing import Any

import click

from newsletter.access.keys import MAX_RATE, RATE, ApiKey
from newsletter.access.scopes import Scope
from newsletter.cli.console import Console, console_options, table

_WIDEST = 32
"""Characters of a name in a table."""


@click.group("api-key")
@console_options
def api_key(_console: Console) -> None:
    """Let programs use the API."""


@api_key.command()
@click.option("--name", required=True, help="Who will use it; the evidence of consent names it.")
@click.option(
    "--scope",
    "words",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it may do; repeatable.",
)
@click.option(
    "--rate", default=RATE, show_default=True, type=click.IntRange(1, MAX_RATE), help="Requests a minute at the most."
)
@console_options
def create(console: Console, name: str, words: tuple[str, ...], rate: int) -> None:
    """Make a key; it is shown this once."""
    from newsletter.access import keys, scopes

    with console.open_site() as site, site.database.write() as connection:
        made, text = keys.create(connection, name, scopes.clean(words), site.clock(), rate=rate)
    console.note("This is shown only once; the database keeps a hash of it.")
    console.result({**_document(made), "key": text}, text)


@api_key.command("list")
@console_options
def list_keys(console: Console) -> None:
    """Every key, by the letters it begins with."""
    from newsletter.access import keys

    with console.open_site() as site, site.database.read() as connection:
        document = [_document(each) for each in keys.every(connection)]
    cells = [
        (
            *((each["prefix"], _short(each["name"])) if scope is first else ("", "")),
            scope,
            *((_day(each["last_used_at"]) or "never", _day(each["revoked_at"])) if scope is first else ("", "")),
        )
        for each in document
        for first in each["scopes"][:1]
        for scope in each["scopes"]
    ]
    heads = ("KEY", "NAME", "SCOPES", "LAST USED", "REVOKED")
    console.result(document, table(cells, heads) if cells else "There are no keys.")


@api_key.command()
@click.argument("prefix")
@console_options
def revoke(console: Console, prefix: str) -> None:
    """Let the key that begins with PREFIX open nothing any more."""
    from newsletter.access import keys

    with console.open_site() as site, site.database.write() as connection:
        revoked = keys.revoke(connection, prefix, site.clock())
    console.result(
        {"prefix": f"nlk_{revoked.prefix}", "revoked": True},
        f"The key nlk_{revoked.prefix} ({revoked.name}) is revoked.",
    )


def _day(moment: str | None) -> str:
    """Of a moment as `iso` writes it; `--json` tells all of it."""
    return (moment or "").partition("T")[0]


def _short(name: str) -> str:
    return name if len(name) <= _WIDEST else f"{name[: _WIDEST - 1]}…"


def _document(key: ApiKey) -> dict[str, Any]:
    from newsletter.store.types import iso

    return {
        "prefix": f"nlk_{key.prefix}",
        "name": key.name,
        "scopes": [scope.value for scope in key.scopes],
        "rate": key.rate,
        "created_at": iso(key.created_at),
        "last_used_at": iso(key.last_used_at),
        "revoked_at": iso(key.revoked_at),
    }
