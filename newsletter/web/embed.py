"""The form on other people's pages: a script that lets it answer in place, and the token that proves where it stood.

A plain form needs neither; the script only spares its reader the one more click and the change of page. What is
asked of whom stays with the gate, and the answer is the same whatever the address, here as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, abort, jsonify, request

from newsletter.errors import NotFoundError
from newsletter.rendering import themes
from newsletter.rendering.translation import noted
from newsletter.web import gatehouse
from newsletter.web.assets import cached, find
from newsletter.web.door import Door, door, form_name

blueprint = Blueprint("embed", __name__)

_TITLE = noted("Check your inbox")
_TEXT = noted(
    "We have sent you a message with a link. Open it and press the button on the page: only then are you signed up."
)


@blueprint.get("/embed/<slug>.js")
def script(slug: str) -> Response:
    """What lets a plain form answer in its place."""
    here = _known(slug)
    data = find(themes.folders(here.site.templates, here.site.config.theme.name), "embed.js")
    if data is None:
        abort(404)
    response = cached(data, "text/javascript; charset=utf-8", "public, max-age=3600")
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@blueprint.get("/embed/<slug>.json")
def token(slug: str) -> Response:
    """A form token for the page that asks, as its browser names it."""
    here = _known(slug)
    page = gatehouse.claimed_origin()
    response = jsonify(form=here.forms.issue(form_name(page), here.site.clock()), page=page)
    response.headers["Cache-Control"] = "no-store"
    return _for_everybody(response)


def asked_by_script() -> bool:
    """Whether a post wants an answer that a script can show."""
    return bool(request.accept_mimetypes.best == "application/json")


def thanks(here: Door) -> Response:
    """What the next page says, for a script."""
    speak = here.words.gettext
    return _for_everybody(jsonify(title=speak(_TITLE), text=speak(_TEXT), language=here.language))


def mistakes(errors: Mapping[str, str]) -> Response:
    """A sentence for every field that cannot be used, for a script."""
    response = _for_everybody(jsonify(errors=dict(errors)))
    response.status_code = 400
    return response


def _known(slug: str) -> Door:
    here = door()
    try:
        here.site.config.list(slug)
    except NotFoundError:
        abort(404)
    return here


def _for_everybody(response: Response) -> Response:
    """Readable from any page (Fetch §3.3.1): it holds nothing about anybody, and no cookie was looked at."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.vary.add("Accept")
    return response
