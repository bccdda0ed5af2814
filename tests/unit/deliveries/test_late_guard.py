"""A schedule that was missed by far is held for the operator; one that is a little late starts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import factories
import pytest
from sqlalchemy import Row, select, update

from newsletter.campaigns import launch
from newsletter.cli import moment
from newsletter.clock import FrozenClock
from newsletter.deliveries.lifecycle import move_campaign, start_scheduled
from newsletter.store.engine import Database
from newsletter.store.schema import CampaignStatus, campaigns

AT = factories.START + timedelta(days=1)


def scheduled(database: Database, at: datetime = AT) -> int:
    with database.write() as connection:
        campaign_id = factories.issue_campaign(connection, status=CampaignStatus.SCHEDULED)
        connection.execute(update(campaigns).values(scheduled_at=at))
    return campaign_id


def look(database: Database, clock: FrozenClock) -> Row[tuple[str, str]]:
    """What a sender does with schedules, and what came of it."""
    with database.write() as connection:
        start_scheduled(connection, clock())
        return connection.execute(select(campaigns.c.status, campaigns.c.pause_reason)).one()


@pytest.mark.parametrize(
    ("late", "status"),
    [
        (timedelta(seconds=-1), "scheduled"),
        (timedelta(), "sending"),
        (timedelta(minutes=60), "sending"),
        (timedelta(minutes=60, seconds=1), "paused"),
        (timedelta(days=30), "paused"),
    ],
)
def test_schedule_starts_up_to_an_hour_late_and_is_held_after(
    database: Database, clock: FrozenClock, late: timedelta, status: str
) -> None:
    scheduled(database)
    clock.advance(AT + late - clock())
    assert look(database, clock).status == status


@pytest.mark.parametrize(
    ("late", "words"),
    [(timedelta(hours=2, minutes=5, seconds=59), "2 h 5 min"), (timedelta(days=3, hours=4), "3 days")],
)
def test_reason_says_which_time_was_missed_by_how_much_and_what_resume_does(
    database: Database, clock: FrozenClock, late: timedelta, words: str
) -> None:
    scheduled(database)
    clock.advance(AT + late - clock())
    reason = look(database, clock).pause_reason
    assert reason == f"its time, 2026-09-16 08:00 UTC, was missed by {words}; resume sends it now"


def test_resumed_campaign_sends_now_and_is_not_held_again(database: Database, clock: FrozenClock) -> None:
    campaign_id = scheduled(database)
    clock.advance(AT + timedelta(hours=5) - clock())
    look(database, clock)
    with database.write() as connection:
        target = launch.resumed_status(connection, campaign_id, clock())
        move_campaign(connection, campaign_id, target, now=clock())
    clock.advance(timedelta(hours=5))
    assert tuple(look(database, clock)) == ("sending", "")


def test_others_start_beside_one_that_is_held(database: Database, clock: FrozenClock) -> None:
    scheduled(database)
    with database.write() as connection:
        other = factories.issue_campaign(connection, slug="summer", status=CampaignStatus.SCHEDULED)
        connection.execute(
            update(campaigns).where(campaigns.c.id == other).values(scheduled_at=AT + timedelta(hours=2))
        )
        clock.advance(AT + timedelta(hours=2) - clock())
        assert start_scheduled(connection, clock()) == 1
        rows = connection.execute(select(campaigns.c.slug, campaigns.c.status)).all()
    assert {tuple(row) for row in rows} == {("spring", "paused"), ("summer", "sending")}


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-10-25T03:30 Europe/Berlin", datetime(2026, 10, 25, 2, 30, tzinfo=UTC)),
        ("2026-10-25T01:30 Europe/Berlin", datetime(2026, 10, 24, 23, 30, tzinfo=UTC)),
        ("2027-03-28T03:00 Europe/Berlin", datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),
    ],
)
def test_the_hour_is_counted_in_real_time_when_the_clocks_change(
    database: Database, clock: FrozenClock, text: str, utc: datetime
) -> None:
    at = moment.parse(text, clock())
    assert at == utc
    scheduled(database, at)
    clock.advance(utc - clock() - timedelta(seconds=1))
    assert look(database, clock).status == "scheduled"
    clock.advance(timedelta(seconds=1, minutes=59))
    assert look(database, clock).status == "sending"
