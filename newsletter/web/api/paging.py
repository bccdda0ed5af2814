"""Pages of things: a cursor names the last row that was seen, so that rows which come or go meanwhile shift nothing."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from pydantic import Field

from newsletter.errors import TokenError
from newsletter.tokens import KeyRing
from newsletter.web.api.kinds import Limit, Query
from newsletter.web.api.operations import PREFIX
from newsletter.web.api.problems import unfit

USUAL = 25
"""Things on a page when nothing else is said."""


class Page(Query):
    """Which part of a long list."""

    limit: Limit = Field(USUAL, description="At most so many.")
    cursor: str | None = Field(
        None,
        description="`next` of the page before; without it the first page.",
        pattern=r"^[A-Za-z0-9_-]{1,200}$",
    )


def position(keys: KeyRing, what: str, cursor: str | None, numbers: int = 1) -> tuple[int, ...] | None:
    """Where a page begins: behind the row that `cursor` names, or at the start."""
    if cursor is None:
        return None
    try:
        return keys.verify(f"cursor {what}", cursor, numbers)
    except TokenError as error:
        raise unfit("/cursor", "That cursor is not one of this list.") from error


def cursor(keys: KeyRing, what: str, *numbers: int) -> str:
    """Names a row of a list; signed, so that nobody has to rely on what is inside."""
    return keys.sign(f"cursor {what}", *numbers)


def link(path: str, parameters: Mapping[str, object], following: str | None) -> dict[str, str]:
    """The Link header to the next page (RFC 8288), if there is one."""
    if following is None:
        return {}
    query = urlencode({key: value for key, value in {**parameters, "cursor": following}.items() if value is not None})
    return {"Link": f'<{PREFIX}{path}?{query}>; rel="next"'}
