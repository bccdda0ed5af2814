"""Dates as pages print them, in the few forms people use; nothing is guessed.

"03/04/2026" is March to some and April to others, so it is read only where one reading is impossible
or the page says its language. A date with a time zone counts as the day it was where it was written.
"""

from __future__ import annotations

import contextlib
import re
from datetime import date
from email.utils import parsedate_to_datetime

_MONTHS = {
    **{name: number for number, names in enumerate(
        (
            "january jan januar jänner janvier enero ene gennaio gen janeiro januari janv",
            "february feb februar février févr fevrier febrero febbraio fevereiro februari fev",
            "march mar märz mrz maerz mars marzo março maart mrt",
            "april apr avril abril aprile avr abr",
            "may mai mayo maggio maio mei mag",
            "june jun juni juin junio giugno junho giu",
            "july jul juli juillet julio luglio julho juil lug",
            "august aug août aout agosto augustus ago",
            "september sep sept septembre septiembre settembre setembro set",
            "october oct oktober okt octobre octubre ottobre outubro ott out",
            "november nov novembre noviembre novembro",
            "december dec dezember dez décembre diciembre dicembre dezembro décember dic déc",
        ),
        start=1,
    ) for name in names.split()},
}  # fmt: skip
_MONTH = "|".join(sorted(map(re.escape, _MONTHS), key=len, reverse=True))
_ISO = re.compile(r"(?<!\d)((?:19|20)\d\d)-(\d\d?)-(\d\d?)(?!\d)")
_ISO_SLASHED = re.compile(r"(?<!\d)((?:19|20)\d\d)[/.](\d\d?)[/.](\d\d?)(?!\d)")
_COMPACT = re.compile(r"(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)(?:T|(?!\d))")
_MONTH_FIRST = re.compile(rf"\b({_MONTH})\b\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b\s*,?\s+((?:19|20)\d\d)\b", re.IGNORECASE)
_DAY_FIRST = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th|er|\.|º)?\s*(?:of\s+|de\s+|-)?({_MONTH})\b\.?,?\s*(?:de\s+|-)?((?:19|20)\d\d)\b",
    re.IGNORECASE,
)
_NUMERIC = re.compile(r"(?<!\d)(\d{1,2})([/.-])(\d{1,2})\2((?:19|20)\d\d)(?!\d)")


def read_date(text: str, *, day_first: bool | None = None) -> date | None:
    """The first date in `text`, or None; `day_first` says how 03/04/2026 is meant, None that nobody knows."""
    found = _candidates(text[:400], day_first)
    return min(found)[1] if found else None


def _candidates(text: str, day_first: bool | None) -> list[tuple[int, date]]:
    """Every date with its position."""
    found: list[tuple[int, date]] = []

    def add(at: int, year: str, month: int, day: int) -> None:
        with contextlib.suppress(ValueError):  # there is no 31 April
            found.append((at, date(int(year), month, day)))

    for pattern in (_ISO, _ISO_SLASHED, _COMPACT):
        for match in pattern.finditer(text):
            add(match.start(), match[1], int(match[2]), int(match[3]))
    for match in _MONTH_FIRST.finditer(text):
        add(match.start(), match[3], _MONTHS[match[1].lower()], int(match[2]))
    for match in _DAY_FIRST.finditer(text):
        add(match.start(), match[3], _MONTHS[match[2].lower()], int(match[1]))
    for match in _NUMERIC.finditer(text):
        first, second = int(match[1]), int(match[3])
        is_day_first = True if first > 12 or match[2] == "." else False if second > 12 else day_first
        if is_day_first is None and first == second:
            is_day_first = True
        if is_day_first is not None:
            day, month = (first, second) if is_day_first else (second, first)
            add(match.start(), match[4], month, day)
    return found


def without_dates(text: str) -> tuple[str, bool]:
    """`text` with its dates taken out, and whether there was one."""
    shorter = text
    for pattern in (_ISO, _ISO_SLASHED, _MONTH_FIRST, _DAY_FIRST, _NUMERIC):
        shorter = pattern.sub(" ", shorter)
    return shorter, shorter != text


def read_feed_date(text: str) -> date | None:
    """A date of RSS (RFC 822) or Atom (RFC 3339)."""
    try:
        return parsedate_to_datetime(text.strip()).date()
    except (ValueError, TypeError, IndexError):
        return read_date(text)
