"""Conditions: for whom something is written, such as `tag=member | list=staff`.

What is behind a condition may be private, so it is read strictly: whatever is not understood is an error at
its file and line, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from newsletter import tags
from newsletter.errors import ContentError

EXAMPLE = "Write tag=member, or list=weekly,monthly, or both with | (or) between them."

_TERM = re.compile(r"([A-Za-z]+)[ \t]*=[ \t]*(.*)", re.DOTALL)
_LIST = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_AND = re.compile(r"&|\+|\band\b", re.IGNORECASE)
_NOT = re.compile(r"!|\bnot\b", re.IGNORECASE)
_OR = re.compile(r"\bor\b", re.IGNORECASE)


@dataclass(frozen=True)
class Condition:
    """True for readers with any of `tags`, and on any of `lists`; the other way round when it `excludes`."""

    tags: frozenset[str]
    lists: frozenset[str]
    excludes: bool = False
    path: Path = field(default=Path(), compare=False)
    line: int = field(default=0, compare=False)
    """1-based line of `path` where it stands."""

    def holds(self, list_slug: str, reader: Collection[str]) -> bool:
        """For a reader with these tags, in what is sent to that list."""
        return (list_slug in self.lists or not self.tags.isdisjoint(reader)) is not self.excludes


def parse(text: str, *, excludes: bool = False, path: Path, line: int) -> Condition:
    """Read a condition: terms with `|` between them, each `tag=` or `list=` with names between commas.

    `excludes` is for what is shown *unless* it holds. Raises `ContentError` at `path` and `line`.
    """
    named: dict[str, set[str]] = {"tag": set(), "list": set()}
    for term in text.split("|"):
        found = _TERM.fullmatch(term.strip())
        if found is None or found[1].lower() not in named:
            what = f'"{term.strip()[:60]}" is not a condition.' if term.strip() else "It is not said for whom this is."
            raise ContentError(what, path=path, line=line, hint=_advice(text))
        kind = found[1].lower()
        for name in map(str.strip, found[2].split(",")):
            if not (tags.is_tag(name) if kind == "tag" else _LIST.fullmatch(name)):
                what = f'"{name[:60]}" is not a {kind}.' if name else f"The name of a {kind} is missing."
                raise ContentError(what, path=path, line=line, hint=_advice(text))
            named[kind].add(name)
    return Condition(frozenset(named["tag"]), frozenset(named["list"]), excludes, path, line)


def _advice(text: str) -> str:
    if _NOT.search(text):
        return 'To leave readers out write "unless" instead of "only", as in ::: unless tag=member.'
    if _AND.search(text):
        return "To ask for two things at once, put one block into another."
    if _OR.search(text):
        return "For or, write | between conditions, as in tag=member | list=staff."
    return f"{EXAMPLE} Names consist of lower-case letters, digits and hyphens."
