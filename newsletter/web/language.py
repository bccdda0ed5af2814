"""Which language a page speaks: what its reader chose, else what we know of them, else what their browser asks for.

The choice travels in addresses and forms (`lang`), never in a cookie. Issues and their archive stay in the
Site's language, because their text does.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from flask import g, has_request_context, request

from newsletter.rendering.translation import NAMES

PARAMETER = "lang"
PUBLISHED = frozenset({"archive"})
"""Blueprints whose pages are in the language of what they show."""


def spoken(offered: Sequence[str]) -> str:
    """The language of the present answer, one of `offered`, of which the first is the Site's."""
    if len(offered) == 1 or not has_request_context() or request.blueprint in PUBLISHED:
        return offered[0]
    return chosen(offered) or _match(g.get("reader_language", ""), offered) or _accepted(offered)


def chosen(offered: Sequence[str]) -> str:
    """What the reader has chosen on one of our pages; empty without a choice that we offer."""
    if not has_request_context() or len(offered) == 1:
        return ""
    return _match(g.get("form_language", "") or request.args.get(PARAMETER, ""), offered)


def choose(language: str) -> None:
    """A form brought this along; it counts like a choice in the address."""
    g.form_language = language


def expect(language: str) -> None:
    """The reader of this page is known, and so is the language they once chose."""
    g.reader_language = language


def depends_on_browser(offered: Sequence[str]) -> bool:
    """Whether another browser might get the same address in another language (`Vary`, RFC 9110 §12.5.5)."""
    return len(offered) > 1 and has_request_context() and request.blueprint not in PUBLISHED


def alternatives(offered: Sequence[str]) -> list[tuple[str, str, str]]:
    """Tag, own name and address of the present page in every language; nothing where it cannot be asked for again."""
    if not depends_on_browser(offered) or request.method not in {"GET", "HEAD"}:
        return []
    here = quote(request.path)
    return [(tag, name_of(tag), f"{here}?{PARAMETER}={tag}") for tag in offered]


def name_of(tag: str) -> str:
    """What a language calls itself."""
    return NAMES.get(tag) or NAMES.get(tag.partition("-")[0]) or tag


def at(path: str, offered: Sequence[str]) -> str:
    """`path` on our pages with the language kept that the reader has chosen, now or once."""
    language = chosen(offered)
    if not language and has_request_context() and len(offered) > 1:
        language = _match(g.get("reader_language", ""), offered)
    return f"{path}?{PARAMETER}={language}" if language else path


def _match(tag: str, offered: Sequence[str]) -> str:
    """The offered language nearest to `tag`: itself, else one of the same primary language."""
    wanted = tag.casefold()
    if not wanted:
        return ""
    for each in offered:
        if each.casefold() == wanted:
            return each
    primary = wanted.partition("-")[0]
    return next((each for each in offered if each.casefold().partition("-")[0] == primary), "")


def _accepted(offered: Sequence[str]) -> str:
    for tag, quality in request.accept_languages:
        if quality > 0 and (found := _match(tag, offered)):
            return found
    return offered[0]
