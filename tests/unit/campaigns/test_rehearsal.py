"""What a rehearsal reads off: the copy it works on, and how long configured limits make the real thing."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import factories
import pytest

from newsletter.campaigns import rehearsal
from newsletter.campaigns.launch import Order
from newsletter.deliveries.pacing import Limits
from newsletter.errors import StoreError
from newsletter.site import Site


@pytest.mark.sqlite
def test_copy_is_consistent_while_somebody_writes(site: Site, tmp_path: Path) -> None:
    with site.database.write() as connection:
        factories.readers(connection, site.keys, 2)
    with site.database.write() as connection:
        factories.person(connection, site.keys, "half@example.net")
        rehearsal.copy_database(site.database, tmp_path / "copy.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT email FROM subscribers ORDER BY id").fetchall() == [
            ("r0@example.net",),
            ("r1@example.net",),
        ]


@pytest.mark.sqlite
def test_copy_that_cannot_be_written_names_its_place_and_what_it_needs(site: Site, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"copied to .*nowhere.*needs room for a second database"):
        rehearsal.copy_database(site.database, tmp_path / "nowhere" / "copy.db")


def test_earlier_launches_of_this_issue_to_this_list_are_forgotten_and_no_others(site: Site) -> None:
    with site.database.write() as connection:
        factories.readers(connection, site.keys, 2)
        factories.readers(connection, site.keys, 2, slug="clinic-notes")
        mine = factories.issue_campaign(connection)
        other = factories.issue_campaign(connection, to="clinic-notes")
        order = Order("spring", None, factories.list_id(connection), "steady-spine", is_trial=False)
        assert rehearsal.forget_earlier(connection, order) == mine
        assert rehearsal.forget_earlier(connection, order) is None
        assert factories.statuses(connection, mine) == {}
        assert len(factories.statuses(connection, other)) == 2


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(), None),
        (Limits(total=10), ("[pacing] rate", 98)),
        (Limits(total=10, relay=5), ("[smtp] rate", 198)),
        (Limits(total=10, providers={"googlemail.com": 1}), ("gmail.com in [pacing] providers", 598)),
        (Limits(total=10, providers={"unknown.example": 0.001}), ("[pacing] rate", 98)),
        (Limits(total=1e6), ("[pacing] rate", 0)),
    ],
)
def test_slowest_limit_says_how_long_a_send_takes_at_least(limits: Limits, expected: tuple[str, float] | None) -> None:
    found = rehearsal.least({"gmail.com": 600, "example.net": 400}, limits)
    assert (found and (found.limit, found.seconds)) == expected
