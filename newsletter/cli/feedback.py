"""`newsletter feedback`: what comes back, read from files, a pipe or a mailbox, and shown."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from newsletter.cli.console import Console, console_options, plural, table
from newsletter.errors import NewsletterError

if TYPE_CHECKING:
    from newsletter.feedback.intake import Tally

EX_TEMPFAIL = 75
"""What tells a mail server to keep the message and to try again (sysexits.h)."""
KINDS = ("hard", "soft", "block", "complaint", "unsubscribed", "auto_reply", "delivered")


@click.group()
@console_options
def feedback(_console: Console) -> None:
    """Bounces, complaints and whatever else comes back."""


@feedback.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@console_options
def read(console: Console, files: tuple[str, ...]) -> int:
    """Take in messages that came back: FILEs of one message each, or - for a pipe from the mail server.

    With - it exits 0 whatever the message was, and 75 when it could not be kept, so that the mail server keeps it.
    """
    try:
        tally = _read(console, files)
    except (NewsletterError, OSError) as error:
        if "-" not in files:
            raise
        return _put_off(console, str(error))
    except Exception as error:
        if "-" not in files or console.debug:
            raise
        return _put_off(console, f"{type(error).__name__}: {error}")
    console.result({"messages": len(files), **_counted(tally)}, _in_words(len(files), tally))
    return 0


@feedback.command()
@console_options
def poll(console: Console) -> None:
    """Read the mailbox of the configuration; every message is handled once, and `serve` does it all the time."""
    from newsletter.site.listening import listen

    with console.open_site() as site:
        done = listen(site)
    document = {"messages": done.messages, "unparsed": done.unparsed, **_counted(done.tally)}
    text = _in_words(done.messages, done.tally)
    if done.unparsed:
        text += f" {plural(done.unparsed, 'message')} could not be read and went to the folder Unparsed."
    console.result(document, text)


@feedback.command("list")
@click.option("--kind", type=click.Choice(KINDS), help="Only of this kind.")
@click.option("--campaign", type=click.IntRange(1), help="Only about this campaign.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, help="Lines at the most (default: 50).")
@console_options
def list_events(console: Console, kind: str | None, campaign: int | None, limit: int) -> None:
    """What came back, the newest first; the address is shown only while its subscriber is on file."""
    from newsletter.feedback import events

    with console.open_site() as site, site.database.read() as connection:
        rows = events.page(connection, kind=kind, campaign_id=campaign, limit=limit)
    shown = [
        (each["at"], each["kind"], each["email"], each["campaign"], each["source"], each["enhanced"] or each["code"])
        for each in rows
    ]
    words = [each["reason"][:80] for each in rows]
    text = table(
        [(*line, word) for line, word in zip(shown, words, strict=True)],
        ("AT", "KIND", "ADDRESS", "CAMPAIGN", "SOURCE", "CODE", "REASON"),
    )
    console.result(rows, text if rows else "Nothing came back.")


def _read(console: Console, files: tuple[str, ...]) -> Tally:
    from newsletter.feedback import mail
    from newsletter.feedback.intake import Tally
    from newsletter.site.listening import intake_of

    tally = Tally()
    with console.open_site() as site:
        intake = intake_of(site)
        for name in files:
            if name == "-":
                raw = _within(sys.stdin.buffer, mail.MOST)
            else:
                with Path(name).open("rb") as file:
                    raw = _within(file, mail.MOST)
            tally += mail.take_in(intake, raw)
    return tally


def _within(file: BinaryIO, most: int) -> bytes:
    """The beginning of a file; the rest is read and dropped, because a mail server minds a pipe that breaks."""
    raw = file.read(most)
    while file.read(1024 * 1024):
        pass
    return raw


def _put_off(console: Console, trouble: str) -> int:
    console.failure(trouble)
    click.echo(f"Error: {trouble} The message was not taken in; the mail server is to try again.", err=True)
    return EX_TEMPFAIL


def _counted(tally: Tally) -> dict[str, int]:
    return {"events": tally.events, "repeated": tally.repeated, "unmatched": tally.unmatched}


def _in_words(messages: int, tally: Tally) -> str:
    said = [f"{plural(messages, 'message')} read: {plural(tally.events, 'event')}"]
    if tally.repeated:
        said.append(f"{tally.repeated:,} known already")
    if tally.unmatched:
        said.append(f"{tally.unmatched:,} about no mail of ours")
    return ", ".join(said) + "."
