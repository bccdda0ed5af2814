"""Stretches of text in one style, written as Markdown: the inside of paragraphs, headings and cells.

Every character that Markdown or a merge tag would take for itself is escaped, and no other, so that the
result can be edited by hand; marks are only set where CommonMark reads them as marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote

_LINE_START = re.compile(r"^([-+](?=\s|$)|#{1,6}(?=\s|$)|>|:{3}|=+$|-{2,}$)", re.MULTILINE)
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)", re.MULTILINE)
SPACES = re.compile(r"[ \t\r\n\f\v\u2028\u2029\u0085]+")
INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\u200b\u200e\u200f\u2060\ufeff\ufffe\uffff]")
BREAK = "\x00"  # a forced line break inside a run; no document can hold this character


@dataclass(frozen=True)
class Run:
    """A stretch of text in one style."""

    text: str
    href: str = ""
    bold: bool = False
    italic: bool = False
    code: bool = False
    ready: bool = False
    """Whether it is Markdown already (a picture)."""


def paragraphs(runs: list[Run], *, guarded: bool = True) -> list[str]:
    """Runs as paragraphs: two forced breaks in a row begin a new one.

    `guarded` ones may begin a line: what would make it a list, a heading or a quotation is escaped.
    """
    found: list[str] = []
    for chunk in _split_at_double_breaks(_tidied(runs)):
        text = _spans(chunk).strip()
        text = re.sub(r" *\x00 *", "\x00", text).strip("\x00 ")
        if text:
            lines = [line for line in text.split(BREAK) if line.strip()]
            joined = harmless("\\\n".join(lines))
            found.append(_guard_line_starts(joined) if guarded else joined)
    return found


def _tidied(runs: list[Run]) -> list[Run]:
    """White space collapsed across runs, characters that cannot be shown removed."""
    found: list[Run] = []
    after_space = True
    for run in runs:
        if run.text == BREAK or run.ready:
            found.append(run)
            after_space = run.text == BREAK
            continue
        text = SPACES.sub(" ", INVISIBLE.sub("", run.text))
        if after_space:
            text = text.lstrip(" ")
        if text:
            after_space = text.endswith(" ")
            found.append(Run(text, run.href, run.bold, run.italic, run.code))
    return found


def _split_at_double_breaks(runs: list[Run]) -> Iterator[list[Run]]:
    chunk: list[Run] = []
    breaks = 0
    for run in runs:
        if run.text == BREAK:
            breaks += 1
            continue
        if not run.text.strip() and breaks:
            continue
        if breaks >= 2:
            yield chunk
            chunk = []
        elif breaks:
            chunk.append(Run(BREAK, ready=True))
        breaks = 0
        chunk.append(run)
    yield chunk


def _spans(runs: list[Run]) -> str:
    """Runs with their markup; the order is link, bold, italic, code from outside in."""
    text = ""
    for href, group in groupby(runs, key=lambda run: run.href):
        members = list(group)
        inner = _styled(members)
        if href and inner.strip():
            before, core, after = _trimmed(inner)
            text += f"{before}[{core.replace(BREAK, ' ')}]({href}){after}"
        else:
            text += inner
    return re.sub(r"\\\]\(", r"\\] (", text)


def _styled(runs: list[Run]) -> str:
    text = ""
    groups = [
        (
            style,
            "".join(_code(run.text) if run.code else run.text if run.ready else escape(run.text) for run in members),
        )
        for style, members in (
            (style, list(group)) for style, group in groupby(runs, key=lambda run: (run.bold, run.italic))
        )
    ]
    for number, ((bold, italic), inner) in enumerate(groups):
        marks = "**" * bold + "*" * italic
        before, core, after = _trimmed(inner)
        if not marks or not core or not re.search(r"\w", core) or BREAK in core:
            text += inner
            continue
        following = groups[number + 1][1][:1] if number + 1 < len(groups) else ""
        # A mark between punctuation and a letter is none (CommonMark 0.31 §6.2), so a space makes it one.
        if not before and text[-1:].isalnum() and not core[0].isalnum():
            before = " "
        if not after and following.isalnum() and not core[-1].isalnum():
            after = " "
        if not before and text.endswith("*"):
            before = " "
        text += f"{before}{marks}{core}{marks}{after}"
    return text


def _trimmed(text: str) -> tuple[str, str, str]:
    core = text.strip(" \x00")
    if not core:
        return text, "", ""
    at = text.index(core)
    return text[:at], core, text[at + len(core) :]


def _code(text: str) -> str:
    before, core, after = _trimmed(text)
    if not core:
        return text
    ticks = "`" * (max((len(found) for found in re.findall(r"`+", core)), default=0) + 1)
    pad = " " if core.startswith("`") or core.endswith("`") else ""
    return f"{before}{ticks}{pad}{core}{pad}{ticks}{after}"


def escape(text: str) -> str:
    """Text with everything that Markdown would take for itself made harmless."""
    text = re.sub(r"[\\`\[\]]", r"\\\g<0>", text)
    text = re.sub(r"(?<![ ])\*|\*(?![ ])|^\*|\*$", r"\\*", text)
    text = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)
    text = re.sub(r"<(?=[A-Za-z/!?])", r"\\<", text)
    text = re.sub(r"&(?=#?\w+;)", r"\\&", text)
    return re.sub(r"~~", r"\\~\\~", text)


def harmless(text: str) -> str:
    """Text without anything that reads as a merge tag; a backslash would not do, for `check` looks at what is shown."""
    return re.sub(r"\{(?=[{%])", "{ ", text)


def _guard_line_starts(text: str) -> str:
    text = _LINE_START.sub(r"\\\1", text)
    return _NUMBERED.sub(r"\1\\\2", text)


def encoded(address: str) -> str:
    """An address in the characters that need no brackets in Markdown."""
    return quote(SPACES.sub(" ", address), safe="/%:@!$&'*+,;=~-._?#")
