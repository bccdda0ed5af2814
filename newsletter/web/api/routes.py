"""The addresses of the API: one for each operation, its description, and the page to try it on."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response, jsonify

from newsletter.web.api import (
    calls,
    campaigns,
    deliveries,
    explorer,
    feedback,
    lists,
    openapi,
    subscribers,
    subscriptions,
    suppressions,
)
from newsletter.web.api.operations import PREFIX, Operation
from newsletter.web.api.problems import Problem
from newsletter.web.door import door

OPERATIONS: tuple[Operation, ...] = (
    *subscribers.OPERATIONS,
    *subscriptions.OPERATIONS,
    *deliveries.OPERATIONS,
    *lists.OPERATIONS,
    *campaigns.OPERATIONS,
    *feedback.OPERATIONS,
    *suppressions.OPERATIONS,
)

blueprint = Blueprint("api", __name__, url_prefix=PREFIX)


def owns(path: str) -> bool:
    """Whether errors at this path are told to a program, not to a person."""
    return f"{path}/".startswith(f"{PREFIX}/")


def problem(status: int) -> Response:
    """An error that no operation met: no such address, a method it has not, a fault of ours."""
    return Problem(status).response()


def _run(operation: Operation, **path: str) -> Response:
    return calls.answer(operation, path)


@blueprint.get("/openapi.json")
def description() -> Response:
    """The API described in OpenAPI 3.1."""
    return jsonify(openapi.document(OPERATIONS, door().site.config))


@blueprint.get("/", strict_slashes=False)
def page() -> Response:
    """Every operation, to be read and to be tried."""
    return explorer.page(OPERATIONS)


@blueprint.get("/explorer.<kind>")
def file(kind: str) -> Response:
    """The script and the style sheet of that page."""
    return explorer.file(kind)


for _each in OPERATIONS:
    blueprint.add_url_rule(
        _each.path.replace("{", "<").replace("}", ">"),
        _each.name,
        partial(_run, _each),
        methods=[_each.method],
    )
