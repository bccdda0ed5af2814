"""`/healthz`: whether the pages and their database answer, for whoever watches the server; more for ourselves."""

from __future__ import annotations

import json

from flask import Blueprint, Response, request
from sqlalchemy import text

from newsletter.doctor import sight
from newsletter.web.door import door
from newsletter.web.serve import FORWARDED, PEER

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """`ok` after a read of the database; 503 when that fails."""
    with door().site.database.read() as connection:
        connection.execute(text("SELECT count(*) FROM lists")).scalar_one()
    return Response("ok\n", content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})


@blueprint.get(f"{sight.QUESTION}/<token>")
def what_was_seen(token: str) -> Response:
    """How the present request looks from here, for `newsletter doctor` alone; 404 to everybody else."""
    keys = door().site.keys
    nonce = sight.asked(keys, token, door().site.clock())
    seen = {
        "proof": sight.answer_to(keys, nonce),
        "scheme": request.scheme,
        "address": request.remote_addr or "",
        "peer": request.environ.get(PEER, request.remote_addr or ""),
        "forwarded": request.environ.get(FORWARDED, "none"),
    }
    return Response(json.dumps(seen), content_type="application/json", headers={"Cache-Control": "no-store"})
