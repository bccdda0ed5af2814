"""`newsletter preview`: the issue exactly as it will be sent, as files and in the browser."""

from __future__ import annotations

import webbrowser
from base64 import b64encode
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.console import Console, console_options, shown_reader

if TYPE_CHECKING:
    from newsletter.site import Checked, Site

DARK = b"@media (prefers-color-scheme:dark)"
EITHER = b"color-scheme:light dark"


@click.command()
@click.argument("slug")
@click.option("--as", "address", metavar="ADDRESS", help="Show what this reader will get.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder to write to (default: var/preview)."
)
@click.option("--list", "list_slug", help="List whose name and headers it carries (default: the first).")
@click.option("--open", "show", is_flag=True, help="Show it in the browser.")
@console_options
def preview(
    console: Console, slug: str, address: str | None, out: Path | None, list_slug: str | None, *, show: bool
) -> None:
    """Write SLUG.html, SLUG.txt and SLUG.eml exactly as they are sent (links of a preview do nothing)."""
    from newsletter.checks import check_issue, errors
    from newsletter.site import Checked

    with console.open_site() as site:
        issue = site.load(slug)
        rendered = site.render(issue)
        reader = shown_reader(console, site, address) if address else None
        message = site.copy(slug, rendered, list_slug=list_slug, reader=reader)
        out = out or site.var / "preview"
        out.mkdir(parents=True, exist_ok=True)
        html, text = _parts(message)
        files = {f"{slug}.html": html, f"{slug}.txt": text, f"{slug}.eml": message}
        for name, data in files.items():
            (out / name).write_bytes(data)
        findings = check_issue(issue, rendered, site.copy(slug, rendered), site.config)
        checked = Checked(slug, findings, issue, rendered, message)
        page = _contact_sheet(site, checked, out, message) if show else None
    faults = errors(checked.findings)
    if faults:
        console.warn(f"this issue cannot be sent yet: {faults[0]} `newsletter check {slug}` tells more.")
    written = [str(out / name) for name in files]
    console.result({"issue": slug, "files": written, "subject": rendered.subject}, "\n".join(written))
    if page is not None:
        console.note(f"Opening {page}")
        webbrowser.open(page.resolve().as_uri())


def _parts(message: bytes) -> tuple[bytes, bytes]:
    """The HTML and the text of a message, decoded as a mail program does."""
    found = {}
    for part in message_from_bytes(message).walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            found[part.get_content_type()] = payload
    return found["text/html"], found["text/plain"]


def _contact_sheet(site: Site, checked: Checked, out: Path, message: bytes) -> Path:
    """A page that shows the mail as readers may meet it: phone and desktop, light and dark, without pictures.

    Its pictures are written into it, because readers get them only after launch; dark mode is switched in
    the copy's own style sheet, because a frame cannot ask for it.
    """
    from newsletter.rendering.environment import render_template
    from newsletter.rendering.slots import as_text, fill_text, null_reader

    assert checked.issue is not None  # noqa: S101 - it was rendered a moment ago
    assert checked.rendered is not None  # noqa: S101
    html, text = _parts(message)
    shown = bare = html
    for name, image in checked.issue.all_images().items():
        address = f"{site.config.base_url}/media/{name}".encode()
        shown = shown.replace(address, f"data:{image.media_type};base64,".encode() + b64encode(image.path.read_bytes()))
        bare = bare.replace(address, b"data:,")
    views = {
        "light": shown.replace(DARK, b"@media not all"),
        "dark": shown.replace(DARK, b"@media all").replace(EITHER, b"color-scheme:dark"),
        "bare": bare.replace(DARK, b"@media not all"),
    }
    for view, data in views.items():
        (out / f"{checked.slug}.{view}.html").write_bytes(data)
    headers = message_from_bytes(message, policy=default)
    rendered = checked.rendered
    context = {
        "slug": checked.slug,
        "sender": str(headers["From"]),
        "subject": str(headers["Subject"]),
        "preheader": fill_text(rendered.preheader, rendered.slots, null_reader(rendered.slots, "/"), as_text),
        "text": text.decode("utf-8"),
        "html_size": len(html),
        "message_size": len(message),
    }
    page = out / f"{checked.slug}.preview.html"
    page.write_text(render_template(site.environment, "issue/preview.html", context), "utf-8")
    return page
