"""The API described in OpenAPI 3.1, made from the operations and the models that check what comes in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

from newsletter import __version__
from newsletter.access.scopes import Scope
from newsletter.config import Config
from newsletter.web.api.calls import REPEATABLE
from newsletter.web.api.kinds import OF_THE_SITE, site_schemas
from newsletter.web.api.operations import PREFIX, Operation
from newsletter.web.api.problems import MEDIA_TYPE, STATUSES, ProblemDocument

_REF = "#/components/schemas/{model}"
_PATH_SCHEMAS: dict[str, Any] = {
    "subscriber": {"type": "string", "pattern": "^[1-9][0-9]{0,18}$", "description": "`id` of the subscriber."},
    "campaign": {"type": "integer", "minimum": 0, "maximum": 999_999_999, "description": "Number of the campaign."},
    "list": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$", "description": "Slug of the list."},
}
_LIMITS = {
    "RateLimit": {"$ref": "#/components/headers/RateLimit"},
    "RateLimit-Policy": {"$ref": "#/components/headers/RateLimit-Policy"},
}


def document(operations: Sequence[Operation], config: Config) -> dict[str, Any]:
    """The whole description, for this Site."""
    refs, definitions = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, refs)
    described = {
        "openapi": "3.1.0",
        "info": {
            "title": f"{config.name}: API",
            "version": __version__,
            "description": "Subscribers, lists, campaigns, feedback events and suppressions of this Site. "
            "`newsletter api-key create` makes a key.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
        "servers": [{"url": PREFIX}],
        "security": [{"key": []}],
        "tags": [{"name": noun} for noun in dict.fromkeys(each.noun for each in operations)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted({**definitions, **site_schemas(config)}.items())),
            "headers": _headers(),
            "responses": {str(status): _problem(status) for status in _statuses(operations)},
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": f"A key begins with `nlk_`. Scopes: {', '.join(Scope)}.",
                }
            },
        },
    }
    return dict(_resolved(described))


def _resolved(found: Any) -> Any:
    """With a reference wherever a schema of the Site is meant."""
    if isinstance(found, list):
        return [_resolved(each) for each in found]
    if not isinstance(found, dict):
        return found
    return {
        "$ref" if key == OF_THE_SITE else key: _REF.format(model=value) if key == OF_THE_SITE else _resolved(value)
        for key, value in found.items()
    }


def _described(operation: Operation, refs: dict[Any, Any]) -> dict[str, Any]:
    text = f"{operation.description} Scope: `{operation.scope}`.".strip()
    responses: dict[str, Any] = {
        str(status): _answer(meaning, None if model is None else refs[model], operation)
        for status, (meaning, model) in operation.answers.items()
    }
    for status in operation.statuses:
        responses[str(status)] = {"$ref": f"#/components/responses/{status}"}
    found: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.noun],
        "summary": operation.summary,
        "description": text,
        "parameters": [*_path(operation), *_query(operation), *_header(operation)],
        "responses": responses,
    }
    if operation.body is not None:
        content = {"application/json": {"schema": refs[operation.body]}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _statuses(operations: Sequence[Operation]) -> list[int]:
    return sorted({status for each in operations for status in each.statuses})


def _path(operation: Operation) -> Iterable[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", operation.path):
        yield {"name": name, "in": "path", "required": True, "schema": _PATH_SCHEMAS[name]}


def _query(operation: Operation) -> Iterable[dict[str, Any]]:
    if operation.query is None:
        return
    schema = operation.query.model_json_schema(ref_template=_REF)
    for name, found in schema["properties"].items():
        described = {key: value for key, value in found.items() if key not in {"title", "default", "anyOf"}}
        description = described.pop("description", "")
        # An absent parameter is None to us, but nobody can write null into an address.
        for each in found.get("anyOf", []):
            if each.get("type") != "null":
                described |= each
        if found.get("default") is not None:
            described["default"] = found["default"]
        yield {"name": name, "in": "query", "description": description, "schema": described}


def _header(operation: Operation) -> Iterable[dict[str, Any]]:
    if operation.method == "POST":
        yield {
            "name": REPEATABLE,
            "in": "header",
            "description": "The same key with the same request within a day gets the same answer; nothing is done "
            "twice.",
            "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
        }


def _answer(meaning: str, ref: dict[str, Any] | None, operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {"description": meaning, "headers": dict(_LIMITS)}
    if ref is not None:
        found["content"] = {"application/json": {"schema": ref}}
    if operation.query is not None:
        found["headers"]["Link"] = {"$ref": "#/components/headers/Link"}
    return found


def _problem(status: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": STATUSES[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model=ProblemDocument.__name__)}}},
    }
    if status in {429, 503}:
        found["headers"] = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    if status in {401, 403}:
        found["headers"] = {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}
    return found


def _headers() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "RateLimit": {
            "required": True,
            "description": "`r`: requests left; `t`: seconds until all are back.",
            "schema": text,
        },
        "RateLimit-Policy": {"required": True, "description": "`q` requests in `w` seconds.", "schema": text},
        "Retry-After": {
            "required": True,
            "description": "Seconds to wait.",
            "schema": {"type": "integer", "minimum": 1},
        },
        "Link": {"description": "The next page, as `rel=next` (RFC 8288).", "schema": text},
    }


def _schemas(operations: Sequence[Operation]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """What to write for every model, and the definitions of all of them."""
    bodies = [each.body for each in operations if each.body is not None]
    answered = [model for each in operations for _, model in each.answers.values() if model is not None]
    wanted: dict[Any, Any] = {(model, "validation"): None for model in bodies}
    wanted |= {(model, "serialization"): None for model in [*answered, ProblemDocument]}
    refs, schema = models_json_schema(list(wanted), ref_template=_REF)
    return {model: ref for (model, _), ref in refs.items()}, schema["$defs"]
