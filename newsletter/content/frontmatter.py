"""Strict front matter: the keys above an article, typed by us and never guessed by YAML.

YAML turns `no` into False, `01234` into 668 and a second `title:` into the only one, all silently. So
only YAML's *events* are read here: every value is the text somebody typed, a schema of ours gives it a
type, and whatever is wrong is reported at its file and line with a remedy.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from newsletter import spelling
from newsletter.content.values import Markdown
from newsletter.errors import ContentError

MAX_BYTES = 200_000
"""Largest text file accepted; far beyond any article, well before any parser grows slow."""

_FENCE = re.compile(r"---[ \t]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff]")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
_BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}
_QUOTE_HINT = "Put the value in quotes, as in title: 'Rest: less is more' (an apostrophe inside is typed twice)."


class Kind(enum.Enum):
    """What a value must be."""

    TEXT = "text"
    DATE = "date"
    NUMBER = "number"
    BOOL = "bool"
    TABLE = "table"
    """Lines `name: text`, indented below the key."""


@dataclass(frozen=True)
class Key:
    """One key of a schema."""

    kind: Kind = Kind.TEXT
    required: bool = False


Value = str | date | int | bool | Mapping[str, str]
Schema = Mapping[str, Key]


@dataclass(frozen=True)
class FrontMatter:
    """The checked keys of one file, with the line each stands on, and the Markdown below them."""

    path: Path
    values: Mapping[str, Value]
    lines: Mapping[str, int]
    body: Markdown

    def text(self, key: str) -> str:
        """The text of `key`, on one line; empty when absent."""
        value = self.values.get(key, "")
        return value if isinstance(value, str) else ""

    def day(self, key: str) -> date | None:
        """The date of `key`, or None when absent."""
        value = self.values.get(key)
        return value if isinstance(value, date) else None

    def required_day(self, key: str) -> date:
        """The date of a key that the schema requires."""
        value = self.values[key]
        if not isinstance(value, date):
            raise TypeError(f"{key} is not declared as a date")
        return value

    def number(self, key: str) -> int | None:
        """The number of `key`, or None when absent."""
        value = self.values.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Whether `key` says yes; `default` when absent."""
        value = self.values.get(key)
        return value if isinstance(value, bool) else default

    def table(self, key: str) -> Mapping[str, str]:
        """The indented lines below `key`, name to text; empty when absent."""
        value = self.values.get(key)
        return value if isinstance(value, Mapping) else {}

    def error(self, key: str, message: str, *, hint: str) -> ContentError:
        """An error at the line of `key` (line 1 when the key is absent)."""
        return ContentError(message, path=self.path, line=self.lines.get(key, 1), hint=hint)


def read_source(path: Path) -> str:
    """The text of a file: UTF-8, BOM and CRLF tolerated, at most `MAX_BYTES`, no control characters."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ContentError(
            f"This file cannot be read ({error.strerror}).", path=path, hint="Check that it exists and is readable."
        ) from error
    if len(data) > MAX_BYTES:
        raise ContentError(
            f"This file is larger than {MAX_BYTES // 1000} KB.",
            path=path,
            line=data.count(b"\n") + 1,
            hint="Split it here at the latest, or link to the long text.",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContentError(
            "This file is not UTF-8 text.",
            path=path,
            line=data.count(b"\n", 0, error.start) + 1,
            hint="Save it with the encoding UTF-8.",
        ) from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if found := _CONTROL.search(text):
        raise ContentError(
            f"There is an invisible control character (U+{ord(found[0]):04X}) in this line.",
            path=path,
            line=text.count("\n", 0, found.start()) + 1,
            hint="Delete it and type what was meant, often a quotation mark or a dash.",
        )
    return text


def read(path: Path, schema: Schema) -> FrontMatter:
    """Read a Markdown file that opens with front matter fenced by `---` lines.

    Raises ContentError, with the 1-based line, for anything the schema does not allow.
    """
    lines = read_source(path).split("\n")
    if not _FENCE.fullmatch(lines[0]):
        example = next((key for key, rule in schema.items() if rule.required), "title")
        raise ContentError(
            "This file has no front matter.",
            path=path,
            line=1,
            hint=f'Begin it with a line "---", lines such as "{example}: …", and another line "---".',
        )
    end = next((i for i, line in enumerate(lines[1:], start=1) if _FENCE.fullmatch(line)), 0)
    if not end:
        raise ContentError(
            "The front matter that begins here never ends.", path=path, line=1, hint='Close it with a line "---".'
        )
    typed, at = _values("\n".join(lines[1:end]), path, schema)
    start = end + 1
    while start < len(lines) and not lines[start].strip():
        start += 1
    if start == len(lines):
        start, lines = end, lines[:end]  # an empty body is found at the closing fence, a line that exists
    body = Markdown(source="\n".join(lines[start:]).rstrip(), path=path, line=start + 1)
    return FrontMatter(path=path, values=typed, lines=at, body=body)


def _values(source: str, path: Path, schema: Schema) -> tuple[dict[str, Value], dict[str, int]]:
    """Type the pairs of `source` by the schema; missing required keys are errors at line 1."""
    values: dict[str, Value] = {}
    lines: dict[str, int] = {}
    for key, given, line in _pairs(source, path, {key for key, rule in schema.items() if rule.kind is Kind.TABLE}):
        if key in lines:
            raise ContentError(
                f'"{key}" is given twice, first in line {lines[key]}.', path=path, line=line, hint="Remove one of them."
            )
        if key not in schema:
            close = spelling.nearest(key, schema)
            known = f'Did you mean "{close}"?' if close else f"Known keys: {', '.join(schema)}."
            raise ContentError(f'"{key}" is not a known key.', path=path, line=line, hint=known)
        lines[key] = line
        if given:
            values[key] = given if isinstance(given, dict) else _typed(key, given, schema[key].kind, path, line)
    for key, rule in schema.items():
        if rule.required and key not in values:
            raise ContentError(
                f'"{key}" is missing.', path=path, line=lines.get(key, 1), hint=f'Add a line "{key}: …" at the top.'
            )
    return values, lines


def _pairs(source: str, path: Path, tables: Collection[str]) -> Iterator[tuple[str, str | dict[str, str], int]]:
    """Yield (key, value, line) of a mapping of scalars; `source` begins on line 2 of the file.

    Only the keys in `tables` may hold a mapping, of scalars again. Events, not nodes: nothing is constructed,
    nothing nests deeper, so nothing can be expanded or recurse.
    """

    def line_of(mark: Any) -> int:
        return 2 + source.count("\n", 0, mark.index) if mark else 1

    key: str | None = None
    at = depth = 0
    events = iter(yaml.parse(source, Loader=yaml.BaseLoader))
    try:
        for event in events:
            if isinstance(event, yaml.MappingStartEvent) and depth == 0:
                depth = 1
            elif isinstance(event, yaml.MappingStartEvent) and key in tables and not event.anchor:
                yield str(key), dict(_table(events, path, line_of)), at
                key = None
            elif isinstance(event, yaml.ScalarEvent) and depth and not event.anchor and event.tag is None:
                if key is None:
                    key = event.value
                    at = line_of(event.start_mark)
                    continue
                yield key, _one_line(event.value, path, at), at
                key = None
            elif isinstance(event, (yaml.NodeEvent, yaml.CollectionStartEvent)):
                what = (
                    f'"{key}" must be a single text' if key else 'The front matter must be lines such as "key: value"'
                )
                if key in tables:
                    what = f'"{key}" must be lines of its own, each with a name and a text'
                hint = (
                    f'Write them indented below "{key}:", as in "  subj.length: why".' if key in tables else _QUOTE_HINT
                )
                raise ContentError(f"{what}.", path=path, line=line_of(event.start_mark), hint=hint)
    except yaml.MarkedYAMLError as error:
        line = line_of(error.problem_mark)
        if "'\\t'" in (error.problem or ""):
            raise ContentError(
                "There is a tab in the front matter.", path=path, line=line, hint="Use spaces instead of the tab."
            ) from error
        colon = "mapping values" in (error.problem or "")
        what = "There is a colon with a space behind it within the value" if colon else "This line cannot be read"
        raise ContentError(f"{what}.", path=path, line=line, hint=_QUOTE_HINT) from error
    except yaml.reader.ReaderError as error:
        raise ContentError(
            "There is a character here that front matter cannot carry.",
            path=path,
            line=2 + source.count("\n", 0, error.position),
            hint="Delete it.",
        ) from error


def _table(events: Iterator[Any], path: Path, line_of: Callable[[Any], int]) -> Iterator[tuple[str, str]]:
    """The pairs of the mapping that has just begun, up to its end."""
    words: list[str] = []
    names: set[str] = set()
    for event in events:
        line = line_of(event.start_mark)
        if isinstance(event, yaml.MappingEndEvent):
            return
        if not isinstance(event, yaml.ScalarEvent) or event.anchor or event.tag is not None:
            raise ContentError("Only a single text can stand here.", path=path, line=line, hint=_QUOTE_HINT)
        words.append(_one_line(event.value, path, line))
        if len(words) == 2:
            yield words[0], words[1]
            words = []
        elif words[0] in names:
            raise ContentError(f'"{words[0]}" is given twice.', path=path, line=line, hint="Remove one of them.")
        else:
            names.add(words[0])


def _one_line(value: str, path: Path, line: int) -> str:
    """Fold a value into one line: subjects and titles become headers, where a line break is an injection."""
    text = re.sub(r"[ \t\n\u2028\u2029]+", " ", value).strip(" ")
    if _CONTROL.search(text):
        raise ContentError("There is a control character in this value.", path=path, line=line, hint="Remove it.")
    return text


def _typed(key: str, text: str, kind: Kind, path: Path, line: int) -> Value:
    match kind:
        case Kind.TEXT:
            return text
        case Kind.TABLE:
            wanted = 'indented lines below it, such as "  subj.length: why it is meant"'
        case Kind.DATE:
            try:
                if _ISO_DATE.fullmatch(text):
                    return date.fromisoformat(text)
            except ValueError:
                pass
            wanted = "a date such as 2026-09-15 (year-month-day)"
        case Kind.NUMBER:
            if _NUMBER.fullmatch(text):
                return int(text)
            wanted = "a whole number such as 12"
        case Kind.BOOL:
            if text.lower() in _BOOLEANS:
                return _BOOLEANS[text.lower()]
            wanted = "yes or no"
    raise ContentError(f'"{key}" is "{text[:60]}", which it cannot be.', path=path, line=line, hint=f"Write {wanted}.")
