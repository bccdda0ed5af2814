"""The sandbox in the browser: what was sent while trying, as its reader would see it.

Mail is foreign HTML even when we wrote it, so it is shown in a frame that may run nothing, from an
address with a policy of its own, and to this machine only (`loopback`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from urllib.parse import quote

from flask import Blueprint, Flask, Response, abort, current_app
from werkzeug.exceptions import HTTPException

from newsletter import starter
from newsletter.config.model import ThemeConfig
from newsletter.errors import NotFoundError
from newsletter.rendering.environment import make_environment, render_template
from newsletter.transport import sandbox
from newsletter.web import assets, loopback
from newsletter.web.headers import POLICY

Media = Callable[[str], tuple[str, bytes] | None]
"""Media type and bytes of `/media/<name>`, or None."""

MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src * data:; frame-ancestors 'self'; sandbox {allow}"
LINKS_OPEN_BESIDE = "allow-popups allow-popups-to-escape-sandbox"
"""What the frame of a mail may do: open its links in a tab, and nothing else."""

SHOWN = 500
"""Mails on the list; older ones stay in the folder."""

MAX_SOURCE = 2_000_000
"""Bytes of a message that the source view shows."""

_MEDIA_LINK = re.compile(r"(?<=[\"'])https?://[^\s\"'<>]{1,500}?/media/([0-9a-f]{64}\.[a-z]{2,5})(?=[\"'])")
_EMBEDDED = re.compile(r"(?<=[\"'])cid:([^\s\"'<>]{1,400})(?=[\"'])")
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)

blueprint = Blueprint("inbox", __name__)


def create_inbox(folder: Path, media: Media | None = None) -> Flask:
    """The sandbox under `folder` as pages; `media` gives the pictures that mails link to on the Site's own address."""
    app = Flask("newsletter.inbox", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 1024
    app.extensions["inbox"] = (folder, media, make_environment(None))
    app.register_blueprint(blueprint)
    loopback.install(app, POLICY.format(ancestors="'none'").replace("'none'", "'none'; frame-src 'self'", 1))
    app.register_error_handler(HTTPException, _trouble)
    app.register_error_handler(NotFoundError, _gone)
    return app


@blueprint.get("/")
def index() -> Response:
    """All mails, the newest first."""
    return _page("list", mails=sandbox.messages(_folder(), limit=SHOWN))


@blueprint.get("/mail/<id>")
def mail(id: str) -> Response:
    """One mail: HTML, text, headers."""
    found = sandbox.read(_folder(), id)
    return _page("mail", found=found, mail=found.mail, allow=LINKS_OPEN_BESIDE)


@blueprint.get("/mail/<id>/html")
def html(id: str) -> Response:
    """The HTML part alone, for the frame; links open in a new tab."""
    document = sandbox.read(_folder(), id).html
    if document is None:
        abort(404)
    document = _EMBEDDED.sub(lambda link: f"/mail/{id}/picture/{quote(unescape(link[1]))}", document)
    if _media() is not None:
        document = _MEDIA_LINK.sub(r"/media/\1", document)
    based, count = _HEAD.subn(r'\g<0><base target="_blank">', document, count=1)
    shown = based if count else f'<base target="_blank">{document}'
    response = Response(shown.encode("utf-8", "replace"), content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = MAIL_POLICY.format(allow=LINKS_OPEN_BESIDE)
    return response


@blueprint.get("/mail/<id>/picture/<path:content_id>")
def embedded(id: str, content_id: str) -> Response:
    """A picture that the mail carries itself (RFC 2392)."""
    found = sandbox.read(_folder(), id).embedded.get(content_id)
    if found is None:
        abort(404)
    return Response(found[1], content_type=found[0])


@blueprint.get("/mail/<id>/source")
def source(id: str) -> Response:
    """The message as it came, byte for byte (the sandbox's two envelope headers in front)."""
    with sandbox.read(_folder(), id).mail.path.open("rb") as file:
        data = file.read(MAX_SOURCE)
    return Response(data, content_type="text/plain; charset=utf-8")


@blueprint.get("/media/<name>")
def picture(name: str) -> Response:
    """A picture of the Site."""
    media = _media()
    found = None if media is None else media(name)
    if found is None or not found[0].startswith("image/"):
        abort(404)
    response = Response(found[1], content_type=found[0])
    # A mail is shown in a frame that has no origin of its own, so for a browser it is another site.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@blueprint.get("/static/<name>")
def static(name: str) -> Response:
    """The starter's style sheets."""
    if name == "theme.css":
        return assets.cached(assets.theme_css(ThemeConfig()).encode(), assets.MEDIA_TYPES[".css"], "no-cache")
    data = assets.find([starter.templates()], name) if name in {"site.css", "inbox.css"} else None
    if data is None:
        abort(404)
    return assets.cached(data, assets.MEDIA_TYPES[".css"], "no-cache")


def _folder() -> Path:
    folder: Path = current_app.extensions["inbox"][0]
    return folder


def _media() -> Media | None:
    media: Media | None = current_app.extensions["inbox"][1]
    return media


def _page(name: str, status: int = 200, **context: object) -> Response:
    environment = current_app.extensions["inbox"][2]
    text = render_template(environment, f"web/inbox/{name}.html", context)
    return Response(text, status, content_type="text/html; charset=utf-8")


def _trouble(error: HTTPException) -> Response:
    return _page("error", error.code or 500, number=error.code or 500)


def _gone(_error: NotFoundError) -> Response:
    return _page("error", 404, number=404)
