"""The headers under every answer: no script, no frame, no third party, no cookie, no trace of a token.

The policy can be this strict because the pages need nothing: styles come from our own files, pictures
from ourselves, and forms go home.
"""

from __future__ import annotations

from flask import Flask, Response, request

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors {ancestors}"
)
TOKEN_PAGES = frozenset({"confirm", "unsubscribe", "preferences"})
"""Blueprints whose addresses hold a token; nothing may keep, index or pass them on."""


def install(app: Flask) -> None:
    """Put the headers on every answer of `app`, error pages included."""
    app.after_request(_add)


def _add(response: Response) -> Response:
    framed = request.endpoint == "signup.embed"
    headers = response.headers
    headers.setdefault("Content-Security-Policy", POLICY.format(ancestors="*" if framed else "'none'"))
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    if request.blueprint in TOKEN_PAGES:
        headers["Cache-Control"] = "no-store"
        headers["X-Robots-Tag"] = "noindex, nofollow"
    else:
        headers.setdefault("Cache-Control", "no-cache")
    return response
