"""Which addresses content may link to: those that work in somebody's inbox."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from newsletter.content.values import Markdown
from newsletter.errors import ContentError

_SLOT = re.compile(r"NLSLOT[0-9a-f]+X")


def check_link(href: str, md: Markdown, line: int) -> None:
    """Accept http, https, mailto, `#…` and a slot token; raise ContentError at `line` of the file for others."""
    if _SLOT.fullmatch(href) or (href.startswith("#") and len(href) > 1):
        return
    try:
        parts = urlsplit(href)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme in {"http", "https"} and parts.hostname:
        return
    if parts.scheme == "mailto" and "@" in parts.path:
        return
    shown = unquote(href)[:80]
    if not parts.scheme:
        raise ContentError(
            f'The link to "{shown}" works nowhere but here.',
            path=md.path,
            line=line,
            hint="Write the absolute address, beginning with https://.",
        )
    raise ContentError(
        f'The link to "{shown}" is not one a mail can carry.',
        path=md.path,
        line=line,
        hint="Use an address that begins with https://, http:// or mailto:.",
    )
