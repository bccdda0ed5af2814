"""`--at` means the moment that people who wrote it mean, on nights when the clocks change too."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import pytest

from newsletter.cli import moment

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-24T08:00+01:00", "2026-11-24T07:00"),
        ("2026-11-24T07:00Z", "2026-11-24T07:00"),
        ("2026-11-24T08:00 Europe/Berlin", "2026-11-24T07:00"),
        ("2026-11-24 08:00 Europe/Berlin", "2026-11-24T07:00"),
        ("2026-03-28T08:00 Europe/Berlin", "2026-03-28T07:00"),
        ("2026-03-29T08:00 Europe/Berlin", "2026-03-29T06:00"),
        ("2026-10-24T08:00 Europe/Berlin", "2026-10-24T06:00"),
        ("2026-10-25T08:00 Europe/Berlin", "2026-10-25T07:00"),
        ("2026-10-25T02:30+02:00", "2026-10-25T00:30"),
        ("2026-10-25T02:30+01:00", "2026-10-25T01:30"),
        ("2026-03-08T07:00 America/New_York", "2026-03-08T11:00"),
        ("2026-11-24T08:00 UTC", "2026-11-24T08:00"),
    ],
)
def test_moment_is_the_one_of_that_place_and_day(text: str, utc: str) -> None:
    parsed = moment.parse(text, NOW)
    assert parsed is not None
    assert parsed.tzinfo is not None
    assert parsed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") == utc


def test_no_moment_is_now() -> None:
    assert moment.parse(None, NOW) is None


def test_time_without_a_zone_is_this_machines() -> None:
    parsed = moment.parse("2026-11-24T08:00", NOW)
    assert parsed == datetime(2026, 11, 24, 8, 0).astimezone()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2026-03-29T02:30 Europe/Berlin", "does not exist: the clocks go forward"),
        ("2026-10-25T02:30 Europe/Berlin", r"comes twice.*02:30\+0200 or 02:30\+0100"),
        ("2026-11-24T08:00 Europe/Atlantis", "no time zone 'Europe/Atlantis'"),
        ("2026-11-24T08:00 ../../etc/passwd", "no time zone"),
        ("2026-11-24T08:00+01:00 Europe/Berlin", "both an offset and a time zone"),
        ("tomorrow", "is not a moment such as"),
        ("", "is not a moment such as"),
        ("2026-02-28T08:00 Europe/Berlin", "has passed"),
        ("2026-03-01T08:00Z", "has passed"),
    ],
)
def test_what_is_no_certain_moment_is_refused(text: str, says: str) -> None:
    with pytest.raises(click.UsageError, match=says):
        moment.parse(text, NOW)
