"""The `newsletter` command: the group of all commands, and the one place that turns errors into exit codes.

Exit codes: 0 done, 1 failure, 2 usage, 3 configuration, 4 refused, 5 done for now but some rows are
deferred, failed or ambiguous, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import itertools
import os
import re
import shutil
import sys
from typing import NoReturn

import click

from newsletter import __version__, spelling
from newsletter.cli.console import Console, console_options, styled
from newsletter.errors import NewsletterError
from newsletter.redaction import redacted

COMMANDS = {
    "init": ("newsletter.cli.init", "Make a new Site that works at once."),
    "demo": ("newsletter.cli.demo", "Watch the whole story on the bundled example."),
    "new": ("newsletter.cli.author", "Begin a new issue."),
    "article": ("newsletter.cli.article", "Add articles to an issue."),
    "check": ("newsletter.cli.check", "Look an issue over before it is sent."),
    "preview": ("newsletter.cli.preview", "See an issue as its readers will, live or as files."),
    "test": ("newsletter.cli.author", "Send one real copy, marked [Test]."),
    "approve": ("newsletter.cli.approve", "Say yes to an issue as it is."),
    "send": ("newsletter.cli.send", "Send an issue to a list."),
    "campaign": ("newsletter.cli.campaign", "See and steer what was launched."),
    "verify": ("newsletter.cli.verify", "Compare what was sent with what the folder makes now."),
    "archive": ("newsletter.cli.archive", "Publish past issues as files."),
    "replies": ("newsletter.cli.replies", "Read what readers reply, and say what is shown."),
    "subscriber": ("newsletter.cli.subscriber", "Keep the list of readers."),
    "signups": ("newsletter.cli.signups", "See what the gate before sign-ups does."),
    "suppression": ("newsletter.cli.suppression", "Addresses that are never mailed again."),
    "feedback": ("newsletter.cli.feedback", "Take in bounces and complaints, and see what came back."),
    "serve": ("newsletter.cli.serve", "Run the web pages and the sender."),
    "worker": ("newsletter.cli.serve", "Run a sender without web pages."),
    "sandbox": ("newsletter.cli.serve", "Run the local inbox and look at it."),
    "embed": ("newsletter.cli.embed", "Print the code that puts the form on another site."),
    "doctor": ("newsletter.cli.doctor", "See whether everything is fit to send."),
    "hygiene": ("newsletter.cli.hygiene", "Keep addresses and secrets out of the repository."),
    "config": ("newsletter.cli.config", "Show and check the configuration."),
    "db": ("newsletter.cli.db", "Create, upgrade and check the database."),
    "theme": ("newsletter.cli.theme", "See the themes, and take one over."),
    "keys": ("newsletter.cli.keys", "Create and rotate the signing keys."),
    "api-key": ("newsletter.cli.api_key", "Let programs use the API."),
}
"""Name → module and short help; a module is imported when its command is run, so that help is instant."""


class Commands(click.Group):
    """Imports the module of a command only when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of a newcomer's first day."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name.replace("-", "_"))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command when there is none of that name."""
        if args and args[0] not in COMMANDS:
            near = spelling.nearest(args[0], COMMANDS)
            ctx.fail(f"There is no command {args[0]!r}." + (f" Did you mean {near!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Short helps from the table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_module, text) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="newsletter")
@console_options
def root(_console: Console) -> None:
    """Publish an e-mail newsletter from a folder: write, preview, send, and prove it afterwards."""


def main() -> NoReturn:
    """Run the command line; every error becomes one sentence and an exit code here."""
    console = Console()
    try:
        code = root.main(standalone_mode=False, obj=console)
        code = code if isinstance(code, int) else 0
        sys.stdout.flush()
    except click.ClickException as error:
        code = _misused(console, error)
    except (KeyboardInterrupt, click.Abort):
        console.failure("Interrupted.")
        click.echo("Interrupted.", err=True)
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except (NewsletterError, OSError) as error:
        if console.debug:
            raise
        told = error if isinstance(error, NewsletterError) else _of_the_machine(error)
        code = told.exit_code
        _tell(console, told)
    except Exception as error:
        if console.debug:
            raise
        text = redacted(f"{type(error).__name__}: {error}")
        hint = "This is a fault of the program. Run the command again with --debug to see where."
        console.failure(text, hint)
        click.echo(styled(f"Error: {text}", fg="red"), err=True)
        click.echo(hint, err=True)
        code = 1
    sys.exit(code)


def _tell(console: Console, error: NewsletterError) -> None:
    text = str(error)
    with contextlib.suppress(OSError):  # the disk that is full may be the one under standard output
        console.failure(text, error.hint)
    click.echo(styled("Error: ", fg="red", bold=True) + text, err=True)


def _misused(console: Console, error: click.ClickException) -> int:
    """click's own errors: how the command was typed (2), or a file it was to open (1)."""
    error.show()
    # A mistake in the words themselves is found before the options among them are read.
    console.as_json = console.as_json or "--json" in itertools.takewhile(lambda word: word != "--", sys.argv[1:])
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        console.failure("A command is missing.", "Run the same with --help to see which there are.")
    elif isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "newsletter"
        console.failure(error.format_message(), f"Run `{path} --help` to see how it is used.")
    else:
        console.failure(error.format_message())
    return error.exit_code


def _of_the_machine(error: OSError) -> NewsletterError:
    """What the operating system refused, with the file and what to do."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list) and error.args[0]:
        _source, file, reason = error.args[0][0]  # one of the copies that failed
        number = errno.ENOSPC if os.strerror(errno.ENOSPC) in str(reason) else None
        strerror = re.sub(r"^\[Errno \d+\] |: '.*'$", "", str(reason))
    else:
        file, number = error.filename, error.errno
        strerror = error.strerror or str(error) or type(error).__name__
    hints = {
        errno.ENOSPC: "Nothing was lost. Make room, then run the same command again.",
        errno.EDQUOT: "Nothing was lost. Make room, then run the same command again.",
        errno.EACCES: "Let the user who runs this command read and write there, or choose another place.",
        errno.EPERM: "Let the user who runs this command read and write there, or choose another place.",
        errno.EROFS: "Choose a place that can be written to.",
        errno.ENOENT: "Look whether it was moved or misspelt.",
    }
    place = f"{os.fsdecode(file)}: " if isinstance(file, str | bytes | os.PathLike) else ""
    hint = hints.get(number or 0, "Mend that, then run the same command again.")
    return NewsletterError(f"{place}{strerror.rstrip('.')}.", hint=hint)
