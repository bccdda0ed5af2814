"""`newsletter hygiene`: refuses people's addresses and secrets in what git would commit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.console import Console, console_options, plural
from newsletter.errors import ConfigError, RefusedError

if TYPE_CHECKING:
    from newsletter.config import Config


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--staged", is_flag=True, help="Look at what the next commit contains (for pre-commit).")
@console_options
def hygiene(console: Console, paths: tuple[Path, ...], *, staged: bool) -> int:
    """Look for addresses and secrets in the Site's files (or in PATHS); exits 4 when there are any."""
    from newsletter.doctor.hygiene import REMEDIES, allowed, look, sources

    root, config = _site(console)
    passing = allowed.read(root, config, REMEDIES)
    found = list(sources(root, paths, staged=staged))
    leaks = []
    with console.progress("Looking", len(found)) as done:
        for number, source in enumerate(found, 1):
            leaks += look(source, passing)
            done(number)
    lines = [f"{leak.path}{f':{leak.line}' if leak.line else ''}: {leak.sentence}" for leak in leaks]
    rules = dict.fromkeys(leak.rule for leak in leaks)
    remedies = [f"  {rule}: {REMEDIES[rule]}" for rule in rules]
    clean = f"Nothing in {plural(len(found), 'file')} names people or holds secrets."
    document = {
        "ok": not leaks,
        "files": len(found),
        "findings": [
            {
                "rule": each.rule,
                "file": each.path,
                "line": each.line or None,
                "sentence": each.sentence,
                "remedy": each.remedy,
            }
            for each in leaks
        ],
    }
    console.result(document, "\n".join([*lines, "", *remedies]) if leaks else clean)
    return RefusedError.exit_code if leaks else 0


def _site(console: Console) -> tuple[Path, Config | None]:
    """The folder to look at, and its configuration; any folder will do, and a broken configuration is no excuse."""
    from newsletter import config
    from newsletter.site import find_root

    try:
        root = console.site_dir.resolve() if console.site_dir else find_root(Path.cwd())
    except ConfigError:
        return Path.cwd(), None
    try:
        return root, config.load(root)[0]
    except ConfigError as error:
        console.note(f"{error.message} Its own addresses are not known, therefore.")
        return root, None
