"""Past issues as pages, exactly as they were launched, read by nobody in particular; and their pictures.

A private archive has no pages, but its pictures stay: the mails already sent point to them.
"""

from __future__ import annotations

from flask import Blueprint, Response, abort, request
from markupsafe import Markup

from newsletter.campaigns import snapshot
from newsletter.rendering.slots import as_html, as_text, fill_text, null_reader
from newsletter.web.assets import cached
from newsletter.web.door import door

blueprint = Blueprint("archive", __name__)

IMMUTABLE = "public, max-age=31536000, immutable"
"""A picture is named by its own hash, so it never changes."""

PICTURE_TYPES = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})


@blueprint.get("/archive/", strict_slashes=False)
def index() -> Response:
    """All past issues, the newest first."""
    here = door()
    _refuse_private()
    with here.site.database.read() as connection:
        issues = snapshot.published(connection)
    return here.page("archive", issues=issues, box=here.box(here.site.config.default_list, request.path))


@blueprint.get("/archive/<slug>/", strict_slashes=False)
def issue(slug: str) -> Response:
    """One past issue in full."""
    here = door()
    _refuse_private()
    with here.site.database.read() as connection:
        found = snapshot.newest(connection, slug)
    if found is None:
        abort(404)
    rendered = found.rendered
    nobody = null_reader(rendered.slots, "/")
    page = fill_text(rendered.page, rendered.slots, nobody, as_html)
    return here.page(
        "issue",
        body=Markup(page),  # noqa: S704 - sanitised and escaped when it was rendered
        subject=fill_text(rendered.subject, rendered.slots, nobody, as_text),
        preheader=fill_text(rendered.preheader, rendered.slots, nobody, as_text),
        box=here.box(here.site.config.default_list, request.path),
    )


@blueprint.get("/media/<name>")
def media(name: str) -> Response:
    """A picture of an issue, by the hash of its bytes."""
    with door().site.database.read() as connection:
        found = snapshot.picture(connection, name)
    if found is None or found[0] not in PICTURE_TYPES:
        abort(404)
    media_type, data = found
    response = cached(data, media_type, IMMUTABLE)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _refuse_private() -> None:
    if door().site.config.archive.visibility == "private":
        abort(404)
