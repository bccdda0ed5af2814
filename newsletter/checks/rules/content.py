"""Content: nothing unfinished, no impossible dates, and authors whom a reader can trust."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from newsletter.checks.registry import Fault, error, rule, warning
from newsletter.checks.sources import author_place, key_place
from newsletter.checks.subject import Subject

_PLACEHOLDER = re.compile(r"\b(?:(?i:lorem ipsum)|TODO|FIXME|TK|TBD|XXX)\b")
_TODO_IS_A_WORD = frozenset({"es", "gl", "it", "pt"})
_ADDRESS = re.compile(r"(?:https?://|mailto:)[^\s<>()]+")


@rule("content.placeholder")
def placeholder(subject: Subject) -> Iterator[Fault]:
    """No lorem ipsum, TODO, FIXME, TK, TBD or XXX in what the authors wrote."""
    for passage in subject.sources.passages:
        text = _ADDRESS.sub(lambda address: " " * len(address[0]), passage.text)
        for found in _PLACEHOLDER.finditer(text):
            if found[0] == "TODO" and subject.config.language[:2] in _TODO_IS_A_WORD:
                continue
            yield error(
                f'The placeholder "{found[0]}" is still in the text.',
                "Write what belongs there.",
                passage.at(found.start()),
            )


@rule("content.dates")
def dates(subject: Subject) -> Iterator[Fault]:
    """Updated before written, written after the issue's date, or an issue dated a year ago is a warning."""
    issue = subject.issue
    for article in issue.articles:
        if article.updated_at and article.updated_at < article.written_at:
            yield warning(
                f"The article was updated on {article.updated_at}, before it was written on {article.written_at}.",
                "Correct one of the two dates.",
                key_place(article.body, "updated_at"),
            )
        latest = "updated_at" if article.updated_at and article.updated_at > issue.date else "written_at"
        if max(article.written_at, article.updated_at or article.written_at) > issue.date:
            yield warning(
                f"The article's {latest} is after {issue.date}, the date of the issue.",
                "Correct one of the two dates.",
                key_place(article.body, latest),
            )
    for value in subject.headers("Date")[:1]:
        try:
            age = parsedate_to_datetime(value).date() - issue.date
        except ValueError:
            continue
        if age.days > 365:
            yield warning(
                f"The issue is dated {issue.date}, more than a year ago.",
                "Correct the date in the front matter.",
                key_place(issue.letter, "date"),
            )


@rule("content.author")
def author(subject: Subject) -> Iterator[Fault]:
    """An author without credentials, picture or bio is a warning."""
    writers = {article.author.key: article.author for article in subject.issue.articles}
    for writer in writers.values():
        parts = (("credentials", writer.credentials), ("avatar", writer.avatar), ("bio", writer.bio))
        missing = [name for name, value in parts if not value]
        if missing:
            yield warning(
                f"{writer.name} has no {' and no '.join(missing)}, so readers cannot tell why to trust the advice.",
                f"Add {', '.join(missing)} to [{writer.key}] in authors.toml.",
                author_place(subject.issue, writer),
            )
