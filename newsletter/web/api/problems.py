"""What went wrong, as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from newsletter.errors import (
    AddressError,
    ConfigError,
    NewsletterError,
    NotFoundError,
    StoreError,
)

MEDIA_TYPE = "application/problem+json"

STATUSES: Mapping[int, str] = {
    400: "The body is not JSON.",
    401: "The key is missing, unknown or revoked.",
    403: "The key may not do this.",
    404: "There is no such thing.",
    405: "This address does not answer to that method; `Allow` names those it does.",
    409: "It is not possible as things stand.",
    413: "The body is longer than a megabyte.",
    415: "The body must be sent as application/json.",
    422: "What was sent does not fit; `errors` says where.",
    429: "The key has asked too often; `Retry-After` says when to go on.",
    500: "A fault of the program.",
    503: "The database cannot be used right now.",
}
"""What each status of the API means."""


class Fault(BaseModel):
    """One thing that does not fit."""

    model_config = ConfigDict(extra="forbid")

    pointer: str = Field(description="Where: a JSON pointer into the body (RFC 6901), or the name of a parameter.")
    detail: str = Field(description="What is wrong there.")


class ProblemDocument(BaseModel):
    """A problem as it is answered (RFC 9457)."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="Always `about:blank`: the status says it all.")
    title: str = Field(description="The name of the status.")
    status: int = Field(description="The status once more.")
    detail: str = Field(description="What happened, in one sentence.")
    hint: str | None = Field(None, description="What to do about it.")
    errors: list[Fault] | None = Field(None, description="With 422: what does not fit.")


class Problem(Exception):
    """Ends a request with this answer."""

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        hint: str = "",
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})
        self.document = ProblemDocument(
            type="about:blank",
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail or STATUSES.get(status, HTTPStatus(status).description or "The request cannot be answered."),
            hint=hint or None,
            errors=list(faults) or None,
        )

    @property
    def body(self) -> str:
        """The document as text."""
        return self.document.model_dump_json(exclude_none=True)

    def response(self) -> Response:
        """The answer."""
        headers = {"Cache-Control": "no-store", **self.headers}
        return Response(self.body, self.status, headers, content_type=MEDIA_TYPE)


def unfit(pointer: str, detail: str) -> Problem:
    """422 for one thing."""
    return Problem(422, faults=[Fault(pointer=pointer, detail=detail)])


def of(error: NewsletterError) -> Problem:
    """The problem that an error from below amounts to; texts of the configuration and the database stay inside."""
    match error:
        case StoreError():
            return Problem(503, headers={"Retry-After": "60"})
        case ConfigError():
            return Problem(500)
        case NotFoundError():
            return Problem(404, error.message)
        case AddressError():
            return unfit("/email", error.message)
    return Problem(409, error.message, hint=error.hint)


def invalid(error: ValidationError) -> Problem:
    """What pydantic found: 400 when it is no JSON at all, else 422 with a pointer to each fault."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if any(each["type"] == "json_invalid" for each in faults):
        return Problem(400, f"The body is not JSON: {faults[0]['msg'].removeprefix('Invalid JSON: ')}.")
    return Problem(
        422,
        faults=[
            Fault(
                pointer="".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in each["loc"]),
                detail=each["msg"].removeprefix("Value error, "),
            )
            for each in faults[:20]
        ],
    )
