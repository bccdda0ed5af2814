"""Variants: an issue as each group of its readers gets it, chosen from `::: only` blocks before anything is rendered.

What is not for a reader is cut out of the source, not hidden in the result, so that no template, no plain
text and no mistake in a style sheet can show it. Lines are emptied, never removed: errors keep their places.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from pathlib import Path

from markdown_it import MarkdownIt

from newsletter import spelling
from newsletter.content import conditions
from newsletter.content.blocks import LEAVES
from newsletter.content.conditions import Condition
from newsletter.content.values import Article, Issue, Markdown
from newsletter.errors import ContentError

MOST = 8
"""Variants of an issue for one list: each is rendered, checked and frozen."""
DEEPEST = 3
"""Blocks within blocks."""

# n different questions make n + 1 variants at least.
_QUESTIONS = MOST - 1
_MARKER = re.compile(r" {0,3}:{3,}\s*(?P<word>[A-Za-z]*)(?P<rest>.*)")
_MISPLACED = re.compile(r"[ \t>*+.)\d-]*:{3,}\s*(?:only|unless)\b", re.IGNORECASE)
_MISTYPED = re.compile(r"[\s>*+.)\d-]*[:：]+\s*(?:only|unless)\s+(?:tag|list)\w*\s*=", re.IGNORECASE)
_ANYWHERE = re.compile(r":::[^\S\n]*(?:only|unless)\b|[:：]+\s*(?:only|unless)\s+(?:tag|list)\w*\s*=", re.IGNORECASE)
_EXCLUDES = {"only": False, "unless": True}

_outline = MarkdownIt("commonmark", {"html": False}).disable(["inline", "text_join"])
"""Finds blocks of code and looks into nothing."""


@dataclass(frozen=True)
class Block:
    """A `::: only` or `::: unless` block; lines are counted from 0 within its source, and are those of its markers."""

    condition: Condition
    first: int
    last: int


@dataclass(frozen=True)
class Variant:
    """What one group of readers gets."""

    tags: tuple[str, ...]
    """The fewest tags that a reader of this variant has; they name it."""
    issue: Issue
    """Without conditions."""


@dataclass(frozen=True)
class Variants:
    """All variants of an issue for one list, and how a reader's is found."""

    questions: tuple[tuple[str, ...], ...]
    """Each asks whether a reader has any of these tags."""
    answers: Mapping[str, int]
    """Answers to all questions in order, `1` for yes and `0` for no → position in `each`."""
    each: tuple[Variant, ...]
    """The first is what readers without tags get, and with them everybody else in the world."""

    def of(self, reader: Collection[str]) -> Variant:
        """The variant for a reader with these tags."""
        return self.each[self.answers[answers(self.questions, reader)]]


def answers(questions: Collection[Collection[str]], reader: Collection[str]) -> str:
    """What a reader with these tags answers to each question: `1` or `0`."""
    return "".join("0" if set(reader).isdisjoint(question) else "1" for question in questions)


def asked(issue: Issue) -> list[Condition]:
    """Every condition in an issue, in the order of its files. Raises `ContentError` like `blocks`."""
    found = [block.condition for block in blocks(issue.letter)]
    for article in issue.articles:
        if article.condition:
            found.append(article.condition)
        found += [block.condition for block in blocks(article.body)]
    return found


def variants(issue: Issue, list_slug: str, known_lists: Collection[str]) -> Variants:
    """Every variant of `issue` in what is sent to a list; one, the issue itself, when it has no conditions.

    Raises `ContentError` for a list that is not among `known_lists`, for more than `MOST` variants, and for a
    letter or article of which a variant would leave nothing.
    """
    found = asked(issue)
    if not found:
        return Variants((), {"": 0}, (Variant((), issue),))
    _refuse_unknown(found, known_lists)
    questions: dict[tuple[str, ...], Condition] = {}
    for condition in found:
        # What the list has decided no reader need be asked.
        if condition.tags and list_slug not in condition.lists:
            questions.setdefault(tuple(sorted(condition.tags)), condition)
    if len(questions) > _QUESTIONS:
        raise _too_many(list(questions.values())[_QUESTIONS], list_slug)
    numbers: dict[tuple[bool, ...], int] = {}
    chosen: dict[str, int] = {}
    names: list[tuple[str, ...]] = []
    for replies in product((False, True), repeat=len(questions)):
        reader = _reader(questions, replies)
        if reader is None:
            continue
        number = numbers.setdefault(_shown(issue, list_slug, reader), len(numbers))
        if number == MOST:
            raise _too_many(list(questions.values())[-1], list_slug)
        chosen[answers(tuple(questions), reader)] = number
        if number == len(names):
            names.append(reader)
        elif len(reader) < len(names[number]):
            names[number] = reader
    each = tuple(Variant(reader, select(issue, list_slug, reader)) for reader in names)
    if len(each) == 1:
        return Variants((), {"": 0}, each)
    return Variants(tuple(questions), chosen, each)


def select(issue: Issue, list_slug: str, reader: Collection[str]) -> Issue:
    """The issue as a reader with these tags gets it from a list; raises `ContentError` when a text is left empty."""
    letter = _kept(issue.letter, list_slug, reader)
    _require_words(letter, issue.letter, reader)
    articles = []
    for article in issue.articles:
        if _is_for(article, list_slug, reader):
            body = _kept(article.body, list_slug, reader)
            _require_words(body, article.body, reader)
            minutes = article.minutes if body == article.body else body.minutes
            articles.append(replace(article, body=body, minutes=minutes, condition=None))
    return replace(issue, letter=letter, articles=tuple(articles))


def is_marked(text: str) -> bool:
    """Whether a text holds something that looks like the beginning of a block."""
    return _ANYWHERE.search(text) is not None


def unmarked(md: Markdown) -> Markdown:
    """All of a text, whoever it is for, without the lines that begin and end blocks."""
    lines = md.source.split("\n")
    for block in blocks(md):
        lines[block.first] = lines[block.last] = ""
    return replace(md, source="\n".join(lines))


@lru_cache(maxsize=256)
def blocks(md: Markdown) -> tuple[Block, ...]:
    """The blocks of a text in source order.

    Raises `ContentError` for one that is never closed, lies too deep or within a list or quotation, or whose
    condition cannot be read. What stands in code is code.
    """
    if not is_marked(md.source):
        return ()
    code = _code_lines(md.source)
    found: list[Block | None] = []
    opened: list[tuple[int, Condition | None]] = []  # position in `found`, and for whom
    for number, line in enumerate(md.source.split("\n")):
        here = md.line + number
        marker = None if number in code else _MARKER.fullmatch(line)
        if marker is None:
            if number not in code:
                _refuse_lookalike(line, md.path, here)
            continue
        word, rest = marker["word"].lower(), marker["rest"].strip()
        if word in _EXCLUDES:
            condition = conditions.parse(rest, excludes=_EXCLUDES[word], path=md.path, line=here)
            if sum(1 for _, around in opened if around) >= DEEPEST:
                raise ContentError(
                    f"Blocks with conditions lie more than {DEEPEST} deep here.",
                    path=md.path,
                    line=here,
                    hint="Use fewer within each other.",
                )
            opened.append((len(found), condition))
            found.append(None)
        elif word in LEAVES:
            continue
        elif word or rest:
            opened.append((0, None))  # a call-out or another container: it has an end of its own
        elif opened:
            position, around = opened.pop()
            if around:
                found[position] = Block(around, around.line - md.line, number)
    for _, around in opened:
        if around:
            raise ContentError(
                "This block is never closed.", path=md.path, line=around.line, hint='Close it with a line ":::".'
            )
    return tuple(block for block in found if block)


def _refuse_lookalike(line: str, path: Path, number: int) -> None:
    """A line that somebody may take for the beginning of a block: what is behind it would be told to all."""
    if _MISPLACED.match(line):
        raise ContentError(
            "This block stands inside a list or quotation, where it could not be taken out.",
            path=path,
            line=number,
            hint='Begin the line with ":::", and put the list or quotation inside the block.',
        )
    if _MISTYPED.match(line):
        raise ContentError(
            "This looks like the beginning of a block, but is none.",
            path=path,
            line=number,
            hint='A block begins with three colons and a space: "::: only tag=member".',
        )


def _code_lines(source: str) -> set[int]:
    found: set[int] = set()
    for token in _outline.parse(source):
        if token.type in {"fence", "code_block"} and token.map:
            found.update(range(*token.map))
    return found


def _kept(md: Markdown, list_slug: str, reader: Collection[str]) -> Markdown:
    """What is left of a text, as many lines as before."""
    lines = md.source.split("\n")
    for block in blocks(md):
        if block.condition.holds(list_slug, reader):
            lines[block.first] = lines[block.last] = ""
        else:
            lines[block.first : block.last + 1] = [""] * (block.last + 1 - block.first)
    return replace(md, source="\n".join(lines))


def _is_for(article: Article, list_slug: str, reader: Collection[str]) -> bool:
    return article.condition is None or article.condition.holds(list_slug, reader)


def _shown(issue: Issue, list_slug: str, reader: Collection[str]) -> tuple[bool, ...]:
    """Of every block and article with a condition, whether this reader sees it."""
    return tuple(_visible(issue, list_slug, reader))


def _visible(issue: Issue, list_slug: str, reader: Collection[str]) -> Iterator[bool]:
    yield from _seen(issue.letter, list_slug, reader)
    for article in issue.articles:
        here = _is_for(article, list_slug, reader)
        yield here
        for seen in _seen(article.body, list_slug, reader):
            yield here and seen


def _seen(md: Markdown, list_slug: str, reader: Collection[str]) -> Iterator[bool]:
    hidden_until = -1
    for block in blocks(md):
        seen = block.first > hidden_until and block.condition.holds(list_slug, reader)
        if not seen:
            hidden_until = max(hidden_until, block.last)
        yield seen


def _reader(questions: Collection[tuple[str, ...]], replies: Collection[bool]) -> tuple[str, ...] | None:
    """Few tags with which somebody answers so; None when nobody can."""
    never = {tag for question, yes in zip(questions, replies, strict=True) if not yes for tag in question}
    found: set[str] = set()
    for question, yes in zip(questions, replies, strict=True):
        if yes and found.isdisjoint(question):
            possible = [tag for tag in question if tag not in never]
            if not possible:
                return None
            found.add(possible[0])
    return tuple(sorted(found))


def _require_words(left: Markdown, whole: Markdown, reader: Collection[str]) -> None:
    if whole.source.strip() and not left.source.strip():
        who = f"with the tags {', '.join(reader)}" if reader else "without tags"
        raise ContentError(
            f"Nothing of this text is left for readers {who}.",
            path=whole.path,
            line=whole.line,
            hint='Write something for them as well; a whole article is left out by "only:" in its front matter.',
        )


def _refuse_unknown(found: Collection[Condition], known_lists: Collection[str]) -> None:
    for condition in found:
        for slug in sorted(condition.lists.difference(known_lists)):
            close = spelling.nearest(slug, known_lists)
            raise ContentError(
                f'There is no list "{slug}" in newsletter.toml.',
                path=condition.path,
                line=condition.line,
                hint=f'Did you mean "{close}"?' if close else f"There are {', '.join(sorted(known_lists))}.",
            )


def _too_many(condition: Condition, list_slug: str) -> ContentError:
    return ContentError(
        f"This makes more than {MOST} variants of the issue for the list {list_slug}.",
        path=condition.path,
        line=condition.line,
        hint="Each tag that is asked for can double them; ask for fewer.",
    )
