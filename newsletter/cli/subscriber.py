"""`newsletter subscriber`: the list of readers, by hand and by file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter import spelling
from newsletter.cli.consent import consent
from newsletter.cli.console import Console, console_options, plural, table
from newsletter.cli.imports import import_
from newsletter.cli.why import why
from newsletter.errors import NotFoundError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from newsletter.site import Site
    from newsletter.subscribers.intake import Terms
    from newsletter.subscribers.people import Subscriber


@click.group()
@console_options
def subscriber(_console: Console) -> None:
    """Keep the list of readers."""


subscriber.add_command(import_)
subscriber.add_command(consent)
subscriber.add_command(why)


@subscriber.command()
@click.argument("address")
@click.option("--name", default="", help="Name of the reader.")
@click.option("--field", "extra", multiple=True, metavar="NAME=VALUE", help="Value of a declared field; repeatable.")
@click.option("--tag", "given_tags", multiple=True, metavar="TAG", help="Group they belong to; repeatable.")
@click.option("--list", "list_slug", help="List (default: the first).")
@click.option("--confirmed", is_flag=True, help="They have agreed already; needs --basis.")
@click.option("--basis", default="", metavar="TEXT", help="How and when they agreed; kept as evidence.")
@click.option("--send-confirmation", is_flag=True, help="Ask them by mail to confirm.")
@console_options
def add(  # noqa: PLR0917
    console: Console,
    address: str,
    name: str,
    extra: tuple[str, ...],
    given_tags: tuple[str, ...],
    list_slug: str | None,
    basis: str,
    *,
    confirmed: bool,
    send_confirmation: bool,
) -> None:
    """Add one reader; pending unless --confirmed."""
    from newsletter import addresses
    from newsletter.subscribers import transfer

    with console.open_site() as site:
        addresses.parse(address)
        terms = _terms(site, list_slug, basis, confirmed=confirmed, send_confirmations=send_confirmation)
        record = {**_fields(site, extra), "email": address, "name": name, "tags": ",".join(given_tags)}
        with site.database.write() as connection:
            report = transfer.add(connection, site.keys, record, terms, site.config.fields, site.clock())
    done = "confirmed" if report.confirmed else "pending" if report.pending else "on the list already"
    invited = "; a confirmation mail is on its way" if report.invited else ""
    console.result(report.as_dict(), f"{address} is {done}{invited}.")


@subscriber.command("list")
@click.option("--list", "list_slug", help="Only this list.")
@click.option(
    "--status", type=click.Choice(["pending", "confirmed", "unsubscribed", "expired"]), help="Only this status."
)
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100_000), help="At most so many.")
@console_options
def list_subscribers(console: Console, list_slug: str | None, status: str | None, limit: int) -> None:
    """Readers and where they stand, newest first."""
    from newsletter.subscribers import people

    with console.open_site() as site, site.database.read() as connection:
        list_id = site.list_ids[site.config.list(list_slug).slug] if list_slug else None
        rows = people.page(connection, list_id=list_id, status=status, limit=limit)
        total = people.count(connection, list_id=list_id, status=status)
    text = table(
        [(row["email"], row["name"], row["list"], row["status"]) for row in rows], ("EMAIL", "NAME", "LIST", "STATUS")
    )
    more = (
        f"\n{total - len(rows)} more; --limit shows them, `subscriber export` writes them all."
        if total > len(rows)
        else ""
    )
    console.result({"total": total, "subscriptions": rows}, (text + more) if rows else "Nobody yet.")


@subscriber.command()
@click.argument("address")
@console_options
def show(console: Console, address: str) -> None:
    """Everything on file about one reader's subscriptions."""
    from newsletter.subscribers import people

    with console.open_site() as site, site.database.read() as connection:
        document = people.describe(connection, _find(connection, address))
    lines = [document["email"] + (f" ({document['name']})" if document["name"] else "")]
    lines += [f"  {key}: {value}" for key, value in document["fields"].items()]
    if document["tags"]:
        lines.append(f"  tags: {', '.join(document['tags'])}")
    for each in document["subscriptions"]:
        moments = ", ".join(
            f"{what} {each[key][:10]}"
            for what, key in (("since", "created_at"), ("confirmed", "confirmed_at"), ("left", "unsubscribed_at"))
            if each[key]
        )
        lines.append(f"  {each['list']}: {each['status']} ({moments}, by {each['source']})")
    if document["suppressed"]:
        lines.append(f"  suppressed: {document['suppression_reason']}")
    console.result(document, "\n".join(lines))


@subscriber.command()
@click.argument("address")
@click.option("--add", "added", multiple=True, metavar="TAG", help="Put them into this group; repeatable.")
@click.option("--remove", "removed", multiple=True, metavar="TAG", help="Take them out of it; repeatable.")
@console_options
def tag(console: Console, address: str, added: tuple[str, ...], removed: tuple[str, ...]) -> None:
    """Change the groups of one reader, for whom passages of an issue may be written."""
    from newsletter import tags
    from newsletter.subscribers import people

    if not added and not removed:
        raise click.UsageError("Say what is to change: --add TAG or --remove TAG.")
    more, less = {tags.clean(each) for each in added}, {tags.clean(each) for each in removed}
    if both := more & less:
        raise click.UsageError(f"{min(both)} cannot be added and removed at once.")
    with console.open_site() as site, site.database.write() as connection:
        person = _find(connection, address)
        now = tags.together(set(person.tags) - less, more)
        people.amend(connection, person.id, tags=now)
    said = f"has the tags {', '.join(now)}" if now else "has no tags"
    console.result({"email": person.email, "tags": list(now)}, f"{person.email} {said}.")


@subscriber.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), default="-")
@click.option("--list", "list_slug", help="Only this list.")
@console_options
def export(console: Console, file: Path, list_slug: str | None) -> None:
    """Write every subscription as CSV to FILE (default: standard output, where --json makes it JSON)."""
    import io

    from newsletter.subscribers import transfer

    with console.open_site() as site, site.database.read() as connection:
        list_id = site.list_ids[site.config.list(list_slug).slug] if list_slug else None
        if str(file) == "-" and console.as_json:
            console.stream("subscriptions", transfer.export_rows(connection, site.config.fields, list_id))
            return
        if str(file) == "-":
            out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="", write_through=True)
            count = transfer.export_csv(connection, out, site.config.fields, list_id)
            out.detach()
            console.note(f"{count} subscriptions.")
            return
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.fchmod(descriptor, 0o600)  # one that was there before kept its own
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
            count = transfer.export_csv(connection, out, site.config.fields, list_id)
    console.result(
        {"file": str(file), "subscriptions": count}, f"Wrote {count} subscriptions to {file} (readable by you alone)."
    )


@subscriber.command()
@click.argument("address")
@click.option("--list", "list_slug", help="Only this list (default: all).")
@console_options
def unsubscribe(console: Console, address: str, list_slug: str | None) -> None:
    """Unsubscribe one reader, as if they had done it."""
    from newsletter.subscribers import signup
    from newsletter.subscribers.consent import Evidence

    with console.open_site() as site:
        wanted = [site.list_ids[site.config.list(list_slug).slug]] if list_slug else list(site.lists_by_id)
        with site.database.write() as connection:
            person = _find(connection, address)
            left = [
                site.lists_by_id[list_id].slug
                for list_id in wanted
                if signup.unsubscribe(connection, person, list_id, Evidence("cli"), site.clock(), farewell=False)
            ]
    console.result(
        {"email": address, "unsubscribed": left},
        f"{address} has left {', '.join(left)}." if left else f"{address} was on no such list.",
    )


@subscriber.command()
@click.argument("address")
@console_options
def forget(console: Console, address: str) -> None:
    """Erase everything that names ADDRESS, for good; a keyed hash stays, so that no import brings it back."""
    from newsletter import addresses

    with console.open_site() as site:
        known = addresses.parse(address)
        if console.interactive:
            console.require(f"Erase {address} for good? Nothing brings them back but a new sign-up you allow.")
        done = site.forget_address(known)
        if done is None:
            raise NotFoundError(
                f"Nothing is on file about {address}.",
                hint="`newsletter suppression add` sees to it that it is never mailed.",
            )
        left = [str(path) for path in site.still_naming(done.traces)]
    if left:
        console.warn(f"These files name {address} and are yours to delete: {', '.join(left)}")
    mails = f"; {plural(done.mails, 'mail')} of the sandbox went too" if done.mails else ""
    document = {"email": address, "forgotten": True, "sandbox_mails": done.mails, "files_naming_them": left}
    console.result(document, f"{address} is forgotten{mails}.")


def _terms(site: Site, list_slug: str | None, basis: str, *, confirmed: bool, send_confirmations: bool) -> Terms:
    from newsletter.subscribers.intake import Terms

    if confirmed and not basis.strip():
        raise click.UsageError('--confirmed needs --basis "how and when they agreed"; it is kept as evidence.')
    if confirmed and send_confirmations:
        raise click.UsageError("Who is confirmed need not be asked to confirm.")
    slug = site.config.list(list_slug).slug
    return Terms(
        list_id=site.list_ids[slug],
        list_slug=slug,
        confirmed=confirmed,
        basis=basis.strip(),
        source="cli",
        send_confirmations=send_confirmations,
    )


def _fields(site: Site, given: tuple[str, ...]) -> dict[str, str]:

    declared = [field.name for field in site.config.fields]
    found = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise click.UsageError(f"--field {each}: write it as NAME=VALUE.")
        if name not in declared:
            hint = spelling.hint(name, declared) if declared else "None are declared in newsletter.toml."
            raise click.UsageError(f"--field {each}: there is no field {name} in [[fields]]. {hint}")
        found[name] = value
    return found


def _find(connection: Connection, address: str) -> Subscriber:
    from newsletter import addresses
    from newsletter.subscribers import people

    person = people.find(connection, addresses.parse(address).key)
    if person is None:
        raise NotFoundError(
            f"There is no subscriber {address}.", hint="`newsletter subscriber list` shows who there is."
        )
    return person
