"""The page of the API: every operation to read, and with a script of our own to try.

Without the script it is a reference. With it, a key that is typed in lives in the memory of the page alone: it is
put into no storage, no address and no form that could be sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from flask import Response, abort
from markupsafe import Markup, escape

from newsletter import starter
from newsletter.web.api.operations import PREFIX, Operation
from newsletter.web.api.problems import STATUSES
from newsletter.web.assets import cached
from newsletter.web.door import door

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
FILES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


def page(operations: Sequence[Operation]) -> Response:
    """All operations, by what they are about."""
    nouns: dict[str, list[dict[str, object]]] = {}
    for each in operations:
        nouns.setdefault(each.noun, []).append(
            {
                "name": each.name,
                "method": each.method,
                "path": each.path,
                "steps": re.findall(r"\{(\w+)\}", each.path),
                "parameters": _parameters(each),
                "summary": each.summary,
                "description": _marked(each.description),
                "scope": each.scope.value,
                "has_body": each.body is not None,
                "answers": [(status, _marked(meaning)) for status, (meaning, _) in each.answers.items()]
                + [(status, _marked(STATUSES[status])) for status in each.statuses],
            }
        )
    response = door().page("api/explorer", prefix=PREFIX, nouns=nouns)
    response.headers["Content-Security-Policy"] = POLICY
    return response


def file(kind: str) -> Response:
    """The style sheet or the script."""
    if kind not in FILES:
        abort(404)
    path = Path(starter.templates()) / "web" / "api" / f"explorer.{kind}"
    return cached(path.read_bytes(), FILES[kind], "no-cache")


def _parameters(operation: Operation) -> list[tuple[str, Markup]]:
    if operation.query is None:
        return []
    return [(name, _marked(field.description or "")) for name, field in operation.query.model_fields.items()]


def _marked(text: str) -> Markup:
    """Descriptions are CommonMark (OpenAPI 3.1 §4.3), of which ours use `code` alone."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped first
