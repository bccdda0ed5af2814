"""How commands talk: options that work everywhere, one JSON document or words, progress on a terminal.

What a command was asked for goes to standard output; everything else (progress, warnings, errors) to
standard error, so that `--json` output can be piped. `NO_COLOR` is honoured.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from newsletter.errors import RefusedError

if TYPE_CHECKING:
    from newsletter.site import Site

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Console:
    """The global options, and what they do to output."""

    site_dir: Path | None = None
    as_json: bool = False
    yes: bool = False
    quiet: bool = False
    debug: bool = False
    answered: bool = False
    """Whether the one JSON document is out."""

    def open_site(self) -> Site:
        """The Site the command is about."""
        from newsletter.site import Site

        return Site.open(self.site_dir)

    def say(self, text: str = "") -> None:
        """The answer itself, on standard output; silent with --json."""
        if not self.as_json:
            click.echo(text)

    def note(self, text: str) -> None:
        """Something beside the answer, on standard error; silent with --quiet."""
        if not self.quiet:
            click.echo(text, err=True)

    def warn(self, text: str) -> None:
        """Something the operator should know even with --quiet."""
        click.echo(styled(f"Warning: {text}", fg="yellow"), err=True)

    def result(self, document: Any, text: str = "") -> None:
        """One JSON document with --json, words otherwise."""
        if self.as_json:
            self._answer(json.dumps(document, ensure_ascii=False, indent=2))
        elif text:
            click.echo(text)

    def stream(self, name: str, values: Iterable[Any]) -> None:
        """One JSON document with a list too long for memory: `{name: [value, …]}`."""
        self.answered = True
        click.echo(f"{{{json.dumps(name)}: [", nl=False)
        for index, value in enumerate(values):
            click.echo((",\n" if index else "\n") + json.dumps(value, ensure_ascii=False), nl=False)
        click.echo("\n]}")

    def up(self, document: Any, text: str = "") -> None:
        """What a command that stays up has to say when it is: one line with --json, at once."""
        if self.as_json:
            self._answer(json.dumps(document, ensure_ascii=False))
        elif text:
            click.echo(text)

    def failure(self, message: str, hint: str = "") -> None:
        """With --json, the document of a command that failed before it could answer."""
        if self.as_json:
            self._answer(json.dumps({"error": message, "hint": hint}, ensure_ascii=False))

    def _answer(self, document: str) -> None:
        if not self.answered:
            self.answered = True
            click.echo(document)

    @property
    def interactive(self) -> bool:
        """Whether somebody can be asked."""
        return not self.yes and sys.stdin.isatty() and sys.stderr.isatty()

    def require(self, question: str) -> None:
        """Ask for a yes, take --yes for one, refuse otherwise."""
        if self.yes:
            return
        if not self.interactive or not click.confirm(question, err=True):
            raise RefusedError(
                "Nothing was done, because nobody said yes.", hint="Add --yes to do it without a question."
            )

    @contextmanager
    def progress(self, label: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """A progress bar on a terminal; gives a function that is told how many are done now."""
        if self.quiet or self.as_json or not sys.stderr.isatty():
            yield lambda _done: None
            return
        from rich.console import Console as Terminal
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Terminal(stderr=True), transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda done: bar.update(task, completed=done)


def styled(text: str, **style: Any) -> str:
    """Coloured unless NO_COLOR is set; click strips it where no terminal is."""
    return text if os.environ.get("NO_COLOR") else click.style(text, **style)


def console_options(function: F) -> F:
    """Global options, accepted before and after every command; the command gets a Console first."""

    def remember(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
        def callback(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
            if value:
                setattr(context.find_root().ensure_object(Console), name, value)

        return callback

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(click.get_current_context().find_root().ensure_object(Console), *args, **kwargs)

    options = [
        click.option(
            "--site",
            type=click.Path(file_okay=False, path_type=Path),
            callback=remember("site_dir"),
            expose_value=False,
            help="Folder of the Site (default: the nearest newsletter.toml upwards).",
        ),
        click.option("--json", is_flag=True, callback=remember("as_json"), expose_value=False, help="Answer in JSON."),
        click.option("--yes", is_flag=True, callback=remember("yes"), expose_value=False, help="Ask nothing."),
        click.option("--quiet", is_flag=True, callback=remember("quiet"), expose_value=False, help="Say less."),
        click.option("--debug", is_flag=True, callback=remember("debug"), expose_value=False, hidden=True),
    ]
    for option in reversed(options):
        wrapper = option(wrapper)
    return wrapper  # type: ignore[return-value]


def shown_reader(console: Console, site: Site, address: str) -> dict[str, Any]:
    """The reader a preview or a test copy is for; says so when nobody of that address is on file."""
    reader = site.reader(address)
    if reader is not None:
        return reader
    console.note(f"{address} is not on file, so name and fields of the sample reader are shown.")
    return site.stranger(address)


def plural(number: int, noun: str) -> str:
    """`1 reader`, `2 readers`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def table(rows: Sequence[Sequence[Any]], heads: Sequence[str]) -> str:
    """A plain table with aligned columns, as people paste into mails."""
    cells = [[str("" if value is None else value) for value in row] for row in (heads, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )
