"""The access log: a line per request, as the Common Log Format has it, that tells nothing about a reader.

The network stands in it cut as in the evidence of consent, a page that is opened by a token without the token, and
never a query string. Of addresses that lead nowhere only the beginning is kept, for anything may stand in them.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping

from flask import Flask, Response, g, request
from werkzeug.routing import Rule

from newsletter.redaction import HIDDEN, redacted
from newsletter.subscribers.consent import truncated_network
from newsletter.web.door import door
from newsletter.web.logs import ACCESS

OPEN = frozenset({"slug", "name", "kind"})
"""Parts of an address that name something of ours: an issue, a list, a file. All others are tokens or people."""

_OURS = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_BEGINNING = re.compile(r"/[A-Za-z0-9._-]{0,24}(?=/|$)")
_PART = re.compile(r"<(?:[^<>:]+:)?([^<>]+)>")


def install(app: Flask) -> None:
    """Log every request of `app`; nothing is written until somebody listens (`logs.told_to`)."""
    app.before_request(_start)
    app.after_request(_log)


def _start() -> None:
    g.started = time.perf_counter()


def _log(response: Response) -> Response:
    if ACCESS.isEnabledFor(logging.INFO):
        milliseconds = 1000 * (time.perf_counter() - g.get("started", time.perf_counter()))
        ACCESS.info(
            '%s - - [%s] "%s %s %s" %d %s %.1f ms',
            truncated_network(request.remote_addr or "") or "-",
            door().site.clock().strftime("%d/%b/%Y:%H:%M:%S +0000"),
            request.method if request.method.isalpha() and len(request.method) <= 16 else "-",
            shown(request.url_rule, request.view_args or {}, request.path),
            request.environ.get("SERVER_PROTOCOL", "-"),
            response.status_code,
            response.content_length if response.content_length is not None else "-",
            milliseconds,
        )
    return response


def shown(rule: Rule | None, arguments: Mapping[str, object], path: str) -> str:
    """The path of a request as it is logged: `/u/…`, `/archive/spring/`; of one that leads nowhere `/old/…`."""
    if rule is None:
        beginning = _BEGINNING.match(path)
        if beginning is None:
            return f"/{HIDDEN}"
        rest = HIDDEN if len(path) > beginning.end() + 1 else ""
        return redacted(beginning[0]) + ("/" if len(path) > beginning.end() else "") + rest

    def part(found: re.Match[str]) -> str:
        value = str(arguments.get(found[1], ""))
        return value if found[1] in OPEN and _OURS.fullmatch(value) else HIDDEN

    return _PART.sub(part, str(rule))
