"""Error pages in the house's style: one sentence, one way on, never a traceback.

A fault of the database answers 503, so that a mail provider whose one-click post met it tries again.
"""

from __future__ import annotations

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from newsletter.errors import ContentError, NewsletterError, RenderError, StoreError, TokenError
from newsletter.web.api import routes
from newsletter.web.door import door

log = logging.getLogger("newsletter.web")

_PLAIN = "<!doctype html><title>Error</title><p>Something went wrong on our side. Please try again later."


def install(app: Flask) -> None:
    """Answer every error of `app` with a page."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(TokenError, _token)
    app.register_error_handler(StoreError, _store)
    app.register_error_handler(ContentError, _theme)
    app.register_error_handler(RenderError, _theme)
    app.register_error_handler(Exception, _surprise)


def _http(error: HTTPException) -> Response:
    response = _page(error.code or 500)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _token(_error: TokenError) -> Response:
    return _page(404, kind="link")


def _store(error: StoreError) -> Response:
    log.error("%s %s: %s", request.method, request.url_rule, error)
    response = _page(503)
    response.headers["Retry-After"] = "60"
    return response


def _theme(error: NewsletterError) -> Response:
    """A template of the Site's own is broken: its file and line are all that helps."""
    log.error("%s %s: %s", request.method, request.url_rule, error)
    return _page(500)


def _surprise(error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url_rule, exc_info=error)
    return _page(500)


def _page(status: int, kind: str = "") -> Response:
    if routes.owns(request.path):
        return routes.problem(status)
    try:
        return door().page("error", status, number=status, kind=kind or str(status))
    except NewsletterError as broken:  # a Site's own theme may be what is broken
        log.error("The error page cannot be rendered: %s", broken)
        return Response(_PLAIN, status, content_type="text/html; charset=utf-8")
