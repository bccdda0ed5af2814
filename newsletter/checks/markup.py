"""Tags as they are written, before any parser repairs them: what is opened, what is closed, and what is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
    | {"o:p", "v:fill", "v:imagedata", "v:stroke", "w:anchorlock"}
)
_MAY_STAY_OPEN = frozenset({"li", "p", "dt", "dd", "option", "thead", "tbody", "tfoot", "tr", "td", "th", "colgroup"})
_ENDS_PARAGRAPH = frozenset(
    {"address", "article", "blockquote", "center", "div", "dl", "figure", "form", "h1", "h2", "h3", "h4", "h5", "h6"}
    | {"hr", "ol", "p", "pre", "section", "table", "ul"}
)
_TOKEN = re.compile(
    r"<!--.*?-->|<!\[[^>]*>|<!doctype[^>]*>|<(?P<raw>style|script|title|xml)\b[^>]*>.*?</(?P=raw)\s*>"
    r"|<(?P<end>/?)(?P<name>[a-zA-Z][a-zA-Z0-9:-]*)(?:\"[^\"]*\"|'[^']*'|[^'\"<>])*?(?P<self>/?)>",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True)
class Mismatch:
    """A tag without its other half, with the 1-based line it stands on."""

    words: str
    tag: str
    line: int


def mismatches(html: str) -> Iterator[Mismatch]:
    """Elements that end in another order than they began, end twice, or never end.

    End tags that HTML lets one leave out may be missing.
    """
    stack: list[tuple[str, int]] = []
    for token in _TOKEN.finditer(html):
        if token["name"] is None:
            continue
        name, at = token["name"].lower(), token.start()
        if name in VOID:
            continue
        if not token["end"]:
            if name in _ENDS_PARAGRAPH and stack and stack[-1][0] == "p":
                stack.pop()
            if not token["self"]:
                stack.append((name, at))
            continue
        if all(name != open_ for open_, _ in stack):
            yield Mismatch(f"</{name}> ends something that was not begun", f"</{name}>", _line(html, at))
            continue
        while stack[-1][0] != name:
            open_, began = stack.pop()
            if open_ not in _MAY_STAY_OPEN:
                yield Mismatch(f"<{open_}> is not closed before </{name}>", f"<{open_}", _line(html, began))
        stack.pop()
    for open_, began in stack:
        if open_ not in _MAY_STAY_OPEN:
            yield Mismatch(f"<{open_}> is never closed", f"<{open_}", _line(html, began))


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
