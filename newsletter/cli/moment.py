"""When to send: `--at` as people write it, with an offset, with the name of a time zone, or in local time.

Clocks that change are the reason for this module: 02:30 may not exist that night, or come twice, and a
newsletter that goes out an hour off is better refused while somebody looks.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click


def parse(text: str | None, now: datetime) -> datetime | None:
    """The moment: `2026-11-24T08:00+01:00`, `2026-11-24T08:00 Europe/Berlin` or `2026-11-24T08:00` (local time).

    None stays None. Raises `click.UsageError` for anything else, for a moment that has passed, and for a wall-clock
    time that the zone skips or has twice.
    """
    if text is None:
        return None
    wall, _, name = text.strip().partition(" ")
    if name[:1].isdigit():  # a space instead of the T
        time, _, name = name.partition(" ")
        wall = f"{wall}T{time}"
    try:
        moment = datetime.fromisoformat(wall)
    except ValueError as error:
        raise click.UsageError(
            f"--at {text!r} is not a moment such as 2026-11-24T08:00+01:00 or 2026-11-24T08:00 Europe/Berlin."
        ) from error
    if moment.tzinfo is not None and name:
        raise click.UsageError(f"--at {text!r} has both an offset and a time zone; say one of them.")
    if moment.tzinfo is None:
        moment = _placed(moment, _zone(name.strip()) if name else None, text)
    if moment <= now:
        raise click.UsageError(f"--at {moment.isoformat(timespec='minutes')} has passed.")
    return moment


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise click.UsageError(
            f"--at: there is no time zone {name!r} on this machine; write it like Europe/Berlin, or give the offset."
        ) from error


def _placed(wall: datetime, zone: tzinfo | None, text: str) -> datetime:
    """`wall` in the zone (None: this machine's), if it is there exactly once."""
    first, second = (wall.replace(fold=fold, tzinfo=zone).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(zone).replace(tzinfo=None) != wall:
        raise click.UsageError(f"--at {text!r} does not exist: the clocks go forward then. Choose another time.")
    if first != second:
        offsets = " or ".join(f"{each.astimezone(zone):%H:%M%z}" for each in (first, second))
        raise click.UsageError(f"--at {text!r} comes twice, as the clocks go back then; give the offset: {offsets}.")
    return first.astimezone(zone)
