"""`newsletter config`: what is in force, and where it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.console import Console, console_options, table

if TYPE_CHECKING:
    from newsletter.site import Site


@click.group()
@console_options
def config(_console: Console) -> None:
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
            "series": values["series"],
        }
    text = table([(row["key"], _shown(row["value"]), row["origin"]) for row in rows], ("SETTING", "VALUE", "FROM"))
    lists = "\n".join(f"  {each['slug']}: {each['title']}" for each in values["lists"])
    console.result(document, f"{text}\n\nLists (the first is the default):\n{lists}")


@config.command()
@console_options
def check(console: Console) -> None:
    """Say whether the configuration can be used."""
    with console.open_site() as site:
        _ = site.keys, site.environment  # a theme that does not exist is a fault of the configuration
        place = "the sandbox" if site.config.smtp is None else f"{site.config.smtp.host}:{site.config.smtp.port}"
        signs_as = _check_signing(console, site)
        for warning in site.origins.warnings:
            console.warn(warning)
        _check_series(console, site)
        document = {"ok": True, "name": site.config.name, "mail_goes_to": place, "signs_as": signs_as}
    signed = f", signed as {signs_as}" if signs_as else ""
    console.result(document, f"The configuration of {site.config.name} is fine. Mail goes to {place}{signed}.")


def _check_series(console: Console, site: Site) -> None:
    """Warn about steps whose issue could not be sent today."""
    from newsletter.checks.findings import errors

    known = site.issues()
    for series in site.config.series:
        for step in series.steps:
            if step.issue not in known:
                console.warn(f"the series {series.name} sends issue {step.issue}, which there is not yet.")
            elif faults := errors(site.check(step.issue).findings):
                console.warn(f"the series {series.name} cannot send issue {step.issue}: {faults[0]}")


def _check_signing(console: Console, site: Site) -> str | None:
    """The domain mail is signed as, after warnings about what receivers may not like; None when it is not signed."""
    from newsletter.addresses import for_the_wire
    from newsletter.transport.dkim_keys import RECOMMENDED_BITS

    signer, settings = site.signer, site.config.dkim
    if signer is None:
        if settings.key_file is not None:
            console.warn("[dkim] has a key_file but no domain, so mail is not signed.")
        return None
    if signer.bits < RECOMMENDED_BITS:
        console.warn(
            f"the DKIM key has {signer.bits} bits; receivers trust {RECOMMENDED_BITS}. "
            "Make one with `newsletter keys dkim --selector` and another name."
        )
    sender = for_the_wire(site.config.sender.address).rpartition("@")[2].lower()
    if not settings.is_aligned(sender):
        console.warn(
            f"the DKIM domain {settings.domain} is neither above nor below {sender} of the From line, "
            "so the signature does not count for DMARC."
        )
    return settings.domain


@config.command(hidden=True)
@console_options
def document(console: Console) -> None:
    """Print docs/configuration.md, made from the configuration model."""
    from newsletter.config.document import as_markdown

    page = as_markdown()
    console.result({"markdown": page}, page.rstrip("\n"))


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return str(value)
