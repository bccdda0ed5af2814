"""Two renderings side by side, for people: merge tags instead of tokens, and short unified diffs.

A token's name follows from the whole content, so one changed comma renames all of them; written as the merge
tags they came from, only what really changed shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import unified_diff
from itertools import islice

from newsletter.rendering.slots import TOKEN, Rendered
from newsletter.rendering.variants import Edition

LINES = 30
"""Lines of a diff that are shown; what is longer is looked at with better tools."""
WIDTH = 160

_BETWEEN_TAGS = re.compile(r"(?<=>)(?=<)")


def legible(rendered: Rendered, text: str) -> str:
    """`text`, a part of `rendered`, with merge tags where its slots are."""
    tags = {slot.token: _tag(slot.name, slot.fallback) for slot in rendered.slots}
    return TOKEN.sub(lambda token: tags.get(token[0], token[0]), text)


def words_of(edition: Edition) -> str:
    """What readers of plain text get: subject, preview text and text part of every variant; ends with a line end."""
    parts = []
    for tags, rendered in zip(edition.names, edition.renderings, strict=True):
        subject, preheader = legible(rendered, rendered.subject), legible(rendered, rendered.preheader)
        heading = f"Tags: {', '.join(tags)}\n" if tags else ""
        parts.append(
            f"{heading}Subject: {subject}\nPreview: {preheader}\n\n{legible(rendered, rendered.text).rstrip()}\n"
        )
    return "\n".join(parts)


def short_diff(before: str, after: str, names: tuple[str, str]) -> tuple[str, ...]:
    """At most `LINES` lines of a unified diff, one line of context, long lines cut; empty for equal texts."""
    lines = unified_diff(_lines(before), _lines(after), *names, lineterm="", n=1)
    shown = [_cut(line) for line in islice(lines, LINES)]
    more = sum(1 for _line in lines)
    return (*shown, f"… and {more} more lines") if more else tuple(shown)


def markup_lines(html: str) -> str:
    """HTML with a line for each tag that follows another, so that a diff of it can be read."""
    return _BETWEEN_TAGS.sub("\n", html)


def _lines(text: str) -> list[str]:
    return text.split("\n")


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def _tag(name: str, fallback: str | None) -> str:
    return f"{{{{ {name} }}}}" if fallback is None else f'{{{{ {name} | default("{fallback}") }}}}'


def changed_keys(before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    """The keys whose values differ or that only one of the two has, sorted."""
    return (key for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key))
