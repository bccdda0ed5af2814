"""Typewriter characters become those of print: quotation marks, apostrophes, dashes and ellipses, by language.

Only prose is touched. What a machine reads (addresses, merge tags, slot tokens, tags written as text) keeps
every character, and so does whatever an editor escaped with a backslash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from markdown_it.token import Token

NBSP = "\u00a0"
APOSTROPHE = "’"


class _Marks(NamedTuple):
    """Opening and closing marks for what was typed as `"` and as `'`."""

    double: tuple[str, str]
    single: tuple[str, str]


_MARKS = {
    "en": _Marks(("“", "”"), ("‘", "’")),
    "de": _Marks(("„", "“"), ("‚", "‘")),
    "de-CH": _Marks(("«", "»"), ("‹", "›")),
    "fr": _Marks((f"«{NBSP}", f"{NBSP}»"), ("“", "”")),
    "es": _Marks(("«", "»"), ("“", "”")),
}
LANGUAGES = tuple(language for language in _MARKS if "-" not in language)
"""Languages whose quotation marks are known; in others quotation marks stay as typed."""

TYPED = str.maketrans(dict.fromkeys("“”„«»", '"') | dict.fromkeys("‘’‚‹›", "'"))
"""For `str.translate`: marks of print back to those of a keyboard, to find words where they were written."""

_FIXED = re.compile(
    r"""\{\{[^{}\n]{0,500}\}\}                        # a merge tag
      | <[A-Za-z/!?][^<>]*>                           # a tag, shown as the text it is
      | [A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s<>"]*[^\s<>"']
      | www\.[^\s<>"]*[^\s<>"']
      | (?<!\w)\d{1,3}'[ ]?\d{1,2}"                 # feet and inches
      | [\w.+-][\w.+'-]{0,63}@[\w.-]{1,255}
    """,
    re.VERBOSE,
)
_MAY_BE_FIXED = re.compile(r"[<@]|\{\{|://|www\.|\d'")
"""Most paragraphs hold none of it, and need no slow search."""
_DASHES = re.compile(r"(?:(?<=\s)|^)-{2,3}(?=\s|$)|(?<=\s)-(?=\s)|(?<=[\w.,!?)\]])-{2,3}(?=[\w\"'(“‘„«¿¡])")
_ELLIPSIS = re.compile(r"(?<!\.)\.\.\.(?!\.)")
_FRENCH_SPACES = re.compile(r"(?<=\S) (?=[;:!?»])|(?<=«) (?=\S)")
_RUN = re.compile(r"[\"']+")
_ELISIONS = re.compile(r"(?<!\w)'(?=(?:(?:tis|twas|twere|til|em|\d\ds?)\b|n'))", re.IGNORECASE)

_DASH = frozenset("–—-")
_OPENERS = frozenset("([{<–—-/|=«“„‘‚‹¿¡")
_CLOSERS = frozenset(".,;:!?)]}>–—-/|=»”’›…")

_Edit = tuple[int, int, str]


def typeset(text: str, language: str) -> str:
    """`text` as print has it in `language` (a BCP 47 tag such as `en` or `de-CH`)."""
    return _edited(text, _edits(_masked(text), language))


def typeset_inline(tokens: Sequence[Token], language: str) -> None:
    """Typeset the inline tokens of one paragraph in place; marks may open in one and close in another.

    Code, pictures, automatic links and escaped characters are context only.
    """
    flat: list[str] = []
    prose: list[tuple[int, Token]] = []
    at = automatic = 0
    for token in tokens:
        piece = ""
        if token.type in {"link_open", "link_close"} and token.info == "auto":
            automatic += token.nesting
        elif token.type == "text":
            piece = "x" * len(token.content) if automatic else token.content
            if not automatic:
                prose.append((at, token))
        elif token.type in {"softbreak", "hardbreak"}:
            piece = "\n"
        elif token.type == "text_special":
            piece = "x" if set(token.content) & set("\"'-.") else token.content
        elif token.type in {"code_inline", "image"}:
            piece = "x"
        flat.append(piece)
        at += len(piece)
    edits = _edits(_masked("".join(flat)), language)
    position = 0
    for start, token in prose:
        end = start + len(token.content)
        own: list[_Edit] = []
        while position < len(edits) and edits[position][0] < end:
            first, last, new = edits[position]
            if first >= start and last <= end:
                own.append((first - start, last - start, new))
            position += 1
        token.content = _edited(token.content, own)


def _masked(text: str) -> str:
    """`text` with everything that must stay replaced by as many letters."""
    if not _MAY_BE_FIXED.search(text):
        return text
    return _FIXED.sub(lambda found: "x" * len(found[0]), text)


def _edited(text: str, edits: Iterable[_Edit]) -> str:
    done: list[str] = []
    position = 0
    for start, end, new in edits:
        done += (text[position:start], new)
        position = end
    return "".join((*done, text[position:]))


def _edits(text: str, language: str) -> list[_Edit]:
    """What to replace by what, in order of place and without overlaps."""
    base = language.partition("-")[0]
    marks = _MARKS.get(language) or _MARKS.get(base)
    found: list[_Edit] = []
    # A look for one character is quick; most paragraphs have no dash to set, and need no search for one.
    if "-" in text:
        found += ((m.start(), m.end(), "—" if len(m[0]) == 3 else "–") for m in _DASHES.finditer(text))
    if "..." in text:
        found += ((m.start(), m.end(), "…") for m in _ELLIPSIS.finditer(text))
    if base == "fr":
        found += ((m.start(), m.end(), NBSP) for m in _FRENCH_SPACES.finditer(text))
    if marks:
        found += _quotes(text, marks, english=base == "en")
    return sorted(found)


def _quotes(text: str, marks: _Marks, *, english: bool) -> list[_Edit]:
    """The marks of `text`, paired; one that opens or closes nothing is an apostrophe, or stays (5' 10")."""
    elided = {found.start() for found in _ELISIONS.finditer(text)} if english else set()
    chosen: dict[int, str] = {}
    waiting: list[int] = []
    open_of = {'"': 0, "'": 0}

    def close(at: int) -> None:
        sign = text[at]
        while waiting:
            other = waiting.pop()
            open_of[text[other]] -= 1
            if text[other] == sign:
                chosen[other], chosen[at] = marks.double if sign == '"' else marks.single
                return
            chosen[other] = APOSTROPHE if text[other] == "'" else marks.double[0]

    for run in _RUN.finditer(text):
        before, after = text[run.start() - 1 : run.start()], text[run.end() : run.end() + 1]
        at_start = not before or before.isspace() or before in _OPENERS
        in_word = not at_start and bool(after) and not after.isspace() and after not in _CLOSERS
        may_open = bool(after) and not after.isspace() and not (before in _DASH and after in _CLOSERS)
        for at in range(run.start(), run.end()):
            sign = text[at]
            if at in elided or (sign == "'" and in_word and not at_start):
                if not (before.isdecimal() and after.isdecimal()):  # 5'10 is a measure
                    chosen[at] = APOSTROPHE
                at_start = True  # l'"école": what follows an elision may open
            elif at_start and may_open:
                waiting.append(at)
                open_of[sign] += 1
            elif open_of[sign]:
                close(at)
                at_start = False
            elif sign == "'" and before.strip() and not before.isdecimal():
                chosen[at] = APOSTROPHE
    for at in waiting:
        chosen[at] = APOSTROPHE if text[at] == "'" else marks.double[0]
    return [(at, at + 1, mark) for at, mark in chosen.items()]
