"""Content: nothing unfinished, no impossible dates, authors to trust, and as much of it as people read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from email.utils import parsedate_to_datetime
from pathlib import Path

from newsletter.checks.phrases import MONTHS, WEEKDAYS
from newsletter.checks.registry import ERROR, INFO, WARNING, Fault, error, info, rule, warning
from newsletter.checks.sources import author_place, key_place
from newsletter.checks.subject import Subject, short

_PLACEHOLDER = re.compile(r"\b(?:(?i:lorem ipsum)|TODO|FIXME|TK|TBD|XXX)\b")
_TODO_IS_A_WORD = frozenset({"es", "gl", "it", "pt"})
_ADDRESS = re.compile(r"(?:https?://|mailto:)[^\s<>()]+")
FEWEST, MOST = 50, 5000
_STRAIGHT = re.compile(r"(?<![\w\"=])\"(?=\w)[^\"\n]{1,200}(?<=[\w.,!?])\"(?![\w\"])")
_DOUBLED = re.compile(r"(?<=[\w,;:])  +(?=\w)")
_CODE = re.compile(
    r"```.*?```|`[^`\n]*`|\{\{[^{}]*\}\}|\]\([^()\n]*\)|<[^<>\n]*>|^:::.*?$|^\|.*?$|\{[^{}\n]*\}",
    re.DOTALL | re.MULTILINE,
)
_NUMBER = re.compile(r"^number:[ \t]*[\"']?(\d+)", re.MULTILINE)


@rule("content.placeholder", ERROR)
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


@rule("content.dates", WARNING)
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


@rule("content.author", WARNING)
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


@rule("content.words", INFO)
def words(subject: Subject) -> Iterator[Fault]:
    """The issue has 50 to 5,000 words: less is hardly worth a mail, more is not read in one."""
    number = len(subject.text.split())
    if number < FEWEST:
        yield info(f"The issue has only {number} words.", "Say a little more, or wait for more.", subject.sources.home)
    elif number > MOST:
        yield info(
            f"The issue has {number:,} words, more than people read in a mail.",
            "Give long articles an excerpt and a link.",
            subject.sources.home,
        )


@rule("content.smart", INFO)
def typography(subject: Subject) -> Iterator[Fault]:
    """What the authors wrote comes out with curly quotes and single spaces."""
    page = subject.visible_text
    for passage in subject.sources.passages:
        text = _CODE.sub(lambda code: re.sub(r"[^\n]", "\0", code[0]), passage.text)
        doubled = _DOUBLED.search(text)
        # Typography is the build's job: only what it left straight in the mail is worth a word.
        straight = next((each for each in _STRAIGHT.finditer(text) if each[0] in page), None)
        if doubled:
            yield info("There are two spaces in a row.", "Delete one.", passage.at(doubled.start()))
        elif straight:
            yield info(
                f"{short(straight[0], 40)} stands in straight quotes.",
                "Write “curly” ones, or set them as Markdown that is typeset.",
                passage.at(straight.start()),
            )
        else:
            continue
        return


@rule("content.number", WARNING)
def number_once(subject: Subject) -> Iterator[Fault]:
    """No other issue has the same number."""
    issue = subject.issue
    if issue.number is None:
        return
    for other in sorted(issue.path.parent.glob("*/issue.md")):
        if other.parent.name != issue.slug and _number(other) == issue.number:
            yield warning(
                f"Issue {other.parent.name} has the number {issue.number}, too.",
                "Give this one the next number that is free.",
                key_place(issue.letter, "number"),
            )
            return


@rule("content.weekday", WARNING)
def weekday(subject: Subject) -> Iterator[Fault]:
    """A date that names its weekday names the right one (English, German, French, Spanish)."""
    language = subject.config.language[:2]
    if language not in WEEKDAYS:
        return
    days, months = WEEKDAYS[language], MONTHS[language].split()
    pattern = re.compile(
        rf"\b({'|'.join(days)}),?\s+(?:the\s+|den\s+|le\s+)?(?:(\d{{1,2}})\.?(?:st|nd|rd|th|er)?\s+(?:of\s+|de\s+)?"
        rf"({'|'.join(months)})|({'|'.join(months)})\s+(\d{{1,2}})(?:st|nd|rd|th)?)\b(?:,?\s+(?:de\s+)?(\d{{4}}))?",
        re.IGNORECASE,
    )
    for passage in subject.sources.passages:
        for found in pattern.finditer(passage.text):
            day = _day(found, months, subject.issue.date)
            if day is not None and days[day.weekday()] != found[1].lower():
                yield warning(
                    f'"{short(found[0])}" is a {days[day.weekday()].capitalize()} in {day.year}.',
                    "Correct the day or the date.",
                    passage.at(found.start()),
                )


def _day(found: re.Match[str], months: list[str], issued: date) -> date | None:
    """The date that was meant; without a year, the one nearest to the issue."""
    number, name = int(found[2] or found[5]), (found[3] or found[4]).lower()
    month = months.index(name) + 1
    years = [int(found[6])] if found[6] else [issued.year, issued.year + 1, issued.year - 1]
    days = []
    for year in years:
        try:
            days.append(date(year, month, number))
        except ValueError:
            continue
    return min(days, key=lambda each: abs((each - issued).days), default=None)


def _number(path: Path) -> int | None:
    try:
        found = _NUMBER.search(path.read_text("utf-8-sig")[:4000])
    except (OSError, UnicodeDecodeError):
        return None
    return int(found[1]) if found else None
