"""`newsletter subscriber import`: files of readers, planned, brought in, listed and taken back."""

from __future__ import annotations

import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

from newsletter.cli import imported
from newsletter.cli.console import Console, console_options, plural, table

if TYPE_CHECKING:
    from newsletter.site import Site
    from newsletter.subscribers.importing.bring import Desk, Difference, File
    from newsletter.subscribers.importing.deciding import Entry
    from newsletter.subscribers.importing.source import Measure
    from newsletter.subscribers.importing.undo import Stayed
    from newsletter.subscribers.intake import Terms

MOST = 10_000
"""Rows that a JSON answer quotes."""
SHOWN = 50
"""Rows that a plan or a taking back shows on a terminal; the file has all of them."""
FLAGS = frozenset({"--json", "--yes", "--quiet", "--debug"})
"""What may stand before `list` and `undo` as well."""
FORMATS = (
    *("plain", "addresses", "mailchimp", "mailchimp-unsubscribed", "mailchimp-cleaned", "mailchimp-nonsubscribed"),
    *("listmonk", "substack", "ghost", "keila", "buttondown"),
)


class Import(click.Command):
    """`import FILE`, and behind the same word `import list` and `import undo ID`."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of what is meant; a file of that name is written ./undo."""
        ahead = list(itertools.takewhile(lambda word: word in FLAGS, args))
        rest = args[len(ahead) :]
        action = {"list": list_imports, "undo": undo}.get(rest[0]) if rest else None
        if action is not None:
            return action.make_context(f"{info_name} {rest[0]}", [*rest[1:], *ahead], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command("import", cls=Import)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), required=False)
@click.option(
    "--plan",
    "plan_path",
    is_flag=False,
    flag_value="",
    metavar="[PLAN]",
    help="Change nothing: write what would happen, row by row, to PLAN (default: FILE.plan.csv).",
)
@click.option(
    "--apply", "apply_path", type=click.Path(dir_okay=False, path_type=Path), metavar="PLAN", help="Carry out a plan."
)
@click.option("--list", "list_slug", help="List (default: the first).")
@click.option("--basis", default="", metavar="TEXT", help="How these people agreed; kept as evidence.")
@click.option("--consented-at", default="", metavar="DATE", help="When they agreed, where a row does not say.")
@click.option("--confirmed", is_flag=True, help="They have agreed, though not everybody's day is known; needs --basis.")
@click.option("--send-confirmations", is_flag=True, help="Ask every pending one by mail to confirm.")
@click.option("--format", "forced", type=click.Choice(FORMATS), help="Whose export it is (default: by its header).")
@click.option("--dates", type=click.Choice(["dmy", "mdy"]), help="What 03/04/2026 means in this file.")
@click.option("--encoding", help="Encoding of the file when it is not UTF-8, e.g. cp1252.")
@console_options
def import_(  # noqa: PLR0917
    console: Console,
    file: Path | None,
    plan_path: str | None,
    apply_path: Path | None,
    list_slug: str | None,
    basis: str,
    consented_at: str,
    forced: str | None,
    dates: str | None,
    encoding: str | None,
    *,
    confirmed: bool,
    send_confirmations: bool,
) -> None:
    """Import FILE (CSV; - for standard input); `import list` shows imports, `import undo ID` takes one back.

    Rows with a basis and a date of consent become readers; others are pending, and nothing is mailed to them unless
    asked. Exports of Mailchimp, listmonk, Substack, Ghost, Keila and Buttondown are recognised.
    """
    if apply_path is not None:
        if file is not None or plan_path is not None:
            raise click.UsageError("--apply PLAN says it all: the file and the terms are in the plan.")
        _apply(console, apply_path)
        return
    if plan_path and file is None:  # `import --plan FILE`
        file, plan_path = Path(plan_path), ""
    if file is None:
        raise click.UsageError("Missing argument 'FILE'.")
    if str(file) != "-" and not file.is_file():
        raise click.UsageError(f"Invalid value for 'FILE': File '{file}' does not exist.")
    with console.open_site() as site:
        name = "standard input" if str(file) == "-" else _named(file)
        terms = _terms(
            *(site, list_slug, " ".join(_text(basis).split())[:500], consented_at, dates or "", name),
            confirmed=confirmed,
            send_confirmations=send_confirmations,
        )
        if plan_path is not None:
            target = Path(plan_path) if plan_path else file.with_name(f"{file.name}.plan.csv")
            _plan(console, site, file, target, terms, forced or "", encoding or "")
            return
        with _bytes(site, file) as raw:
            measured = _measure(console, raw, encoding)
            _bring(console, site, raw, terms, forced or "", encoding or "", measured)


@click.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")
@console_options
def list_imports(console: Console, limit: int) -> None:
    """Imports, the newest first."""
    from newsletter.subscribers.importing import runs

    with console.open_site() as site, site.database.read() as connection:
        found = runs.page(connection, limit)
    rows = [
        (
            *(each["id"], each["started_at"][:16].replace("T", " "), each["list"], each["origin"], each["status"]),
            *(each["counts"].get(name, 0) for name in ("rows", "added", "updated", "refused")),
        )
        for each in found
    ]
    heads = ("ID", "BEGUN", "LIST", "FILE", "STATUS", "ROWS", "ADDED", "UPDATED", "REFUSED")
    console.result({"imports": found}, table(rows, heads) if rows else "No imports yet.")


@click.command("undo")
@click.argument("import_id", type=click.IntRange(1, 2**31 - 1), metavar="ID")
@console_options
def undo(console: Console, import_id: int) -> None:
    """Take import ID back, as far as nobody has confirmed, left, been mailed or been changed since."""
    from newsletter.subscribers.importing import runs
    from newsletter.subscribers.importing import undo as undoing

    stayed: list[dict[str, str]] = []

    def on_stayed(each: Stayed) -> None:
        if len(stayed) < MOST:
            stayed.append({"email": each.email, "reason": each.reason})
        console.note(f"{each.email} stays: {each.reason}")

    with console.open_site() as site:
        with site.database.read() as connection:
            origin, people = runs.get(connection, import_id).origin, undoing.count(connection, import_id)
        if console.interactive:
            console.require(f"Take import {import_id} of {origin} back ({people} people)?")
        with console.progress("Taking back", people) as advance:
            taken = undoing.undo(site.database, import_id, site.clock(), on_stayed=on_stayed, on_progress=advance)
    counts = f"{taken.removed} removed, {taken.restored} as before, {taken.stayed} stay"
    answer = f"Import {import_id} is taken back: {counts}."
    console.result({"import": import_id, **taken.as_dict(), "stay": stayed}, answer)


def _plan(  # noqa: PLR0917
    console: Console, site: Site, file: Path, target: Path, terms: Terms, forced: str, encoding: str
) -> None:
    from newsletter.subscribers.importing import bring, plan
    from newsletter.tokens import new_uid

    if str(file) == "-":
        raise click.UsageError("A plan is made of a file that is still there when it is carried out, not of a pipe.")
    plan.may_be_written(target, file)
    shown: list[dict[str, Any]] = []

    def on_entry(entry: Entry) -> None:
        if len(shown) < MOST:
            shown.append(imported.as_dict(entry))
        if entry.reason and len(shown) <= SHOWN:
            console.note(imported.said(entry))

    with _bytes(site, file) as raw:
        measured = _measure(console, raw, encoding)
        about = plan.About(
            id=f"{new_uid():x}",
            source=str(file.resolve()),
            hash=measured.hash,
            list=terms.list_slug,
            format=forced,
            encoding=encoding,
            terms=bring.terms_as_dict(terms, forced),
            made_at=site.clock().isoformat(timespec="seconds"),
        )
        with (
            _file(raw, terms, forced, encoding, measured) as opened,
            console.progress("Planning", measured.rows) as advance,
        ):
            foreseen = bring.foresee(*(_desk(site), opened, about, target), on_entry=on_entry, on_progress=advance)
    imported.tell(console, foreseen, terms, site)
    document = {**foreseen.report.as_dict(), "plan": str(target), "read_as": foreseen.read_as}
    document |= {"ignored_columns": list(foreseen.ignored), "entries": shown}
    counts = imported.counts(foreseen, terms)
    hint = f"`newsletter subscriber import --apply {target}` does exactly that. It names people: delete it afterwards."
    console.result(document, f"Nothing was changed. Of {counts}\nThe plan is {target} (readable by you alone).\n{hint}")


def _apply(console: Console, path: Path) -> None:
    from newsletter.subscribers.importing import bring, plan
    from newsletter.subscribers.importing.reading import ImportRefused

    with console.open_site() as site, plan.opened(path) as reader:
        about = reader.about
        source = Path(about.source)
        slug = site.config.list(about.list).slug
        terms = bring.terms_of(about.terms, site.list_ids[slug], _named(source), _own(site))
        if not source.is_file():
            raise ImportRefused(f"{source} is gone, which {path} is about.", hint="Put it back, or plan another file.")
        if about.format not in FORMATS:
            raise ImportRefused(f"{path} names a format nobody knows.", hint="Make the plan again.")
        with _bytes(site, source) as raw:
            measured = _measure(console, raw, about.encoding or None)
            if measured.hash != about.hash:
                raise ImportRefused(f"{source} has changed since {path} was made.", hint="Make the plan again.")
            _bring(console, site, raw, terms, about.format, about.encoding, measured, reader)


def _bring(  # noqa: PLR0917
    console: Console,
    site: Site,
    raw: BinaryIO,
    terms: Terms,
    forced: str,
    encoding: str,
    measured: Measure,
    follow: Any = None,
) -> None:
    from newsletter.subscribers.importing import bring
    from newsletter.subscribers.importing.deciding import Effect

    refusals: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    warned = itertools.count(1)

    def on_entry(entry: Entry) -> None:
        if entry.effect is Effect.REFUSED:
            if len(refusals) < MOST:
                refusals.append({"row": entry.row, "email": entry.email, "reason": entry.reason})
            if follow is None:
                console.note(imported.said(entry))
        elif entry.reason and next(warned) <= SHOWN:
            console.note(imported.said(entry))

    def on_difference(found: Difference) -> None:
        if len(differences) < MOST:
            differences.append({"planned": imported.as_dict(found.planned), "now": imported.as_dict(found.now)})
        console.note(
            f"line {found.now.row}: {found.now.email}: planned as {imported.state(found.planned)}, "
            f"is {imported.state(found.now)}" + (f": {found.now.reason}" if found.now.reason else "")
        )

    with (
        _file(raw, terms, forced, encoding, measured) as opened,
        console.progress("Importing", measured.rows) as advance,
    ):
        brought = bring.bring(
            *(_desk(site), opened),
            on_entry=on_entry,
            on_progress=advance,
            follow=follow,
            on_difference=on_difference,
        )
    imported.tell(console, brought, terms, site)
    document: dict[str, Any] = {"import": brought.id or None, **brought.report.as_dict(), "read_as": brought.read_as}
    document |= {"ignored_columns": list(brought.ignored), "refusals": refusals}
    said = imported.counts(brought, terms)
    if brought.report.rows:
        said += f" This is import {brought.id}."
    if follow is not None:
        document["differences"] = differences
        said += f" {plural(len(differences), 'row')} came out otherwise than planned." if differences else ""
    console.result(document, said)


def _terms(  # noqa: PLR0917
    site: Site,
    list_slug: str | None,
    basis: str,
    consented_at: str,
    dates: str,
    origin: str,
    *,
    confirmed: bool,
    send_confirmations: bool,
) -> Terms:
    from newsletter.subscribers.importing.rows import Terms

    if confirmed and not basis:
        raise click.UsageError('--confirmed needs --basis "how and when they agreed"; it is kept as evidence.')
    if consented_at and not basis:
        raise click.UsageError('--consented-at needs --basis "how they agreed"; both are kept as evidence.')
    if confirmed and send_confirmations:
        raise click.UsageError("Who is confirmed need not be asked to confirm.")
    slug = site.config.list(list_slug).slug
    return Terms(
        list_id=site.list_ids[slug],
        list_slug=slug,
        confirmed=confirmed,
        basis=basis,
        origin=origin,
        send_confirmations=send_confirmations,
        consented_at=_date(consented_at, dates, site.clock()) if consented_at else None,
        dates=cast(Any, dates),
        own=_own(site),
    )


def _date(text: str, order: str, now: datetime) -> datetime:
    from newsletter.subscribers.importing import dates

    try:
        found = dates.moment(text, cast(Any, order))
    except dates.Ambiguous as error:
        raise click.UsageError(f"--consented-at {text} may be two days; write it as 2026-09-15.") from error
    except (ValueError, OverflowError) as error:
        raise click.UsageError(f"--consented-at {text}: write it as 2026-09-15.") from error
    if found > now or found.year < 1971:
        raise click.UsageError(f"--consented-at {text} lies in the future, or too far back.")
    return found


def _named(file: Path) -> str:
    """The name of a file as evidence quotes it."""
    from newsletter.subscribers import people

    return people.clean_name(_text(file.name))


def _text(word: str) -> str:
    """A word of the command line without what is no text; file names may be anything."""
    return word.encode("utf-8", "replace").decode("utf-8")


def _own(site: Site) -> frozenset[str]:
    """Keys of the addresses this Site sends from and is answered at."""
    from newsletter import addresses
    from newsletter.errors import AddressError

    found = set()
    for each in (site.config.sender.address, site.config.feedback.return_path):
        try:
            found.add(addresses.parse(each).key)
        except AddressError:
            continue
    return frozenset(found)


def _desk(site: Site) -> Desk:
    from newsletter.subscribers.importing.bring import Desk

    return Desk(site.database, site.keys, site.config.fields, site.clock())


@contextmanager
def _file(raw: BinaryIO, terms: Terms, forced: str, encoding: str, measured: Measure) -> Iterator[File]:
    from newsletter.subscribers.importing import bring

    with bring.text_of(raw, encoding) as text:
        yield bring.File(text, terms, forced, measured.hash)


def _measure(console: Console, raw: BinaryIO, encoding: str | None) -> Measure:
    from newsletter.subscribers.importing import source

    with console.progress("Reading", None):
        return source.measure(raw, encoding or None)


@contextmanager
def _bytes(site: Site, file: Path) -> Iterator[BinaryIO]:
    """The file, to be read more than once; of a pipe a copy without a name, in the Site's own folder."""
    from newsletter.subscribers.importing import source

    if str(file) != "-":
        with source.open_binary(file) as raw:
            yield raw
        return
    folder = site.root / "var"
    with tempfile.TemporaryFile(dir=folder if folder.is_dir() else None) as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        yield cast(BinaryIO, copy)
