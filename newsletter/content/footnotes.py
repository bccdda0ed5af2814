"""Footnotes: `[^1]` in the text and `[^1]: …` on a line of its own, gathered at the end of their article.

In print style, with the number in the text and before the note, because links within a page do not work in
every mail program. Where they do, ids begin with the name of the file, so that two articles never collide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

from newsletter.content.values import Markdown
from newsletter.errors import ContentError

_MARK = re.compile(r"\[\^([^\s\[\]^]{1,60})\]")
_LINK_ENDS = re.compile(r"[^\[\]]*\]\(")


@dataclass(frozen=True)
class Note:
    """What a footnote says; `line` is the 1-based line of the file on which it begins."""

    line: int
    tokens: list[Token]


def enable_footnotes(parser: MarkdownIt) -> None:
    """Teach a parser the syntax; definitions stay where they are until `extract`."""
    footnote_plugin(parser, inline=False, move_to_end=False)
    parser.inline.ruler.at("footnote_ref", _find_mark)
    parser.add_render_rule("footnote_ref", _mark_as_html)
    parser.add_render_rule("footnote_back", _mark_as_html)


def _find_mark(state: StateInline, silent: bool) -> bool:
    """Inline rule for `[^label]`, defined or not; labels are short, so that `[^[^[^…` costs nothing."""
    found = _MARK.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent:
        state.push("footnote_ref", "", 0).meta = {"label": found[1]}
    state.pos = found.end()
    return True


def _mark_as_html(_renderer: object, tokens: Sequence[Token], at: int, _options: object, _env: object) -> str:
    """`<sup class="fn">` with a link to the note, or from the note to where it is first called."""
    meta = tokens[at].meta
    number, ids = meta["number"], f"{meta['prefix']}-{meta['number']}"
    if tokens[at].type == "footnote_back":
        return f'<sup class="fn"><a href="#fnref-{ids}" role="doc-backlink">{number}</a></sup> '
    own = f' id="fnref-{ids}"' if meta["first"] else ""
    return f'<sup class="fn"><a href="#fn-{ids}"{own} role="doc-noteref">{number}</a></sup>'


def extract(tokens: Sequence[Token], md: Markdown) -> tuple[list[Token], dict[str, Note]]:
    """The text without its definitions, and those by label. A label that is defined twice is a ContentError."""
    body: list[Token] = []
    notes: dict[str, Note] = {}
    open_notes: list[Note] = []
    for token in tokens:
        if token.type == "footnote_reference_open":
            label, line = token.meta["label"], md.line + (token.map or [0])[0]
            if label in notes:
                raise ContentError(
                    f"The footnote [^{label[:40]}] is written twice, first in line {notes[label].line}.",
                    path=md.path,
                    line=line,
                    hint="Give one of them another name.",
                )
            notes[label] = Note(line, [])
            open_notes.append(notes[label])
        elif token.type == "footnote_reference_close":
            open_notes.pop()
        else:
            (open_notes[-1].tokens if open_notes else body).append(token)
    return body, notes


def append(body: list[Token], notes: Mapping[str, Note], md: Markdown) -> list[Token]:
    """`body` with its footnotes numbered as they are first called, and the notes below it.

    Raises ContentError at the line of a mark without a note, a note without a mark, an empty note and a mark
    inside a link.
    """
    prefix = re.sub(r"[^a-z0-9]+", "-", md.path.stem.lower()).strip("-") or "text"
    numbers: dict[str, int] = {}
    queue = [body]
    for tokens in queue:  # grows, because notes call notes
        for mark, line in _marks(tokens, md):
            label = mark.meta["label"]
            if label not in notes:
                raise ContentError(
                    f"There is no footnote [^{label[:40]}].",
                    path=md.path,
                    line=line,
                    hint=f"Write it on a line of its own, [^{label[:40]}]: …, or put a backslash before the bracket.",
                )
            first = label not in numbers
            if first:
                numbers[label] = len(numbers) + 1
                queue.append(notes[label].tokens)
            mark.meta |= {"number": numbers[label], "prefix": prefix, "first": first}
    for label, note in notes.items():
        if label not in numbers or not note.tokens:
            raise ContentError(
                f"The footnote [^{label[:40]}] is {'never called' if note.tokens else 'empty'}.",
                path=md.path,
                line=note.line,
                hint=f"Put [^{label[:40]}] where it belongs in the text, or remove it."
                if note.tokens
                else "Write its text after the colon.",
            )
    if not numbers:
        return body
    done = [*body, Token("endnotes_open", "div", 1, attrs={"class": "footnotes"}, block=True)]
    for label, number in numbers.items():
        done += _note(notes[label], {"number": number, "prefix": prefix})
    return [*done, Token("endnotes_close", "div", -1, block=True)]


def _marks(tokens: Sequence[Token], md: Markdown) -> Iterator[tuple[Token, int]]:
    for token in tokens:
        line, called = md.line + (token.map[0] if token.map else 0), False
        for child in token.children or ():
            line += child.type in {"softbreak", "hardbreak"}
            if child.type == "footnote_ref":
                called = True
                yield child, line
            elif child.type == "image":
                if any(each.type == "footnote_ref" for each in child.children or ()):
                    raise _misplaced("the description of a picture", md, line)
            elif called and child.type == "text" and _LINK_ENDS.match(child.content):
                raise _misplaced("a link", md, line)


def _misplaced(place: str, md: Markdown, line: int) -> ContentError:
    return ContentError(
        f"A footnote cannot be called from within {place}.",
        path=md.path,
        line=line,
        hint="Put the mark behind it.",
    )


def _note(note: Note, meta: dict[str, object]) -> list[Token]:
    """One note as blocks whose first is a paragraph that begins with the number."""
    back = Token("footnote_back", "", 0, meta=meta)
    tokens = note.tokens
    if tokens[0].type == "paragraph_open":
        inline = tokens[1].copy(children=[back, *(tokens[1].children or ())])
        tokens = [tokens[0].copy(hidden=False), inline, tokens[2].copy(hidden=False), *tokens[3:]]
    else:
        inline = Token("inline", "", 0, children=[back])
        tokens = [Token("paragraph_open", "p", 1, block=True), inline, Token("paragraph_close", "p", -1, block=True)]
        tokens += note.tokens
    tokens[0].attrSet("id", f"fn-{meta['prefix']}-{meta['number']}")
    # The wrapper is for the text part; in HTML it leaves no trace.
    opening = Token("endnote_open", "", 1, hidden=True, meta=meta)
    return [opening, *tokens, Token("endnote_close", "", -1, hidden=True)]
