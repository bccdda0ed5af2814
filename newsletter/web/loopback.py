"""Pages for this machine only: they answer to loopback names, and nothing on them belongs to anybody else.

A web site that points its own name at 127.0.0.1 (DNS rebinding) comes with its own name in the Host header; it
gets nothing to read. Other sites may not load, frame or embed what is shown here either.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

from newsletter.config import is_loopback


def install(app: Flask, policy: str) -> None:
    """Guard every page of `app`; `policy` is the Content-Security-Policy of those that bring none themselves."""

    def add_headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    app.before_request(_only_for_this_machine)
    app.after_request(add_headers)


def _only_for_this_machine() -> None:
    try:
        name = urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        name = ""
    if not is_loopback(name):
        abort(403)
