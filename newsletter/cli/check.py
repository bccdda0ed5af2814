"""An issue looked over: every rule, in the form that people, build servers and code hosts read."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.console import Console, console_options, plural, table
from newsletter.errors import RefusedError

if TYPE_CHECKING:
    from newsletter.checks.extras import Answer, Extras
    from newsletter.checks.findings import Finding

FORMATS = ("text", "json", "sarif", "github", "markdown")


@click.command()
@click.argument("slug", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    help="How to print findings; markdown prints the page of --rules.",
)
@click.option("--links", is_flag=True, help="Ask every link once whether it is alive (goes to the web).")
@click.option("--spam", is_flag=True, help="Ask SpamAssassin, when it is installed.")
@click.option(
    "--caniemail",
    "data_set",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Data set of caniemail.com to judge compatibility by, beside the table of our own.",
)
@click.option("--rules", is_flag=True, help="List every rule instead of checking an issue.")
@console_options
def check(
    console: Console, slug: str | None, form: str, data_set: Path | None, *, links: bool, spam: bool, rules: bool
) -> int:
    """Look issue SLUG over; exits 4 when something forbids sending it."""
    from newsletter.checks.findings import errors

    if rules == (slug is not None) or (form == "markdown" and not rules):
        raise click.UsageError("Name one issue to check, or say --rules to see what is looked for.")
    if rules:
        _list_rules(console, form)
        return 0
    console.as_json = console.as_json or form == "json"
    with console.open_site() as site:
        checked = site.check(str(slug), _extras(console, data_set, links=links, spam=spam))
        _print(console, str(slug), form, checked.findings, site.root)
    return RefusedError.exit_code if errors(checked.findings) else 0


def _extras(console: Console, data_set: Path | None, *, links: bool, spam: bool) -> Extras:
    """What was asked for beside the rules; what cannot be had is said before anything else is done."""
    from newsletter.checks import caniemail, spamassassin
    from newsletter.checks.extras import Extras

    if spam:
        spamassassin.require()
    return Extras(
        ask=functools.partial(_ask, console, {}) if links else None,
        score=spamassassin.score if spam else None,
        facts=caniemail.read(data_set) if data_set else (),
    )


def _ask(console: Console, known: dict[str, Answer], addresses: Sequence[str]) -> Mapping[str, Answer]:
    """The answers to these addresses; those in `known`, from another variant of the issue, are not asked again."""
    from newsletter.checks import reach

    new = [address for address in addresses if address not in known]
    with console.progress("Asking links", len(new)) as said:
        known.update(reach.ask(new, said=said))
    missed = [address for address in new if address not in known]
    if missed:
        console.warn(f"{plural(len(missed), 'link')} could not be asked in time.")
    return {address: known[address] for address in addresses if address in known}


def _print(console: Console, slug: str, form: str, findings: Sequence[Finding], site: Path) -> None:
    from newsletter.checks import catalogue, reporters
    from newsletter.checks.sarif import as_sarif

    if form == "sarif":
        console.as_json = True
        console.result(as_sarif(findings, catalogue(), site=site))
    elif form == "github" and not console.as_json:
        console.say(reporters.as_github(findings, root=Path.cwd()))
    else:
        text = reporters.as_text(findings, root=Path.cwd(), colour=_wants_colour())
        console.result(reporters.as_json(slug, findings), text)


def _list_rules(console: Console, form: str) -> None:
    from newsletter.checks import catalogue
    from newsletter.checks.document import as_markdown
    from newsletter.checks.sarif import as_sarif

    entries = catalogue()
    if form == "markdown":
        click.echo(as_markdown(), nl=False)
        return
    console.as_json = console.as_json or form in {"json", "sarif"}
    if form == "sarif":
        console.result(as_sarif((), entries, site=Path.cwd()))
        return
    documents = [
        {
            "rule": each.rule,
            "severities": [severity.value for severity in each.severities],
            "looks_for": each.looks_for,
            "why": each.why,
        }
        for each in entries.values()
    ]
    rows = [(each.rule, " ".join(each.severities), each.looks_for) for each in entries.values()]
    console.result({"rules": documents}, table(rows, ("RULE", "GIVES", "LOOKS FOR")))


def _wants_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
