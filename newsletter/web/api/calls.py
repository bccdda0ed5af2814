"""How every request of the API is answered: known, within its limit, allowed, read, not done before, then done.

The order is part of the contract. Who is unknown learns nothing and costs no write; who is known pays for every
request, also for one that is refused; and only what fits is kept under an idempotency key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from flask import Response, g, request
from pydantic import ValidationError

from newsletter.access import answers, keys, limits
from newsletter.access.answers import Kept, Trouble
from newsletter.access.keys import ApiKey
from newsletter.errors import NewsletterError
from newsletter.web.api import problems
from newsletter.web.api.operations import Answer, Call, Operation
from newsletter.web.api.problems import Problem, unfit
from newsletter.web.door import Door, door, evidence

MAX_BODY = 1024 * 1024
"""Octets of a body."""
REPEATABLE = "Idempotency-Key"

_WORD = re.compile(r"[\x21-\x7e]{1,255}")


def answer(operation: Operation, path: Mapping[str, str]) -> Response:
    """The answer to the present request, whatever becomes of it."""
    try:
        response = _answer(operation, path)
    except Problem as problem:
        response = problem.response()
    except NewsletterError as error:
        response = problems.of(error).response()
    for name, value in g.get("api_limits", {}).items():
        response.headers[name] = value
    return response


def _answer(operation: Operation, path: Mapping[str, str]) -> Response:
    here = door()
    key = _admit(here)
    if operation.scope not in key.scopes:
        raise Problem(
            403,
            f"The key {key.prefix} lacks the scope {operation.scope}, which this needs.",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{operation.scope}"'},
        )
    call = Call(
        site=here.site,
        gate=here.gate,
        key=key,
        path=path,
        evidence=evidence("api", key.name),
        wake=here.on_enrolled,
        query=_query(here, operation),
        body=_body(here, operation),
    )
    word = _word(operation)
    if word is None:
        return _response(_made(operation.handle(call)))
    return _response(_once(operation, call, word))


def _admit(here: Door) -> ApiKey:
    """The key of this request, one request poorer."""
    given = request.authorization
    presented = given.token if given is not None and given.type == "bearer" else None
    with here.site.database.read() as connection:
        key = keys.recognise(connection, presented or "")
    if key is None:
        raise _unknown(presented)
    with here.site.database.write() as connection:
        now = here.site.clock()
        allowance = limits.spend(connection, key.id, now)
        answers.forget_old(connection, now)
    if allowance is None:
        raise _unknown(presented)
    # draft-ietf-httpapi-ratelimit-headers
    g.api_limits = {
        "RateLimit-Policy": f'"key";q={allowance.rate};w={limits.WINDOW}',
        "RateLimit": f'"key";r={allowance.remaining};t={allowance.reset}',
    }
    if allowance.retry_after:
        raise Problem(429, headers={"Retry-After": str(allowance.retry_after)})
    return key


def _unknown(presented: str | None) -> Problem:
    """RFC 6750 §3: who sent no key at all is not told of an error in it."""
    error = ', error="invalid_token"' if presented else ""
    return Problem(401, headers={"WWW-Authenticate": f'Bearer realm="newsletter"{error}'})


def _query(here: Door, operation: Operation) -> Any:
    given = request.args.to_dict(flat=False)
    if operation.query is None:
        if given:
            raise unfit(f"/{min(given)}", "There is no such parameter.")
        return None
    for name, values in given.items():
        if len(values) > 1:
            raise unfit(f"/{name}", "Each parameter may be named once.")
    try:
        return operation.query.model_validate(
            {name: values[0] for name, values in given.items()}, context=here.site.config
        )
    except ValidationError as error:
        raise problems.invalid(error) from error


def _body(here: Door, operation: Operation) -> Any:
    if operation.body is None:
        return None
    if request.mimetype != "application/json":
        raise Problem(415, headers={"Accept": "application/json"})
    try:
        return operation.body.model_validate_json(request.get_data(), context=here.site.config)
    except ValidationError as error:
        raise problems.invalid(error) from error


def _word(operation: Operation) -> str | None:
    word = request.headers.get(REPEATABLE)
    if word is None or operation.method != "POST":
        return None
    if not _WORD.fullmatch(word):
        raise unfit(REPEATABLE, "An idempotency key has 1 to 255 visible ASCII characters.")
    return word


def _once(operation: Operation, call: Call, word: str) -> Kept:
    """Do it, or give the answer of when it was done."""
    database, clock, key = call.site.database, call.site.clock, call.key
    spoken = b"\0".join((request.method.encode(), request.full_path.encode(), request.get_data()))
    with database.write() as connection:
        found = answers.reserve(connection, key.id, word, hashlib.sha256(spoken).digest(), clock())
    if found is Trouble.DIFFERENT:
        raise unfit(REPEATABLE, "This idempotency key came with another request before.")
    if found is Trouble.UNDER_WAY:
        raise Problem(409, "The first request with this idempotency key is not answered yet.")
    if isinstance(found, Kept):
        return found
    try:
        kept = _decided(operation, call)
    except BaseException:
        with database.write() as connection:
            answers.drop(connection, key.id, word)
        raise
    with database.write() as connection:
        answers.keep(connection, key.id, word, kept)
    return kept


def _decided(operation: Operation, call: Call) -> Kept:
    """The answer, a refusal included; what is the fault of this side is raised, for it may be tried again."""
    try:
        return _made(operation.handle(call))
    except (Problem, NewsletterError) as error:
        problem = error if isinstance(error, Problem) else problems.of(error)
        if problem.status >= 500:
            raise
        return Kept(problem.status, problem.headers, problem.body)


def _made(found: Answer) -> Kept:
    body = "" if found.document is None else found.document.model_dump_json()
    return Kept(found.status, found.headers, body)


def _response(kept: Kept) -> Response:
    media_type = "application/json" if kept.status < 400 else problems.MEDIA_TYPE
    response = Response(kept.body, kept.status, {"Cache-Control": "no-store", **kept.headers})
    if kept.body:
        response.content_type = media_type
    else:
        del response.headers["Content-Type"]
    return response
