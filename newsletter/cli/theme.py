"""`newsletter theme`: what issues can wear, and taking a theme over to change it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from newsletter.cli.console import Console, console_options, plural, table
from newsletter.errors import RefusedError


@click.group()
@console_options
def theme(_console: Console) -> None:
    """See which themes there are, and copy one to change it."""


@theme.command("list")
@console_options
def list_themes(console: Console) -> None:
    """Print every theme, and which one is in use."""
    from newsletter.rendering import themes

    with console.open_site() as site:
        in_use = site.config.theme.name
        found = themes.known(site.templates)
        _ = site.environment  # says so when the one in use does not exist
    rows = [
        {
            "name": each.name,
            "about": each.about,
            "from": "site" if each.is_own else "package",
            "in_use": each.name == in_use,
        }
        for each in found
    ]
    lines = [("*" if row["in_use"] else "", row["name"], row["about"], row["from"]) for row in rows]
    how = '\nThe one marked * is in use; another is chosen in newsletter.toml: [theme] name = "…".'
    console.result({"themes": rows}, table(lines, ("", "THEME", "WHAT IT IS LIKE", "FROM")) + "\n" + how)


@theme.command()
@click.argument("name", required=False)
@click.argument("files", nargs=-1)
@click.option("--force", is_flag=True, help="Overwrite files that are there already.")
@console_options
def eject(console: Console, name: str | None, files: tuple[str, ...], *, force: bool) -> None:
    """Copy FILES of theme NAME into templates/, where they win over it and can be edited.

    NAME is the theme in use when it is left out; FILES are names such as issue/theme.css or folders such as
    issue/partials, and all templates of an issue when there are none. A file of yours is never overwritten
    without --force.
    """
    from newsletter.rendering import themes

    with console.open_site() as site:
        names = {each.name for each in themes.known(site.templates)}
        if name is None or (name not in names and ("/" in name or "." in name)):
            files = (*([] if name is None else [name]), *files)
            name = site.config.theme.name
        done = themes.eject(site.root / "templates", name, files, force=force)
        in_use = site.config.theme.name
    if not done.written:
        raise RefusedError(
            f"Nothing was written, because {_short(done.kept[0])} exists already.",
            hint="Move it away, or add --force to overwrite it.",
        )
    lines = [f"Wrote {_short(path)}" for path in done.written]
    lines += [f"Kept  {_short(path)}: it was there already (--force overwrites it)" for path in done.kept]
    lines.append(
        f"{plural(len(done.written), 'file')} of {name} now {'wins' if len(done.written) == 1 else 'win'} "
        "over the theme. Delete one to get the theme's own back."
    )
    if name != in_use:
        console.note(f'The theme in use is {in_use}; to wear the rest of {name} too, set [theme] name = "{name}".')
    console.result(
        {
            "theme": name,
            "written": [str(path) for path in done.written],
            "kept": [str(path) for path in done.kept],
        },
        "\n".join(lines),
    )


def _short(path: Path) -> str:
    """As seen from here, which is what people type."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
