"""Containers: `::: name …` to `:::`, the parts of a newsletter that Markdown has no sign for.

The parser only finds them (`find_container`); what each name means, and what is wrong with it, is said when
the tokens are arranged, so that a text can be searched for pictures before its variants are chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from markdown_it.common.normalize_url import normalizeLink
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token

from newsletter import spelling
from newsletter.content.links import check_link
from newsletter.content.values import Markdown
from newsletter.errors import ContentError

CALLOUTS = ("callout", "note", "tip", "warning")
LEAVES = frozenset({"button"})
"""Containers of a single line, without text below them and without a closing `:::`."""

_TITLES = {
    "en": {"note": "Note", "tip": "Tip", "warning": "Warning"},
    "de": {"note": "Hinweis", "tip": "Tipp", "warning": "Warnung"},
    "es": {"note": "Nota", "tip": "Consejo", "warning": "Advertencia"},
    "fr": {"note": "Remarque", "tip": "Conseil", "warning": "Attention"},
}
_BUTTON_BOX: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("cell", "td", {"align": "center"}),
    ("row", "tr", {}),
    ("rows", "tbody", {}),
    (
        "button",
        "table",
        {"class": "btn", "role": "presentation", "cellpadding": "0", "cellspacing": "0", "border": "0"},
    ),
)
_CODE = re.compile(r"(`{3,})[^`]*$|(~{3,})")
_DATE_ENDS = re.compile(r"(?:^|\s)(?:—|–|-{1,3})(?:\s|$)")


def find_container(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Block rule of markdown-it for lines that begin with `:::`; containers nest without counting colons.

    The closing line has the indentation of the opening one. Time grows with lines × depth, which is bounded.
    """
    words = _words(state, start)
    if words is None or state.is_code_block(start):
        return False
    if silent:
        return True
    name, _, rest = words.partition(" ")
    if not name:
        state.push("container_stray", "", 0).map = [start, start + 1]
        state.line = start + 1
        return True
    closing = start if name in LEAVES else _closing(state, start, end)
    stop = end if closing is None else closing
    opening = state.push("container_open", "div", 1)
    opening.map = [start, max(stop, start + 1)]
    opening.meta = {"name": name, "rest": rest.strip(), "closed": closing is not None}
    text = rest.strip().partition(" ")[2] if name in LEAVES else rest
    if text.strip():
        state.push("container_title_open", "p", 1)
        title = state.push("inline", "", 0)
        title.content, title.map, title.children = text.strip(), [start, start + 1], []
        state.push("container_title_close", "p", -1)
    if name not in LEAVES:
        parent, line_max = state.parentType, state.lineMax
        # Text inside must not run on over the closing line.
        state.parentType, state.lineMax = "container", stop
        state.md.block.tokenize(state, start + 1, stop)
        state.parentType, state.lineMax = parent, line_max
    state.push("container_close", "div", -1)
    state.line = stop if closing is None else stop + 1
    return True


def _words(state: StateBlock, line: int) -> str | None:
    """What stands after the colons of a line; None when it does not begin with three of them."""
    text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
    return " ".join(text.lstrip(":").split()) if text.startswith(":::") else None


def _closing(state: StateBlock, start: int, end: int) -> int | None:
    """The line that closes the container opened at `start`, or None; code may hold `:::` as it likes."""
    depth = 0
    code = ""
    for line in range(start + 1, end):
        text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].rstrip()
        if not text:
            continue
        if state.sCount[line] < state.blkIndent:
            return None
        if code:
            code = "" if text.startswith(code) and not text.strip(code[0]) else code
        elif (fence := _CODE.match(text)) and not state.is_code_block(line):
            code = fence[1] or fence[2]
        elif state.sCount[line] == state.sCount[start] and (words := _words(state, line)) is not None:
            if not words:
                if not depth:
                    return line
                depth -= 1
            elif words.partition(" ")[0] not in LEAVES:
                depth += 1
    return None


def arrange(tokens: Sequence[Token], md: Markdown) -> list[Token]:
    """`tokens` with every container in its final form.

    Raises ContentError at the line of a container that is unknown, never closed, empty, or not filled as it
    should be, and of a closing line that closes nothing.
    """
    done: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        at += 1
        if token.type == "container_stray":
            raise _error(
                token, md, 'This ":::" closes nothing.', "Remove it. A button is a single line and needs none."
            )
        if token.type != "container_open":
            done.append(token)
            continue
        first, at = at, _end(tokens, at, "container")
        done += _arranged(token, tokens[first : at - 1], md)
    return done


def _end(tokens: Sequence[Token], at: int, kind: str) -> int:
    """The index after the token that closes the `kind` opened just before `at`."""
    depth = 1
    while depth:
        depth += (tokens[at].type == f"{kind}_open") - (tokens[at].type == f"{kind}_close")
        at += 1
    return at


def _arranged(opening: Token, inner: Sequence[Token], md: Markdown) -> list[Token]:
    name = opening.meta["name"]
    if name not in _FORMS:
        raise _unknown(opening, md)
    if not opening.meta["closed"]:
        raise _error(
            opening, md, f'The container "{name}" is never closed.', 'End it with a line ":::", indented like this one.'
        )
    title: Token | None = None
    if inner and inner[0].type == "container_title_open":
        title, inner = inner[1], inner[3:]
    body = arrange(inner, md)
    if not body and name not in LEAVES:
        raise _error(opening, md, f'The container "{name}" is empty.', "Write its text between this line and the next.")
    return _FORMS[name](opening, title, body, md)


def _unknown(opening: Token, md: Markdown) -> ContentError:
    name = opening.meta["name"]
    if name == "only":
        return _error(
            opening, md, '"only" cannot stand here.', "Begin it at the left margin, outside lists and quotes."
        )
    near = spelling.nearest(name, _FORMS)
    meant = f'Did you mean "{near}"? ' if near else ""
    known = ", ".join(sorted([*_FORMS, "only"]))
    return _error(opening, md, f'There is no container "{name[:40]}".', f"{meant}Known: {known}.")


def _callout(opening: Token, title: Token | None, body: list[Token], md: Markdown) -> list[Token]:
    name = opening.meta["name"]
    if title is None:
        labels = _TITLES.get(md.language.partition("-")[0], _TITLES["en"])
        if name in labels:
            title = Token("inline", "", 0, children=[Token("text", "", 0, content=labels[name])])
    head = _wrapped("callout_title", "p", [title], {"class": "callout-title"}) if title else []
    css = "callout" if name == "callout" else f"callout {name}"
    return _wrapped("callout", "div", [*head, *body], {"class": css})


def _quote(opening: Token, title: Token | None, body: list[Token], md: Markdown) -> list[Token]:
    by = _wrapped("quote_by", "p", [title], {"class": "quote-by"}) if title else []
    return _wrapped("quote", "blockquote", [*body, *by], {"class": "quote"})


def _button(opening: Token, title: Token | None, body: list[Token], md: Markdown) -> list[Token]:
    address = opening.meta["rest"].partition(" ")[0].strip("<>")
    example = "Write it as ::: button https://example.org/visit Book a visit"
    if title is None:
        raise _error(opening, md, "A button needs an address and, after a space, its text.", example)
    if any(child.type in {"link_open", "image", "footnote_ref"} for child in title.children or ()):
        raise _error(opening, md, "The text of a button cannot hold another link, a picture or a footnote.", example)
    href = normalizeLink(address)
    check_link(href, md, _line(opening, md))
    inner = _wrapped("button_link", "a", [title], {"href": href})
    for kind, tag, attrs in _BUTTON_BOX:
        inner = _wrapped(kind, tag, inner, attrs)
    return inner


def _events(opening: Token, title: Token | None, body: list[Token], md: Markdown) -> list[Token]:
    rows: list[Token] = []
    for item in _items(opening, title, body, md):
        when, what = _dated(item[1], opening, md)
        cells = _wrapped("when", "td", [when], {"class": "when"})
        cells += _wrapped("what", "td", [what, *item[3:]], {"class": "what"})
        rows += _wrapped("event", "tr", cells)
    return _wrapped("events", "table", _wrapped("rows", "tbody", rows), {"class": "events", "role": "presentation"})


def _digest(opening: Token, title: Token | None, body: list[Token], md: Markdown) -> list[Token]:
    _items(opening, title, body, md)
    body[0].attrSet("class", "digest")
    return body


_FORMS: dict[str, Callable[[Token, Token | None, list[Token], Markdown], list[Token]]] = {
    **dict.fromkeys(CALLOUTS, _callout),
    "button": _button,
    "digest": _digest,
    "events": _events,
    "quote": _quote,
}


def _items(opening: Token, title: Token | None, body: list[Token], md: Markdown) -> list[list[Token]]:
    """The tokens of each item of the one list that `body` must be; every item begins with a paragraph."""
    name = opening.meta["name"]
    if title is not None:
        raise _error(
            opening, md, f'"{name}" takes nothing behind its name.', "Write a heading (## …) above the container."
        )
    example = "- 12 October — Open day" if name == "events" else "- [Title](https://example.org) and a line about it"
    hint = f"Put one list in it, with lines such as: {example}"
    if body[0].type != "bullet_list_open" or _end(body, 1, "bullet_list") != len(body):
        raise _error(opening, md, f'"{name}" holds something that is not its list.', hint)
    items: list[list[Token]] = []
    at = 1
    while at < len(body) - 1:
        first, at = at + 1, _end(body, at + 1, "list_item")
        items.append(body[first : at - 1])
        if not items[-1] or items[-1][0].type != "paragraph_open":
            raise _error(body[first - 1], md, f'This item of "{name}" does not begin with text.', hint)
    return items


def _dated(inline: Token, opening: Token, md: Markdown) -> tuple[Token, Token]:
    """An item's first paragraph, cut at its first spaced dash."""
    children = inline.children or []
    depth = 0
    for at, child in enumerate(children):
        depth += child.nesting
        if depth or child.type != "text" or not (dash := _DATE_ENDS.search(child.content)):
            continue
        parts = (child.content[: dash.start()].rstrip(), child.content[dash.end() :].lstrip())
        before, after = ([child.copy(content=part)] if part else [] for part in parts)
        when, what = [*children[:at], *before], [*after, *children[at + 1 :]]
        if when and what:
            return inline.copy(children=when), inline.copy(children=what)
        break
    raise _error(
        inline if inline.map else opening,
        md,
        "This event does not say when and what, with a dash between them.",
        "Write it as - 12 October — Open day",
    )


def _wrapped(kind: str, tag: str, inner: Sequence[Token], attrs: Mapping[str, str] | None = None) -> list[Token]:
    opening = Token(f"{kind}_open", tag, 1, attrs=dict(attrs or {}), block=True)
    return [opening, *inner, Token(f"{kind}_close", tag, -1, block=True)]


def _line(token: Token, md: Markdown) -> int:
    return md.line + (token.map[0] if token.map else 0)


def _error(token: Token, md: Markdown, message: str, hint: str) -> ContentError:
    return ContentError(message, path=md.path, line=_line(token, md), hint=hint)
