"""Series: issues on their days after the confirmation, through the ledger, and never to who has left."""

from __future__ import annotations

import email
import email.policy
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
import websites
from commands import Commands
from sqlalchemy import update
from websites import World

from newsletter import config, starter
from newsletter.cli import serve
from newsletter.cli.console import Console
from newsletter.deliveries import ledger, workers
from newsletter.deliveries.claims import Scope, claim
from newsletter.errors import ConfigError
from newsletter.site import Site
from newsletter.store.schema import CampaignKind, campaigns
from newsletter.subscribers.wanted import still_wanted
from newsletter.transport.memory import MemoryTransport

FIRST, SECOND = "001-why-your-back-hurts", "002-the-side-you-favour"
ADA = "ada@example.net"
STEPS = f'{{ issue = "{FIRST}", after_days = 3 }}, {{ issue = "{SECOND}", after_days = 10 }}'
SERIES = '[[series]]\nname = "first-steps"\nlist = "steady-spine"\nsteps = [ %s ]\n'


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    shutil.copytree(starter.issues(), tmp_path / "issues")
    with websites.world(tmp_path, more=SERIES % STEPS) as found:
        found.site.fence.adopt(found.clock())
        yield found


def pass_days(world: World, days: float = 0) -> list[EmailMessage]:
    """Let time pass, and send what is due; the issues among it."""
    world.clock.advance(timedelta(days=days))
    transport = MemoryTransport()
    world.site.housekeeping()
    world.site.sender(transport=transport).drain()
    found = [email.message_from_bytes(each.message, policy=email.policy.default) for each in transport.messages]
    return [each for each in found if each["Auto-Submitted"] is None]


def step(world: World, slug: str) -> int:
    (found,) = [
        row.id
        for row in world.rows("campaigns")
        if row.kind == CampaignKind.SERIES and row.slug == slug and row.status != "cancelled"
    ]
    return int(found)


def standing_id(world: World, kind: CampaignKind) -> int:
    (found,) = [row.id for row in world.rows("campaigns") if row.kind == kind]
    return int(found)


def reconfigured(world: World, steps: str) -> Site:
    path = world.site.root / "newsletter.toml"
    path.write_text(path.read_text("utf-8").split("[[series]]")[0] + (SERIES % steps if steps else ""), "utf-8")
    settings, origins = config.load(world.site.root, {})
    return Site(world.site.root, settings, origins, world.clock)


def test_every_step_comes_on_its_day(world: World) -> None:
    world.subscribe(ADA, name="Ada Lovelace")
    assert pass_days(world, 2.9) == []
    (first,) = pass_days(world, 0.2)
    assert first["To"] == f"Ada Lovelace <{ADA}>"
    assert "List-Unsubscribe" in first
    assert pass_days(world, 6.8) == []
    (second,) = pass_days(world, 0.2)
    assert second["Subject"] != first["Subject"]
    assert second["Message-ID"] != first["Message-ID"]
    assert pass_days(world, 100) == []


def test_date_is_the_day_of_the_step_on_every_try(world: World) -> None:
    world.subscribe(ADA)
    confirmed = world.clock()
    (first,) = pass_days(world, 5)
    assert first["Date"].datetime == (confirmed + timedelta(days=3)).replace(microsecond=0)


def test_step_of_the_first_day_comes_soon_and_after_the_welcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(starter.issues(), tmp_path / "issues")
    transport = MemoryTransport()
    monkeypatch.setattr(serve, "GLANCE", 0.05)

    def mails_to(address: str) -> list[EmailMessage]:
        mine = [each.message for each in list(transport.messages) if each.recipient == address]
        return [email.message_from_bytes(each, policy=email.policy.default) for each in mine]

    def is_issue(mail: EmailMessage) -> bool:
        return mail["Auto-Submitted"] is None

    with websites.world(tmp_path, more=SERIES % f'{{ issue = "{FIRST}", after_days = 0 }}') as world:
        monkeypatch.setattr(world.site, "transport", lambda **_how: transport)
        with serve.sending(Console(quiet=True), world.site, 1):
            for address in (ADA, "bob@example.net"):
                world.subscribe(address)
                deadline = time.monotonic() + 20
                while not any(map(is_issue, mails_to(address))) and time.monotonic() < deadline:
                    time.sleep(0.02)
    for address in (ADA, "bob@example.net"):
        *_before, welcome, issue = mails_to(address)
        assert "Welcome" in welcome["Subject"]
        assert is_issue(issue)


def test_leaving_ends_it(world: World) -> None:
    world.subscribe(ADA)
    assert len(pass_days(world, 4)) == 1
    world.client.post(world.leave_path(ADA))
    assert pass_days(world, 30) == []
    last = [row.status for row in world.rows("deliveries") if row.campaign_id == step(world, SECOND)]
    assert last == ["skipped"]


def test_who_comes_back_gets_only_what_they_have_not_had(world: World) -> None:
    world.subscribe(ADA)
    (first,) = pass_days(world, 4)
    world.client.post(world.leave_path(ADA))
    assert pass_days(world, 30) == []
    world.subscribe(ADA)
    (rest,) = pass_days(world, 30)
    assert rest["Subject"] != first["Subject"]


def test_who_leaves_and_comes_back_at_once_waits_from_the_new_confirmation(world: World) -> None:
    world.subscribe(ADA)
    world.clock.advance(timedelta(days=2))
    world.client.post(world.leave_path(ADA))
    world.subscribe(ADA)
    assert pass_days(world, 2) == []
    assert len(pass_days(world, 1.1)) == 1
    assert len(pass_days(world, 30)) == 1


def test_who_joins_the_list_from_the_preferences_gets_it_as_well(world: World) -> None:
    world.subscribe(ADA, "/lists/clinic-notes")
    page = "/preferences/" + world.site.keys.sign("preferences", world.person(ADA).uid)
    assert world.client.post(page + "/link").status_code == 200
    (row,) = [row for row in world.rows("deliveries") if row.campaign_id == standing_id(world, CampaignKind.ACCESS)]
    fresh = "/preferences/" + world.site.keys.sign("access", world.person(ADA).uid, row.seq)
    world.client.post(fresh, data={"list": ["steady-spine", "clinic-notes"], "save": "yes"})
    assert world.status(ADA) == "confirmed"
    assert len(pass_days(world, 4)) == 1


def test_step_that_falls_into_a_pause_comes_when_it_is_over(world: World) -> None:
    world.subscribe(ADA)
    page = "/preferences/" + world.site.keys.sign("preferences", world.person(ADA).uid)
    world.client.post(page, data={"pause": "14"})
    assert pass_days(world, 13) == []
    both = pass_days(world, 1.1)
    assert len(both) == 2
    assert {world.clock() - each["Date"].datetime < timedelta(days=1) for each in both} == {True}


def test_nobody_gets_an_issue_both_by_a_series_and_by_itself(world: World) -> None:
    world.subscribe(ADA, "/lists/clinic-notes")
    world.launch(FIRST, "clinic-notes")
    world.clock.advance(timedelta(hours=1))  # one confirmation mail in ten minutes
    world.subscribe(ADA)
    assert len(pass_days(world, 30)) == 1
    world.subscribe("bob@example.net")
    assert len(pass_days(world, 30)) == 2
    world.subscribe("bob@example.net", "/lists/clinic-notes")
    world.launch(SECOND, "clinic-notes")
    launched = max(row.id for row in world.rows("campaigns") if row.kind == CampaignKind.ISSUE)
    got = {row.subscriber_id for row in world.rows("deliveries") if row.campaign_id == launched}
    assert got == {world.person("first@example.net").id}


def test_other_list_has_no_series(world: World) -> None:
    world.subscribe(ADA, "/lists/clinic-notes")
    assert world.mails(CampaignKind.SERIES) == 0


def test_issue_is_frozen_when_its_first_copy_is_due(world: World) -> None:
    world.subscribe(ADA)
    file = world.site.issues_dir / FIRST / "issue.md"
    text = file.read_text("utf-8")
    file.write_text(text.replace("subject:", "subject: Changed before,", 1), "utf-8")
    (first,) = pass_days(world, 4)
    file.write_text(text, "utf-8")
    world.subscribe("bob@example.net")
    (again,) = pass_days(world, 4)
    assert again["Subject"] == first["Subject"]


def test_issue_that_cannot_be_sent_waits_and_says_why(world: World) -> None:
    file = world.site.issues_dir / FIRST / "issue.md"
    text = file.read_text("utf-8")
    file.write_text("no front matter", "utf-8")
    world.subscribe(ADA)
    assert pass_days(world, 4) == []
    (held,) = [row for row in world.rows("campaigns") if row.id == step(world, FIRST)]
    assert held.status == "paused"
    assert "issue.md" in held.pause_reason
    file.write_text(text, "utf-8")
    assert len(pass_days(world)) == 1


def test_without_the_approval_that_is_required_nothing_leaves(tmp_path: Path) -> None:
    shutil.copytree(starter.issues(), tmp_path / "issues")
    with websites.world(tmp_path, top="require_approval = true", more=SERIES % STEPS) as world:
        world.site.fence.adopt(world.clock())
        world.subscribe(ADA)
        assert pass_days(world, 4) == []
        issue = world.site.load(FIRST)
        world.site.approve(issue, world.site.editions(issue), by="editor")
        assert len(pass_days(world)) == 1


def test_copy_of_a_dead_sender_is_sent_again(world: World) -> None:
    world.subscribe(ADA)
    pass_days(world)
    world.clock.advance(timedelta(days=4))
    world.site.housekeeping()
    now = world.clock()
    with world.site.database.write() as connection:
        worker = workers.register(connection, "send", now)
        (row,) = claim(connection, worker, Scope(trial=False, campaign_id=step(world, FIRST)), now=now, limit=10)
        assert ledger.arm(connection, row, worker, still_wanted(), now)
        ledger.bury(connection, [worker], now)
    assert len(pass_days(world)) == 1


def test_step_that_is_taken_out_ends_and_may_come_back(world: World) -> None:
    world.subscribe(ADA)
    with reconfigured(world, f'{{ issue = "{FIRST}", after_days = 3 }}') as site:
        assert site.database.exists
    assert len(pass_days(world, 30)) == 1
    with reconfigured(world, STEPS) as site:
        assert site.database.exists
    assert pass_days(world, 30) == []
    world.subscribe("bob@example.net")
    assert len(pass_days(world, 30)) == 2


def test_other_number_of_days_counts_from_now_on(world: World) -> None:
    world.subscribe(ADA)
    with reconfigured(world, STEPS.replace("after_days = 3", "after_days = 1")) as site:
        assert site.database.exists
    world.subscribe("bob@example.net")
    (early,) = pass_days(world, 2)
    assert early["To"] == "bob@example.net"
    assert len(pass_days(world, 2)) == 1


def test_step_has_a_page_but_is_no_news(world: World) -> None:
    world.subscribe(ADA)
    assert world.client.get(f"/archive/{FIRST}/").status_code == 404
    pass_days(world, 4)
    assert world.client.get(f"/archive/{FIRST}/").status_code == 200
    assert FIRST not in world.client.get("/archive/").text
    assert FIRST not in world.client.get("/feed.xml").text


def test_forgotten_reader_gets_nothing_more(world: World) -> None:
    world.subscribe(ADA)
    with world.site.database.write() as connection:
        from newsletter.subscribers.forget import forget

        forget(connection, world.person(ADA), world.clock())
    assert pass_days(world, 30) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SERIES % STEPS + SERIES % STEPS, "two series are called 'first-steps'"),
        ((SERIES % STEPS).replace("steady-spine", "nowhere"), "'nowhere', which there is not"),
        ((SERIES % STEPS).replace(SECOND, FIRST), "two steps"),
        ((SERIES % STEPS).replace("after_days = 3", "after_days = -1"), "after_days"),
        (SERIES % "", "steps"),
    ],
)
def test_series_that_cannot_be_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "newsletter.toml").write_text(websites.SETTINGS.format(top="", more=text), "utf-8")
    with pytest.raises(ConfigError, match=said):
        config.load(tmp_path, {})


def test_owner_sees_steps_and_lets_earlier_readers_in(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    newsletter = Commands(world.site.root, monkeypatch, capfd)
    world.subscribe(ADA)
    with world.site.database.write() as connection:
        connection.execute(update(campaigns).where(campaigns.c.slug == SECOND).values(slug="003-not-there"))
    shown = newsletter.ok("campaign", "list").out
    assert any("series first-steps" in line and FIRST in line for line in shown.splitlines())
    number = step(world, SECOND)
    assert newsletter("campaign", "enrol", number).code == 4
    assert "1 reader will" in newsletter.ok("--yes", "campaign", "enrol", number).out
    assert "0 readers will" in newsletter.ok("--yes", "campaign", "enrol", number).out
    assert newsletter("campaign", "enrol", 999).code == 1
    refused = newsletter("--yes", "campaign", "cancel", number)
    assert (refused.code, "[[series]]" in refused.err) == (4, True)
    shutil.rmtree(world.site.issues_dir / SECOND)
    assert f"sends issue {SECOND}, which there is not yet" in newsletter.ok("config", "check").err
