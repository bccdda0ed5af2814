"""`newsletter preview`: the issue exactly as it will be sent, as files, in the browser, or live in the studio."""

from __future__ import annotations

import webbrowser
from base64 import b64encode
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import click

from newsletter.cli.console import Console, console_options, shown_reader
from newsletter.errors import NewsletterError, NotFoundError

if TYPE_CHECKING:
    from flask import Flask

    from newsletter.config.model import ServerConfig
    from newsletter.rendering.related import Media
    from newsletter.rendering.slots import Rendered
    from newsletter.site import Checked, Site
    from newsletter.web.serve import Server
    from newsletter.web.studio.proofs import Proof

PORT = 8700
"""Where the studio is when nobody says otherwise, so that an open window finds it again."""
STUDIO_THREADS = 32
"""Every open window of the studio keeps one of them."""


@click.command()
@click.argument("slug")
@click.option("--as", "address", metavar="ADDRESS", help="Show what this reader will get.")
@click.option("--tag", "given", multiple=True, metavar="TAG", help="Show what readers with this tag get; repeatable.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder to write to (default: var/preview)."
)
@click.option("--list", "list_slug", help="List whose name and headers it carries (default: the first).")
@click.option("--serve", is_flag=True, help="Open the studio: every view, live, until Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65535), help=f"Port of the studio (default: {PORT}; 0: any).")
@click.option("--matrix", is_flag=True, help="Write a PNG of every view as well (needs Chromium).")
@click.option("--open", "show", is_flag=True, help="Show it in the browser.")
@console_options
def preview(
    console: Console,
    slug: str,
    *,
    address: str | None,
    given: tuple[str, ...],
    out: Path | None,
    list_slug: str | None,
    port: int | None,
    serve: bool,
    matrix: bool,
    show: bool,
) -> None:
    """Write SLUG.html, SLUG.txt and SLUG.eml exactly as they are sent (links of a preview do nothing).

    With --open or --matrix every view of it as well, and a page that shows them side by side; with --serve
    nothing is written, and the studio follows what you write.
    """
    if serve and (matrix or out):
        raise click.UsageError("--serve writes nothing, so it goes with neither --out nor --matrix.")
    if port is not None and not serve:
        raise click.UsageError("--port is for --serve.")
    if serve:
        from newsletter import tags

        wanted = {"reader": address, "list": list_slug, "tags": ",".join(tags.clean(each) for each in given)}
        _studio(console, slug, wanted, port, show=show)
    else:
        _files(console, slug, address, given, out, list_slug, matrix=matrix, show=show)


def _studio(console: Console, slug: str, wanted: dict[str, str | None], port: int | None, *, show: bool) -> None:
    """The studio, until a signal comes; `wanted` is the copy it begins with."""
    from newsletter.cli.serve import wait_for_signal
    from newsletter.web.studio.app import create_studio
    from newsletter.web.studio.desk import Desk

    with console.open_site() as site:
        site.config.list(wanted["list"])
        if slug not in site.issues():
            site.load(slug)  # says what is wrong with the slug
        address = wanted["reader"]
        if address and site.reader(address) is None:
            raise NotFoundError(f"{address} is not on file.", hint="The studio has invented readers to choose from.")
        settings = site.config.server
    desk = Desk(slug, console.open_site)
    server = studio_server(create_studio(desk), settings, port)
    chosen = urlencode({name: value for name, value in wanted.items() if value}, safe="@,")
    url = f"{server.url}/" + (f"#{chosen}" if chosen else "")

    def announce() -> None:
        console.up({"issue": slug, "url": url}, f"Studio of {slug}: {url}")
        console.note("It follows what you save. Ctrl-C stops.")
        if show:
            webbrowser.open(url)

    with closing(server), closing(desk):
        desk.start()
        server.start()
        wait_for_signal(announce)


def studio_server(app: Flask, settings: ServerConfig, port: int | None) -> Server:
    """The studio on its socket; without a `port` its usual one is only a wish."""
    from newsletter.web.serve import serve as bind

    try:
        return bind(app, settings, host="127.0.0.1", port=PORT if port is None else port, threads=STUDIO_THREADS)
    except NewsletterError:
        if port is not None:
            raise
        return bind(app, settings, host="127.0.0.1", port=0, threads=STUDIO_THREADS)


def _files(  # noqa: PLR0917
    console: Console,
    slug: str,
    address: str | None,
    given: tuple[str, ...],
    out: Path | None,
    list_slug: str | None,
    *,
    matrix: bool,
    show: bool,
) -> None:
    """The message as files, and its views."""
    from newsletter import tags
    from newsletter.checks import errors
    from newsletter.web.studio.proofs import take_apart

    if matrix:
        from newsletter.cli.matrix import require

        require()
    with console.open_site() as site:
        checked = site.check(slug)
        reader = shown_reader(console, site, address) if address else None
        wearing = [tags.clean(each) for each in given] or (reader["tags"] if reader else ())
        rendered = _rendered(site, checked, list_slug, wearing)
        message = site.copy(slug, rendered, list_slug=list_slug, reader=reader)
        out = out or site.var / "preview"
        out.mkdir(parents=True, exist_ok=True)
        proof = take_apart(message)
        files = {f"{slug}.html": proof.html.encode(), f"{slug}.txt": proof.text.encode(), f"{slug}.eml": message}
        for name, data in files.items():
            (out / name).write_bytes(data)
    faults = errors(checked.findings)
    if faults:
        console.warn(f"this issue cannot be sent yet: {faults[0]} `newsletter check {slug}` tells more.")
    written = [out / name for name in files]
    if matrix or show:
        written += _sheet(console, proof, slug, rendered.files, out, matrix=matrix)
    page = written[-1]
    document = {"issue": slug, "files": [str(path) for path in written], "subject": rendered.subject}
    console.result(document, "\n".join(document["files"]))
    if show:
        console.note(f"Opening {page}")
        webbrowser.open(page.resolve().as_uri())


def _rendered(site: Site, checked: Checked, list_slug: str | None, tags: Collection[str]) -> Rendered:
    """What readers with these tags get; raises the error that keeps it from being rendered."""
    if not checked.editions:
        return site.render(site.load(checked.slug), list_slug=list_slug, tags=tags)
    edition = checked.editions[site.config.list(list_slug).slug]
    return edition.renderings[edition.number(tags)]


def _sheet(console: Console, proof: Proof, slug: str, files: Media, out: Path, *, matrix: bool) -> list[Path]:
    """Every view on its own, and at last the page that shows them side by side."""
    from newsletter.rendering.environment import make_environment, render_template
    from newsletter.rendering.views import VIEWS
    from newsletter.web.studio.proofs import document

    pages = make_environment(None)
    if matrix:
        from newsletter.cli.matrix import ORIGIN, photograph

        documents = {
            view.key: document(pages, proof, view.key, lambda name: f"{ORIGIN}/media/{name}") for view in VIEWS
        }
        with console.progress("Taking pictures", len(VIEWS)) as tell:
            made = photograph(documents, VIEWS, files, out=out, slug=slug, tell=tell)
        page = out / "index.html"
    else:
        made = [out / f"{slug}.{view.key}.html" for view in VIEWS]
        for path, view in zip(made, VIEWS, strict=True):
            path.write_text(document(pages, proof, view.key, lambda name: _inside(files, name)), "utf-8")
        page = out / f"{slug}.preview.html"
    context = {"slug": slug, "proof": proof, "views": VIEWS, "pictures": matrix}
    page.write_text(render_template(pages, "web/studio/sheet.html", context), "utf-8")
    return [*made, page]


def _inside(files: Media, name: str) -> str:
    """A picture written into the document itself, because readers get it only after launch."""
    found = files.get(name)
    return "data:," if found is None else f"data:{found[0]};base64,{b64encode(found[1]).decode('ascii')}"
