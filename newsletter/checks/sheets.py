"""Style sheets and style attributes as a careful mail program reads them: with lines, and with their faults."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import tinycss2

_HOLDS_RULES = frozenset({"media", "supports", "layer", "container", "document", "-moz-document", "scope"})
_PIECE = re.compile(r"""(?:[^;"'()]|"[^"]*"|'[^']*'|\([^()]*(?:\([^()]*\)[^()]*)*\))+""")
_IMPORTANT = re.compile(r"\s*!\s*important\s*\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Declared:
    """One `name: value`; the name in lower case, the value as written."""

    name: str
    value: str
    important: bool
    line: int


@dataclass(frozen=True)
class StyleRule:
    """One rule with the conditions around it (`@media (…)`, lower case, outermost first)."""

    selector: str
    declared: tuple[Declared, ...]
    conditions: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class AtRule:
    """One `@…` and how many others stand around it."""

    keyword: str
    """Lower case, escapes undone: what a parser sees, however it is spelt."""
    prelude: str
    depth: int
    line: int


@dataclass(frozen=True)
class Problem:
    """Something that a parser has to drop."""

    words: str
    line: int


@dataclass(frozen=True)
class Sheet:
    """The contents of one `<style>`, or of one CSS file."""

    css: str
    in_head: bool = True

    @cached_property
    def _nodes(self) -> tuple[StyleRule | AtRule | Problem, ...]:
        return tuple(_walk(tinycss2.parse_stylesheet(self.css, skip_comments=True, skip_whitespace=True), ()))

    @property
    def rules(self) -> list[StyleRule]:
        """Every rule, in order, also those inside `@media`."""
        return [node for node in self._nodes if isinstance(node, StyleRule)]

    @property
    def at_rules(self) -> list[AtRule]:
        """Every at-rule, in order."""
        return [node for node in self._nodes if isinstance(node, AtRule)]

    @property
    def problems(self) -> list[Problem]:
        """What cannot be parsed."""
        return [node for node in self._nodes if isinstance(node, Problem)]

    def text_of(self, line: int) -> str:
        """One 1-based line."""
        lines = self.css.split("\n")
        return lines[line - 1] if 0 < line <= len(lines) else ""


@lru_cache(maxsize=2048)
def attribute(style: str) -> tuple[Declared, ...]:
    """The declarations of a style attribute; pieces that are none are left out.

    The same attribute stands on many elements, and inlined ones are simple, so this is a split and not a parse.
    """
    found = []
    for piece in _PIECE.findall(style):
        name, colon, value = piece.partition(":")
        if colon and name.strip():
            plain = _IMPORTANT.sub("", value).strip()
            found.append(Declared(name.strip().lower(), plain, plain != value.strip(), 0))
    return tuple(found)


def _walk(nodes: Iterable[Any], around: tuple[str, ...]) -> Iterator[StyleRule | AtRule | Problem]:
    for node in nodes:
        if node.type == "error":
            yield Problem(node.message, node.source_line)
        elif node.type == "qualified-rule":
            selector = " ".join(tinycss2.serialize(node.prelude).split())
            faults: list[Problem] = []
            declared = tuple(_declared(node.content, faults))
            yield from faults
            yield StyleRule(selector, declared, around, node.source_line)
        elif node.type == "at-rule":
            keyword = node.lower_at_keyword
            prelude = " ".join(tinycss2.serialize(node.prelude).split()).lower()
            yield AtRule(keyword, prelude, len(around), node.source_line)
            if node.content is not None and keyword in _HOLDS_RULES:
                inner = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
                yield from _walk(inner, (*around, f"@{keyword} {prelude}"))


def _declared(content: Any, faults: list[Problem]) -> Iterator[Declared]:
    for node in tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True):
        if node.type == "declaration":
            value = tinycss2.serialize(node.value).strip()
            yield Declared(node.lower_name, value, node.important, node.source_line)
        elif node.type == "error":
            faults.append(Problem(node.message, node.source_line))
        else:
            faults.append(Problem("a rule inside a rule", node.source_line))
