"""`newsletter archive`: past issues as files, for hosts that serve folders."""

from __future__ import annotations

from pathlib import Path

import click

from newsletter.cli.console import Console, console_options, plural

LINKS = ("relative", "base-url")


@click.group()
@console_options
def archive(_console: Console) -> None:
    """Publish past issues as files."""


@archive.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder: new, empty, or built before.",
)
@click.option(
    "--links",
    type=click.Choice(LINKS),
    default=LINKS[0],
    help="Link pages from file to file, or by their addresses under base_url (default: relative).",
)
@console_options
def build(console: Console, out: Path, links: str) -> None:
    """Write the archive's pages, feeds, pictures and styles into a folder."""
    from newsletter.web import shelf
    from newsletter.web.build import Links, archive_files

    with (
        console.open_site() as site,
        site.database.read() as connection,
        console.progress("Building", None) as advance,
    ):
        done = shelf.put(out, archive_files(site, connection, Links(links)), advance)
    for path in done.kept:
        console.warn(f"{out / path} is not part of the archive any more, but was changed by hand, so it stays.")
    document = {
        "out": str(out),
        "files": done.files,
        "written": done.written,
        "removed": list(done.removed),
        "kept": list(done.kept),
    }
    words = [f"{plural(done.files, 'file')} in {out}: {done.written:,} written, {len(done.removed):,} removed."]
    words.append(f"Begin at {out / 'archive' / 'index.html'}.")
    console.result(document, "\n".join(words))
