"""Moments as programs and people write them, and a refusal where nobody can say which was meant.

03/04/2026 is a day in March to some and in April to others. Guessed wrongly it makes false evidence, so it has to be
said (`--dates`), unless the numbers leave no choice. A moment without a time zone counts as UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

Order = Literal["", "dmy", "mdy"]
"""Which of day and month comes first in dates with slashes; empty when nobody has said."""

_CLOCK = r"(?:[ T,]+(?P<clock>\d{1,2}:\d\d(?::\d\d)?(?:\.\d+)?)(?P<half>\s*[AaPp]\.?[Mm]\.?)?\s*(?P<zone>UTC|GMT|Z)?)?"
_SLASHES = re.compile(
    rf"(?P<one>\d{{1,2}})(?P<mark>[/.-])(?P<two>\d{{1,2}})(?P=mark)(?P<year>\d{{4}}){_CLOCK}", re.ASCII
)
_GO = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)? ([+-]\d{4}) [A-Z]{3,5}", re.ASCII)
_WORDS = ("%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y", "%d. %B %Y")
_ISO_SLASHES = re.compile(r"\d{4}/\d\d?/\d\d?")
_ISO_ZONE = re.compile(r"\s*(UTC|GMT)$")


class Ambiguous(ValueError):
    """Two days are possible."""


def moment(text: str, order: Order = "") -> datetime:
    """The moment, with a time zone. `Ambiguous` when it could be two, `ValueError` when it is none."""
    text = text.strip()
    if len(text) > 64:
        raise ValueError("too long for a date")
    try:
        found = datetime.fromisoformat(_ISO_ZONE.sub("+00:00", text))
    except ValueError:
        found = _otherwise(text, order)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _otherwise(text: str, order: Order) -> datetime:
    if numbers := _SLASHES.fullmatch(text):
        return _numbers(numbers, order)
    if go := _GO.fullmatch(text):
        return datetime.strptime(f"{go[1]} {go[2]}", "%Y-%m-%d %H:%M:%S %z")
    if _ISO_SLASHES.match(text):
        year, month, day, *rest = re.split(r"[/ T]", text, maxsplit=3)
        return datetime.fromisoformat(" ".join([f"{year}-{month:>02}-{day:>02}", *rest]))
    for form in _WORDS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - `moment` adds the zone
        except ValueError:
            continue
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise ValueError("not a date") from error


def _numbers(found: re.Match[str], order: Order) -> datetime:
    one, two = int(found["one"]), int(found["two"])
    if found["mark"] == "." or order == "dmy" or (order == "" and one > 12):
        day, month = one, two
    elif order == "mdy" or two > 12 or one == two:
        day, month = two, one
    else:
        raise Ambiguous(found[0])
    hour = minute = second = 0
    if found["clock"]:
        hour, minute, second = (int(float(part)) for part in (*found["clock"].split(":"), "0")[:3])
        if found["half"]:
            if not 1 <= hour <= 12:
                raise ValueError("no such hour")
            hour = hour % 12 + 12 * found["half"].strip().lower().startswith("p")
    return datetime(int(found["year"]), month, day, hour, minute, second, tzinfo=UTC)
