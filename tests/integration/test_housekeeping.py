"""Time alone brings it about: who never confirmed is not kept, and nothing else is lost with them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import websites
from commands import Commands
from factories import issue_campaign, subscribed
from sqlalchemy import func, insert, select
from websites import World

from newsletter import addresses
from newsletter.clock import FrozenClock
from newsletter.site import Site
from newsletter.site.tidying import tidy
from newsletter.store.feedback_schema import feedback_reports
from newsletter.store.schema import SubscriptionStatus, attempts, consent_records, deliveries, subscribers, suppressions
from newsletter.subscribers import consent, forget, people, unconfirmed

ADA = "ada.lovelace@example.net"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with websites.world(tmp_path) as found:
        yield found


def is_on_file(world: World, email: str = ADA) -> bool:
    with world.site.database.read() as connection:
        return people.find(connection, addresses.parse(email).key) is not None


def later(world: World, **span: float) -> None:
    world.clock.advance(timedelta(**span))
    world.site.housekeeping()


def test_sign_up_nobody_confirmed_is_deleted_a_month_after_its_link_has_run_out(world: World) -> None:
    world.sign_up(ADA)
    later(world, days=7, minutes=1)
    assert world.status(ADA) == "expired"
    later(world, days=29, hours=23)
    assert is_on_file(world)
    later(world, hours=2)
    assert not is_on_file(world)


def test_nothing_in_the_files_names_who_never_confirmed_and_the_numbers_stay(world: World) -> None:
    world.sign_up(ADA, name="Ada Lovelace")
    later(world, days=8)
    later(world, days=31)
    forget.leave_no_trace(world.site.database)
    for path in world.site.var.rglob("*"):
        if path.is_file():
            found = path.read_bytes().lower()
            assert b"lovelace" not in found, path
    with world.site.database.read() as connection:
        assert list(consent.broken(connection)) == []
        assert connection.execute(select(func.count()).select_from(consent_records)).scalar() == 1
        assert connection.execute(select(func.count()).select_from(deliveries)).scalar() == 1


def test_who_is_deleted_may_sign_up_again(world: World) -> None:
    world.sign_up(ADA)
    later(world, days=8)
    later(world, days=31)
    world.subscribe(ADA)
    assert world.status(ADA) == "confirmed"
    with world.site.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(suppressions)).scalar() == 0


def test_who_reads_another_list_stays_for_that(world: World) -> None:
    world.subscribe(ADA, "/lists/clinic-notes")
    later(world, hours=1)
    world.sign_up(ADA, "/lists/steady-spine")
    later(world, days=8)
    assert world.status(ADA, "steady-spine") == "expired"
    later(world, days=31)
    assert world.status(ADA, "steady-spine") is None
    assert world.status(ADA, "clinic-notes") == "confirmed"
    with world.site.database.read() as connection:
        kept = connection.execute(select(consent_records.c.personal, consent_records.c.list_id)).all()
        assert {row.list_id for row in kept if row.personal} == {world.site.list_ids["clinic-notes"]}
        assert list(consent.broken(connection)) == []


def test_who_has_left_is_no_sign_up_that_failed(site: Site, clock: FrozenClock) -> None:
    with site.database.write() as connection:
        subscribed(connection, site.keys, "left@example.net", SubscriptionStatus.UNSUBSCRIBED)
        subscribed(connection, site.keys, "reads@example.net")
        subscribed(connection, site.keys, "asked@example.net", SubscriptionStatus.PENDING)
    clock.advance(timedelta(days=400))
    assert tidy(site).deleted == 0


def test_renewed_sign_up_begins_anew(world: World) -> None:
    world.sign_up(ADA)
    later(world, days=8)
    world.clock.advance(timedelta(days=29))
    world.sign_up(ADA)
    later(world, days=3)
    assert world.status(ADA) == "pending"


def test_many_are_deleted_in_small_turns(site: Site, clock: FrozenClock) -> None:
    with site.database.write() as connection:
        for number in range(unconfirmed.BATCH + 5):
            subscribed(connection, site.keys, f"x{number}@example.net", SubscriptionStatus.EXPIRED)
    clock.advance(timedelta(days=31))
    assert tidy(site, batches=1).deleted == unconfirmed.BATCH
    assert tidy(site, batches=None).deleted == 5
    with site.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(subscribers)).scalar() == 0


def test_days_are_a_setting_and_cron_can_do_it(
    site_folder: Path, site: Site, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with site.database.write() as connection:
        subscribed(connection, site.keys, ADA, SubscriptionStatus.EXPIRED)
    newsletter = Commands(site_folder, monkeypatch, capfd)
    monkeypatch.setenv("NEWSLETTER_CONSENT__UNCONFIRMED", "36500")
    assert newsletter.ok("db", "tidy", "--json").json == {"expired": 0, "deleted": 0, "reports": 0, "evidence": 0}
    monkeypatch.setenv("NEWSLETTER_CONSENT__UNCONFIRMED", "1")
    assert newsletter.ok("db", "tidy").out.startswith("0 sign-ups expired, 1 old one deleted; 0 reports deleted, ")


def test_reports_that_came_back_go_after_their_days(site: Site, clock: FrozenClock) -> None:
    with site.database.write() as connection:
        for name, age in ((b"old", 31), (b"new", 29)):
            values = {"hash": name.ljust(32), "received_at": clock() - timedelta(days=age), "source": "mail"}
            connection.execute(insert(feedback_reports).values(**values, raw=b"550 ada.lovelace@example.net"))
    assert tidy(site).reports == 1
    with site.database.read() as connection:
        assert connection.execute(select(feedback_reports.c.hash)).scalars().all() == [b"new".ljust(32)]


def test_evidence_loses_its_personal_part_years_after_leaving(world: World) -> None:
    world.subscribe(ADA)
    later(world, hours=1)
    world.subscribe(ADA, "/lists/clinic-notes")
    assert world.client.post(world.leave_path(ADA)).status_code == 200
    left = world.site.list_ids["steady-spine"]

    def personal() -> dict[int, int]:
        with world.site.database.read() as connection:
            rows = connection.execute(select(consent_records.c.list_id, consent_records.c.personal)).all()
            assert list(consent.broken(connection)) == []
        return {list_id: sum(row.personal is not None for row in rows if row.list_id == list_id) for list_id in (1, 2)}

    before = personal()
    later(world, days=1094)
    assert personal() == before
    later(world, days=2)
    assert personal() == before | {left: 0}
    assert world.status(ADA) == "unsubscribed"
    assert world.status(ADA, "clinic-notes") == "confirmed"


def test_what_a_relay_said_of_somebody_just_forgotten_is_erased(site: Site, clock: FrozenClock) -> None:
    with site.database.write() as connection:
        person = subscribed(connection, site.keys, ADA)
        campaign_id = issue_campaign(connection)
        forget.forget(connection, person, clock())
        said = {"verdict": "rejected", "phase": "rcpt", "code": 550, "enhanced": "5.1.1", "text": f"<{ADA}> unknown"}
        connection.execute(
            insert(attempts).values(campaign_id=campaign_id, subscriber_id=person.id, seq=0, at=clock(), **said)
        )
    tidy(site)
    with site.database.read() as connection:
        assert connection.execute(select(attempts.c.text)).scalars().all() == [""]
