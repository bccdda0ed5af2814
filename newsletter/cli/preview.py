"""`newsletter preview`: the issue exactly as it will be sent, as files and in the browser."""

from __future__ import annotations

import webbrowser
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.console import Console, console_options

if TYPE_CHECKING:
    from newsletter.site import Checked, Site


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
    from newsletter.checks.findings import errors

    with console.open_site() as site:
        issue = site.load(slug)
        rendered = site.render(issue)
        reader = site.reader(address) if address else None
        message = site.copy(slug, rendered, list_slug=list_slug, reader=reader)
        out = out or site.var / "preview"
        out.mkdir(parents=True, exist_ok=True)
        html, text = _parts(message)
        files = {f"{slug}.html": html, f"{slug}.txt": text, f"{slug}.eml": message}
        for name, data in files.items():
            (out / name).write_bytes(data)
        checked = site.check(slug)
        page = _contact_sheet(site, checked, out, html) if show else None
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


def _contact_sheet(site: Site, checked: Checked, out: Path, html: bytes) -> Path:
    """A page that shows the mail at two widths with its pictures, which readers get only after launch."""
    from markupsafe import escape

    assert checked.issue is not None  # noqa: S101 - it was rendered a moment ago
    media = out / "media"
    media.mkdir(exist_ok=True)
    for name, image in checked.issue.all_images().items():
        (media / name).write_bytes(image.path.read_bytes())
    local = html.replace(f"{site.config.base_url}/media/".encode(), b"media/")
    (out / f"{checked.slug}.local.html").write_bytes(local)
    page = out / f"{checked.slug}.preview.html"
    page.write_text(
        SHEET.format(
            title=escape(checked.rendered.subject if checked.rendered else checked.slug), slug=escape(checked.slug)
        ),
        "utf-8",
    )
    return page


SHEET = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Preview: {title}</title>
<style>
  body {{ margin: 0; padding: 24px; font: 16px/1.5 system-ui, sans-serif; background: #e7e4dd; color: #222; }}
  h1 {{ font-size: 20px; margin: 0 0 4px; }}
  p {{ margin: 0 0 16px; }}
  .frames {{ display: flex; flex-wrap: wrap; gap: 24px; align-items: flex-start; }}
  figure {{ margin: 0; }}
  iframe {{ border: 1px solid #bbb; background: #fff; height: 86vh; }}
</style>
<h1>{title}</h1>
<p>
  <a href="{slug}.txt">Plain text</a> ·
  <a href="{slug}.eml">Message as sent</a> ·
  <a href="{slug}.html">HTML as sent</a>
</p>
<div class="frames">
  <figure>
    <figcaption>Desktop</figcaption>
    <iframe sandbox title="Desktop" width="760" src="{slug}.local.html"></iframe>
  </figure>
  <figure>
    <figcaption>Phone, 375 px</figcaption>
    <iframe sandbox title="Phone" width="375" src="{slug}.local.html"></iframe>
  </figure>
</div>
"""
