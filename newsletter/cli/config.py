"""`newsletter config`: what is in force, and where it came from."""

from __future__ import annotations

from typing import Any

import click

from newsletter.cli.console import Console, console_options, table


@click.group()
def config() -> None:
    """Show and check the configuration."""


@config.command()
@console_options
def show(console: Console) -> None:
    """Print every setting, its value and where it came from (secrets are masked)."""
    from newsletter.config import settable, variable_for

    with console.open_site() as site:
        values = site.config.model_dump(mode="json")
        rows = []
        for key, info in settable().items():
            value: Any = values
            for part in key.split("."):
                value = None if value is None else value.get(part)
            origin = site.origins.get(key, "default")
            rows.append(
                {"key": key, "value": value, "origin": origin, "variable": variable_for(key), "help": info.description}
            )
        document = {
            "file": str(site.root / "newsletter.toml"),
            "settings": rows,
            "lists": values["lists"],
            "fields": values["fields"],
        }
    text = table([(row["key"], _shown(row["value"]), row["origin"]) for row in rows], ("SETTING", "VALUE", "FROM"))
    lists = "\n".join(f"  {each['slug']}: {each['title']}" for each in values["lists"])
    console.result(document, f"{text}\n\nLists (the first is the default):\n{lists}")


@config.command()
@console_options
def check(console: Console) -> None:
    """Say whether the configuration can be used."""
    with console.open_site() as site:
        _ = site.keys
        place = "the sandbox" if site.config.smtp is None else f"{site.config.smtp.host}:{site.config.smtp.port}"
        if site.config.dkim.domain:
            console.warn("[dkim] is reserved: this version does not sign, so let the relay do it.")
        if site.config.feedback.mailbox:
            console.warn("[feedback] mailbox is reserved: this version does not read it.")
        document = {"ok": True, "name": site.config.name, "mail_goes_to": place}
    console.result(document, f"The configuration of {site.config.name} is fine. Mail goes to {place}.")


@config.command(hidden=True)
def document() -> None:
    """Print docs/configuration.md, made from the configuration model."""
    from newsletter.config.document import as_markdown

    click.echo(as_markdown(), nl=False)


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return str(value)
