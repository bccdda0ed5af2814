"""The studio as pages: one for the light table, one for every view on it, and a stream that says when to look again.

It runs on this machine for the editor alone (`loopback`), changes nothing, and loads nothing from anywhere else.
Mail stands in frames that may run nothing. They share the page's origin, so that it can keep their place on the
page when they are renewed and measure whether they run over the edge; a frame without scripts gains nothing by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, current_app, jsonify, request
from werkzeug.exceptions import HTTPException

from newsletter import starter
from newsletter.errors import NewsletterError
from newsletter.rendering.environment import render_template
from newsletter.rendering.views import VIEWS
from newsletter.web import assets, loopback
from newsletter.web.studio.desk import Desk
from newsletter.web.studio.drafts import Whose
from newsletter.web.studio.readers import GUESTS, SAMPLE
from newsletter.web.studio.sources import lines

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
FRAME = "allow-same-origin allow-popups allow-popups-to-escape-sandbox"
"""What the frame of a mail may do: be measured, and open its links in a tab. Never scripts."""
FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'none'; "
    f"frame-ancestors 'self'; sandbox {FRAME}"
)
FILES = {"studio.css": "text/css; charset=utf-8", "studio.js": "text/javascript; charset=utf-8"}
HEARTBEAT = 5.0
"""Seconds after which a silent stream says that it is still there; so a closed window is noticed."""
LONGEST_KEY = 320

blueprint = Blueprint("studio", __name__)


def create_studio(desk: Desk) -> Flask:
    """The pages of what lies on `desk`."""
    app = Flask("newsletter.studio", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 1024
    app.extensions["studio"] = desk
    app.register_blueprint(blueprint)
    loopback.install(app, PAGE_POLICY)
    app.register_error_handler(HTTPException, _trouble)
    return app


@blueprint.get("/")
def index() -> Response:
    """The light table."""
    site = _desk().draft.site
    return _page("index", slug=_desk().slug, site=site.config.name, views=VIEWS, guests=GUESTS, frame=FRAME)


@blueprint.get("/state")
def state() -> Response:
    """The newest draft in figures, as JSON."""
    return jsonify(_desk().state(_whose()))


@blueprint.get("/checks")
def checks() -> Response:
    """What the linter says, as JSON."""
    return jsonify(_desk().checks(_whose()))


@blueprint.get("/view/<key>")
def view(key: str) -> Response:
    """One view, for its frame; or a page that says why there is none."""
    if key not in {each.key for each in VIEWS}:
        abort(404)
    try:
        text, status = _desk().document(key, _whose()), 200
        text = text.replace("<head>", '<head><base target="_blank">', 1)
    except NewsletterError as error:
        text, status = render_template(_desk().pages, "web/studio/trouble.html", {"error": error}), 422
    response = Response(text.encode("utf-8", "replace"), status, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = FRAME_POLICY
    return response


@blueprint.get("/source")
def source() -> Response:
    """The lines of one of the files on the list, as JSON; `(html)` and `(message)` are what is sent."""
    name = request.args.get("file", "")
    found = [each.path for each in _desk().sources() if each.name == name]
    if found:
        return jsonify(lines(found[0]))
    if name not in {"(html)", "(message)"}:
        abort(404)
    try:
        proof = _desk().proof(_whose())
    except NewsletterError:
        abort(404)
    sent = proof.html if name == "(html)" else proof.message.decode("utf-8", "replace")
    return jsonify(sent.splitlines())


@blueprint.get("/changes")
def changes() -> Response:
    """A stream of draft numbers (server-sent events, HTML standard §9.2): one at once, one for every change."""
    desk = _desk()

    def stream() -> Iterator[str]:
        known = desk.version
        yield f"retry: 300\n{_news(desk)}"
        while True:
            try:
                newer = desk.wait(known, HEARTBEAT)
            except EOFError:
                return
            if newer is None:
                yield ": still here\n\n"
            else:
                known = newer
                yield _news(desk)

    return Response(stream(), content_type="text/event-stream")


@blueprint.get("/media/<name>")
def picture(name: str) -> Response:
    """A picture of the issue, from where it lies on disk."""
    found = _desk().draft.picture(name)
    if found is None or not found[0].startswith("image/"):
        abort(404)
    return assets.cached(found[1], found[0], "private, max-age=31536000, immutable")


@blueprint.get("/static/<name>")
def static(name: str) -> Response:
    """The studio's own style sheet and script."""
    if name not in FILES:
        abort(404)
    path = Path(starter.templates()) / "web" / "studio" / name
    return assets.cached(path.read_bytes(), FILES[name], "no-cache")


def _news(desk: Desk) -> str:
    draft = desk.draft
    return f"event: draft\ndata: {json.dumps({'version': draft.version, 'trouble': draft.trouble is not None})}\n\n"


def _desk() -> Desk:
    desk: Desk = current_app.extensions["studio"]
    return desk


def _whose() -> Whose:
    """The copy asked for."""
    asked = {name: request.args.get(name, "").strip()[:LONGEST_KEY] for name in ("reader", "list", "tags")}
    return Whose(asked["reader"] or SAMPLE, asked["list"], tuple(tag for tag in asked["tags"].split(",") if tag))


def _page(name: str, status: int = 200, **context: object) -> Response:
    text = render_template(_desk().pages, f"web/studio/{name}.html", context)
    return Response(text, status, content_type="text/html; charset=utf-8")


def _trouble(error: HTTPException) -> Response:
    return _page("nothing", error.code or 500, number=error.code or 500)
