"""Where words stand: everything an author wrote, with its file and line.

Faults show in the rendered message, but they are mended in Markdown, front matter and `authors.toml`;
this is the way back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from newsletter.config import FILE_NAME as CONFIG_FILE
from newsletter.content.authors import FILE_NAME as AUTHORS_FILE
from newsletter.content.typography import TYPED
from newsletter.content.values import Article, Author, Issue, Markdown

_KEY = re.compile(r"""["']?([a-z_]+)["']?[ \t]*:""")


@dataclass(frozen=True)
class Place:
    """A file (None: no file in particular) and a 1-based line (0: all of it)."""

    path: Path | None
    line: int = 0


NOWHERE = Place(None)


@dataclass(frozen=True)
class Passage:
    """A stretch of an author's text; `place` is where it begins."""

    text: str
    place: Place

    def at(self, offset: int) -> Place:
        """The place of one character of `text`."""
        if not self.place.line:
            return self.place
        return Place(self.place.path, self.place.line + self.text.count("\n", 0, offset))


@dataclass(frozen=True)
class Sources:
    """All passages of an issue in reading order, and the file that stands for the issue."""

    home: Place
    passages: tuple[Passage, ...]

    def find(self, *needles: str) -> Place:
        """Where the first of `needles` that occurs at all occurs first; `home` when none does."""
        for needle in needles:
            for form in dict.fromkeys((needle, unquote(needle), needle.translate(TYPED))):
                for passage in self.passages:
                    offset = passage.text.find(form) if form else -1
                    if offset >= 0:
                        return passage.at(offset)
        return self.home


def sources_of(issue: Issue) -> Sources:
    """Everything written for `issue`; lines of front matter are looked up in the files, 0 when they are gone."""
    return Sources(Place(issue.letter.path), tuple(_passages(issue)))


def key_place(body: Markdown, key: str) -> Place:
    """The line of `key:` in the front matter above `body`."""
    return Place(body.path, _key_lines(body).get(key, 0))


def front_matter_place(body: Markdown, pattern: str) -> Place:
    """The first line above `body` that begins with the key `pattern` (a regular expression), however indented."""
    wanted = re.compile(rf"""\s*["']?(?:{pattern})["']?\s*:""")
    lines = enumerate(_lines(body.path)[: max(0, body.line - 1)], 1)
    return Place(body.path, next((number for number, line in lines if wanted.match(line)), 0))


def setting_place(issue: Issue, key: str) -> Place:
    """The line of newsletter.toml on which `key` is set; nowhere when there is no such file beside `issues/`."""
    path = issue.path.parent.parent / CONFIG_FILE
    wanted = re.compile(rf"\s*{re.escape(key)}\s*=")
    lines = list(enumerate(_lines(path), 1))
    return Place(path, next((number for number, line in lines if wanted.match(line)), 0)) if lines else NOWHERE


def author_place(issue: Issue, author: Author) -> Place:
    """The line of the author's table in `authors.toml`."""
    path = issue.path.parent / AUTHORS_FILE
    wanted = re.compile(rf"""\s*\[\s*["']?{re.escape(author.key)}["']?\s*\]""")
    lines = enumerate(_lines(path), 1)
    return Place(path, next((number for number, line in lines if wanted.match(line)), 0))


def _passages(issue: Issue) -> Iterator[Passage]:
    yield from _front_matter(issue.letter, subject=issue.subject, preheader=issue.preheader)
    yield Passage(issue.letter.source, Place(issue.letter.path, issue.letter.line))
    for article in issue.articles:
        yield from _article(article)
    for author in authors_of(issue):
        avatar = author.avatar.path.name if author.avatar else ""
        place = author_place(issue, author)
        yield from (Passage(text, place) for text in (author.byline, author.role, author.bio, avatar))


def authors_of(issue: Issue) -> list[Author]:
    """Everybody who wrote something in `issue`, in order of appearance."""
    writers = [article.author for article in issue.articles]
    return list({author.key: author for author in (*([issue.sign_off] if issue.sign_off else []), *writers)}.values())


def _article(article: Article) -> Iterator[Passage]:
    yield from _front_matter(
        article.body,
        title=article.title,
        category=article.category,
        image=article.image.path.name if article.image else "",
        image_alt=article.image_alt,
        excerpt=article.excerpt,
        link=article.link,
        link_text=article.link_text,
    )
    yield Passage(article.body.source, Place(article.body.path, article.body.line))


def _front_matter(body: Markdown, **texts: str) -> Iterator[Passage]:
    lines = _key_lines(body)
    for key, text in texts.items():
        yield Passage(text, Place(body.path, lines.get(key, 0)))


def _key_lines(body: Markdown) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, line in enumerate(_lines(body.path)[: max(0, body.line - 1)], 1):
        if key := _KEY.match(line):
            found.setdefault(key[1], number)
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError):
        return []
