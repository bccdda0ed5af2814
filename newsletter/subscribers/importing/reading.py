"""CSV as it comes: a byte order mark or a named encoding, any usual delimiter, and never a line without end.

Nothing is guessed silently: a file that is not UTF-8 and bears no mark has to say what it is, because the wrong
guess turns names into nonsense that nobody notices until it is mailed.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import BinaryIO, TextIO, cast

from newsletter.errors import NewsletterError

MAX_LINE = 1 << 16
MAX_RECORD = 1 << 18
"""Characters of one row with all its lines."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would run; exported behind an apostrophe, which an import takes away again."""
DELIMITERS = ",;\t"

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)

_NO_TEXT = frozenset({"utf-7", "unicode-escape", "raw-unicode-escape", "idna", "punycode", "undefined"})
"""Codecs that are no encoding of a file, or let through what is no text."""


class ImportRefused(NewsletterError):
    """The file cannot be imported."""

    exit_code = 4


def open_text(raw: BinaryIO, encoding: str | None = None) -> TextIO:
    """The file as text: a byte order mark decides, else the named encoding, else UTF-8."""
    # A pipe cannot be wound back, so look ahead instead.
    stream = io.BufferedReader(cast(io.RawIOBase, raw))
    begin = stream.peek(4)[:4]
    marked = next((name for mark, name in _MARKS if begin.startswith(mark)), None)
    try:
        if encoding and codecs.lookup(encoding).name in _NO_TEXT:
            raise LookupError
        return io.TextIOWrapper(stream, encoding=marked or encoding or "utf-8", errors="strict", newline="")
    except (LookupError, ValueError) as error:
        raise ImportRefused(f"There is no encoding {encoding!r}.", hint="Try --encoding cp1252.") from error


def let_go(text: TextIO) -> None:
    """Give the file underneath back, open: closing the text, or forgetting it, would close that as well."""
    cast(io.BufferedReader, cast(io.TextIOWrapper, text).detach()).detach()


def rows(file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """(line number, values) of every row that is not blank; the delimiter is read off the first line.

    Raises `ImportRefused` where the file stops being CSV.
    """
    line = 0
    try:
        lines = _Lines(file)
        csv.field_size_limit(MAX_LINE)
        reader = csv.reader(lines, delimiter=lines.delimiter, strict=True)
        for values in reader:
            lines.taken = 0
            line = reader.line_num + lines.skipped
            if any(value and not value.isspace() for value in values):
                yield line, [untame(value) if value[:1] == "'" else value for value in values]
    except csv.Error as error:
        raise _not_csv(line + 1, str(error)) from error
    except UnicodeError as error:
        encoding = "UTF-8" if file.encoding in {"utf-8", "utf-8-sig"} else file.encoding
        place = f" (somewhere after line {line})" if line else ""
        raise ImportRefused(
            f"The file is not {encoding}{place}.", hint="Name its encoding, for example --encoding cp1252."
        ) from error


def tame(value: str) -> str:
    """A cell as it goes out: a formula stands behind an apostrophe, so that no spreadsheet runs it."""
    return f"'{value}" if value.lstrip("'").startswith(FORMULA) else value


def untame(value: str) -> str:
    """A cell without the apostrophe that `tame` put before it."""
    return value[1:] if value[:1] == "'" and value.lstrip("'").startswith(FORMULA) else value


class _Lines:
    """The lines of a file one by one, each and all of one row within bounds."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.taken = 0
        """Characters since the last row."""
        self.skipped = 0
        self._next = file.readline(MAX_LINE)
        said = self._next.strip().lower()
        if said.startswith("sep=") and len(said) == len("sep=") + 1:  # what Excel writes for itself
            self.delimiter = said[-1] if said[-1] in DELIMITERS else ","
            self.skipped, self._next = 1, file.readline(MAX_LINE)
        else:
            outside = "".join(self._next.split('"')[::2])
            self.delimiter = max(DELIMITERS, key=outside.count)

    def __iter__(self) -> Iterator[str]:
        line = self._next
        while line:
            self.taken += len(line)
            if len(line) >= MAX_LINE and not line.endswith(("\n", "\r")):
                raise ImportRefused(f"A line is longer than {MAX_LINE} characters: this is not a list of addresses.")
            if self.taken > MAX_RECORD:
                raise ImportRefused(
                    f"One row is longer than {MAX_RECORD} characters: this is not a list of addresses.",
                    hint="Look for a quote that nothing closes.",
                )
            if "\0" in line:
                raise ImportRefused(
                    "The file contains NUL characters.",
                    hint="Export it again as CSV in UTF-8, or say --encoding utf-16-le if that is what it is.",
                )
            yield line
            line = self._file.readline(MAX_LINE)


def _not_csv(line: int, reason: str) -> ImportRefused:
    if "end of data" in reason or "field limit" in reason:
        return ImportRefused(
            f"Line {line} is not CSV: it begins a cell with a quote that nothing closes.",
            hint='Close the quote, or write it twice ("") where it belongs to the text.',
        )
    if "expected after" in reason:
        return ImportRefused(
            f"Line {line} is not CSV: text follows a closing quote.",
            hint='Write a quote twice ("") where it belongs to the text.',
        )
    return ImportRefused(f"Line {line} is not CSV ({reason}).")
