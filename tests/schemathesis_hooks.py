"""What a schema cannot say about the API, told to schemathesis: which addresses are ours to use, and what is unique."""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

schemathesis.openapi.format(
    "email", st.from_regex(r"[a-z][a-z0-9]{0,15}(\+[a-z]{1,8})?@example\.(net|org)", fullmatch=True)
)


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """A cursor is one we gave out, and an idempotency key belongs to one request."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if case.query:
        case.query.pop("cursor", None)
    if case.headers:
        case.headers.pop("Idempotency-Key", None)
