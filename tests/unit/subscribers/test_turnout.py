"""What the confirmation page costs, counted without a trace of who it was."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from factories import START

from newsletter.subscribers.turnout import DAYS, Day, Turnout

TODAY = START.date()


def test_who_looks_twice_counts_once_and_only_what_was_seen_is_pressed(tmp_path: Path) -> None:
    turnout = Turnout(tmp_path / "var" / "turnout.json")
    for seq in (0, 0, 1):
        turnout.viewed(7, seq, START)
    turnout.pressed(7, 0, START)
    turnout.pressed(8, 0, START)
    assert turnout.days() == []
    turnout.write()
    assert turnout.days() == [Day(TODAY, 2, 1)]


def test_processes_add_to_one_file_by_day(tmp_path: Path) -> None:
    ours, theirs = Turnout(tmp_path / "turnout.json"), Turnout(tmp_path / "turnout.json")
    ours.viewed(1, 0, START)
    theirs.viewed(2, 0, START)
    theirs.viewed(3, 0, START + timedelta(days=1))
    ours.write()
    theirs.write()
    ours.write()
    assert ours.days() == [Day(TODAY, 2, 0), Day(TODAY + timedelta(days=1), 1, 0)]


def test_file_keeps_a_year_and_a_damaged_one_counts_for_nothing(tmp_path: Path) -> None:
    turnout = Turnout(tmp_path / "turnout.json")
    for number in range(DAYS + 3):
        turnout.viewed(number, 0, START + timedelta(days=number))
    turnout.write()
    assert len(turnout.days()) == DAYS
    assert turnout.days()[0].day == date(2026, 9, 18)
    for text in ("", "[]", '{"x": 1}', '{"2026-09-15": {"viewed": null}}'):
        (tmp_path / "turnout.json").write_text(text, "utf-8")
        assert turnout.days() == []


def test_file_holds_numbers_only(tmp_path: Path) -> None:
    turnout = Turnout(tmp_path / "turnout.json")
    turnout.viewed(4711_4711, 0, START)
    turnout.write()
    assert "4711" not in (tmp_path / "turnout.json").read_text("utf-8")
