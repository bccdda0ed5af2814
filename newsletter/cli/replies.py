"""`newsletter replies`: read what readers reply to past issues, and say what is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.console import Console, console_options, table

if TYPE_CHECKING:
    from newsletter.store.reply_schema import ReplyStatus
    from newsletter.subscribers.replies import Reply

STATUSES = ("pending", "approved", "rejected")


@click.group()
@console_options
def replies(_console: Console) -> None:
    """Read what readers reply to past issues, and say what is shown."""


@replies.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only those (default: all).")
@console_options
def list_replies(console: Console, status: str | None) -> None:
    """Replies, the newest first."""
    from newsletter.store.reply_schema import ReplyStatus
    from newsletter.subscribers import replies as kept

    with console.open_site() as site, site.database.read() as connection:
        found = kept.page(connection, ReplyStatus(status) if status else None)
    cells = [(each.id, each.status.value, each.slug, each.name, _opening(each.words)) for each in found]
    text = table(cells, ("ID", "STATUS", "ISSUE", "NAME", "WORDS")) if found else "There are no replies."
    console.result([_document(each) for each in found], text)


@replies.command()
@click.argument("reply_id", metavar="ID", type=int)
@console_options
def show(console: Console, reply_id: int) -> None:
    """One reply in full, with the address of its writer."""
    from newsletter.subscribers import replies as kept

    with console.open_site() as site, site.database.read() as connection:
        found = kept.find(connection, reply_id)
    head = f"Reply {found.id} to {found.slug} ({found.status.value})\n{found.name} <{found.email}>"
    console.result(_document(found), f"{head}\n\n{found.words}")


@replies.command()
@click.argument("reply_id", metavar="ID", type=int)
@console_options
def approve(console: Console, reply_id: int) -> None:
    """Show a reply under its issue: name and words, never the address."""
    from newsletter.store.reply_schema import ReplyStatus

    found = _decide(console, reply_id, ReplyStatus.APPROVED)
    console.result(_document(found), f"Reply {found.id} is shown under {found.slug}.")


@replies.command()
@click.argument("reply_id", metavar="ID", type=int)
@console_options
def reject(console: Console, reply_id: int) -> None:
    """Do not show a reply, or no longer."""
    from newsletter.store.reply_schema import ReplyStatus

    found = _decide(console, reply_id, ReplyStatus.REJECTED)
    console.result(_document(found), f"Reply {found.id} is not shown.")


@replies.command()
@click.argument("reply_id", metavar="ID", type=int)
@console_options
def forget(console: Console, reply_id: int) -> None:
    """Take a reply out of the database for good, name and address with it."""
    from newsletter.subscribers import replies as kept
    from newsletter.subscribers.forget import leave_no_trace

    with console.open_site() as site:
        with site.database.read() as connection:
            found = kept.find(connection, reply_id)
        console.require(f"Forget reply {found.id} of {found.name} for good?")
        with site.database.write() as connection:
            kept.forget(connection, reply_id)
        leave_no_trace(site.database)
    console.result({"reply": found.id, "forgotten": True}, f"Reply {found.id} is forgotten.")


def _decide(console: Console, reply_id: int, target: ReplyStatus) -> Reply:
    from newsletter.subscribers import replies as kept

    with console.open_site() as site, site.database.write() as connection:
        return kept.decide(connection, reply_id, target, site.clock())


def _document(reply: Reply) -> dict[str, Any]:
    from newsletter.store.types import iso

    return {
        "reply": reply.id,
        "issue": reply.slug,
        "status": reply.status.value,
        "name": reply.name,
        "email": reply.email,
        "words": reply.words,
        "created_at": iso(reply.created_at),
    }


def _opening(words: str, width: int = 50) -> str:
    line = " ".join(words.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
