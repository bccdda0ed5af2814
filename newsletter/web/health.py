"""`/healthz`: whether the pages and their database answer, for whoever watches the server."""

from __future__ import annotations

from flask import Blueprint, Response
from sqlalchemy import text

from newsletter.web.door import door

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """`ok` after a read of the database; 503 when that fails."""
    with door().site.database.read() as connection:
        connection.execute(text("SELECT count(*) FROM lists")).scalar_one()
    return Response("ok\n", content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})
