"""An editor's day: begin an issue, and send one test copy of it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import click

from newsletter.cli.console import Console, console_options, shown_reader
from newsletter.errors import NewsletterError, RefusedError

ISSUE = """\
---
subject: {subject}
preheader: "TK: one sentence that goes on from the subject and makes people open it"
date: {date}
---

Hello {{{{ subscriber.first_name | default("friend") }}}},

TK: write your letter here.
"""


@click.command()
@click.argument("slug")
@click.option("--subject", default="", help="Subject line of the issue.")
@console_options
def new(console: Console, slug: str, subject: str) -> None:
    """Begin an issue in issues/SLUG."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", slug):
        raise NewsletterError(
            f"{slug!r} cannot name an issue.", hint="Use lower-case letters, digits and hyphens: 003-sleep."
        )
    with console.open_site() as site:
        folder = site.issues_dir / slug
        if folder.exists():
            raise RefusedError(f"{folder} exists already.", hint="Choose another slug.")
        folder.mkdir(parents=True)
        text = ISSUE.format(subject=_quoted(subject or slug), date=site.clock().date().isoformat())
        (folder / "issue.md").write_text(text, "utf-8")
    console.result(
        {"issue": slug, "folder": str(folder)},
        f"Made {folder / 'issue.md'}.\nNext: write it, then `newsletter article new TITLE --issue {slug}`.",
    )


@click.command()
@click.argument("slug")
@click.option("--to", "address", required=True, metavar="ADDRESS", help="Who gets the copy.")
@click.option("--tag", "given", multiple=True, metavar="TAG", help="Tag of the reader (default: on file); repeatable.")
@click.option("--list", "list_slug", help="List whose name and headers it carries (default: the first).")
@console_options
def test(console: Console, slug: str, address: str, list_slug: str | None, given: tuple[str, ...]) -> None:
    """Send one real copy of issue SLUG, marked [Test]; its links do nothing."""
    from newsletter import tags
    from newsletter.addresses import for_the_wire
    from newsletter.campaigns import launch
    from newsletter.checks.findings import errors
    from newsletter.transport.base import Envelope, Outcome, Settled, Verdict

    with console.open_site() as site:
        checked = site.check(slug)
        if not checked.editions:
            launch.refuse_faults(slug, errors(checked.findings))
        reader = shown_reader(console, site, address)
        edition = checked.editions[site.config.list(list_slug).slug]
        rendered = edition.for_reader([tags.clean(each) for each in given] or reader["tags"])
        message = site.copy(slug, rendered, list_slug=list_slug, reader=reader, mark="[Test]")
        sender = for_the_wire(site.config.sender.address)
        copies = [Envelope(sender, for_the_wire(reader["email"]), message)]
        outcomes: list[Outcome] = []

        def settle(done: Sequence[Settled], _arming: Sequence[Envelope]) -> Sequence[Envelope]:
            outcomes.extend(outcome for _, outcome in done)
            return ()

        site.transport(impatient=True).run(lambda: copies.pop() if copies else None, settle)
        place = "the sandbox" if site.config.smtp is None else f"{site.config.smtp.host}:{site.config.smtp.port}"
    outcome = outcomes[0]
    if outcome.verdict is not Verdict.ACCEPTED:
        answer = f"{outcome.code or ''} {outcome.text}".strip()
        raise NewsletterError(
            f"The test copy was {outcome.verdict.value} at {outcome.phase.value}: {answer}",
            hint="Mend what the server complains about, then try again.",
        )
    console.result(
        {"issue": slug, "to": reader["email"], "accepted_by": place},
        f"A test copy of {slug} for {reader['email']} was accepted by {place}.",
    )


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
