"""A relay that objects: campaigns pause themselves, and limits are learned where they belong."""

from __future__ import annotations

from smtpd import Drop, ScriptedServer

import factories
import pytest
from sqlalchemy import select

from newsletter.campaigns import report
from newsletter.clock import utc_now
from newsletter.deliveries import throttles
from newsletter.deliveries.claims import Scope
from newsletter.deliveries.lifecycle import move_campaign
from newsletter.deliveries.pacing import Limits
from newsletter.deliveries.sender import Policies, Sender
from newsletter.store.schema import CampaignStatus, campaigns
from newsletter.subscribers.wanted import still_wanted
from newsletter.transport.base import Envelope, Verdict
from newsletter.transport.settings import SmtpSettings
from newsletter.transport.smtp import SmtpTransport


def compose(delivery):
    return Envelope("editor@news.example.org", delivery.email, b"Subject: Spring\r\n\r\nHello\r\n", delivery)


class House:
    """Campaigns, and a sender that knows a scripted relay."""

    def __init__(self, database, keys, clock):
        self.database, self.keys, self.clock = database, keys, clock

    def campaign(self, slug, domain, count, *, more="", to="steady-spine"):
        with self.database.write() as connection:
            for number in range(count):
                factories.subscribed(connection, self.keys, f"r{number}@{domain}", slug=to)
                if more:
                    factories.subscribed(connection, self.keys, f"r{number}@{more}", slug=to)
            return factories.issue_campaign(connection, slug=slug, to=to)

    def send(self, script, *, until_put_off=False, **abilities):
        """Drain through a relay with this script; returns what it accepted."""

        def progress(outcome):
            if until_put_off and outcome.verdict is Verdict.DEFERRED:
                sender.stop()

        with ScriptedServer(script, **abilities) as server:
            sender = Sender(
                self.database,
                SmtpTransport(SmtpSettings(server.host, server.port, security="none", connections=2)),
                Policies(compose, still_wanted(), lambda connection, delivery, outcome: None, Limits()),
                self.clock,
                scope=Scope(trial=False),
                progress=progress,
            )
            sender.drain()
            return [message.recipient for message in server.messages]

    def summary(self, campaign_id):
        with self.database.read() as connection:
            return report.summary(connection, campaign_id)

    def status(self, campaign_id):
        with self.database.read() as connection:
            return connection.execute(select(campaigns.c.status).where(campaigns.c.id == campaign_id)).scalar()

    def resume(self, campaign_id):
        with self.database.write() as connection:
            move_campaign(connection, campaign_id, CampaignStatus.SENDING, now=self.clock())

    def limits(self):
        with self.database.read() as connection:
            return throttles.load(connection)


@pytest.fixture
def house(database, keys, clock):
    return House(database, keys, clock)


OLD = {"RCPT": lambda argument: "550 5.1.1 No such user" if "@old.example" in argument else None}
BLOCKED = {"RCPT": lambda argument: "550 5.7.1 Blocked, see our postmaster page"}


def test_old_list_pauses_itself_while_the_other_campaign_goes_on(house):
    old = house.campaign("spring", "old.example", 60)
    good = house.campaign("notes", "example.net", 60, to="clinic-notes")
    assert len(house.send(OLD)) == 60
    paused = house.summary(old)
    assert paused["status"] == "paused"
    assert paused["pause_reason"].startswith("11 of the first 11 copies were refused because the mailbox does not")
    assert f"`newsletter campaign resume {old}`" in paused["pause_reason"]
    assert 11 <= paused["failed"] <= 40  # some were refused before the ledger heard of the eleventh
    assert paused["in_hand"] == 0
    assert house.status(good) == "finished"


def test_resumed_campaign_counts_afresh_and_comes_to_its_end(house):
    old = house.campaign("spring", "old.example", 20, more="example.net")
    house.send(OLD)
    assert house.status(old) == "paused"
    house.resume(old)
    house.send(OLD)
    assert house.status(old) == "finished"
    assert house.summary(old)["sent"] == 20


def test_provider_that_blocks_us_pauses_the_campaign_by_name(house):
    campaign = house.campaign("spring", "hotmail.com", 40)
    assert house.send(BLOCKED) == []
    paused = house.summary(campaign)
    assert paused["status"] == "paused"
    assert paused["pause_reason"].startswith("outlook.com refused 20 copies in a row for policy (5.7.x)")
    assert "Blocked, see our postmaster page" in paused["pause_reason"]


def test_provider_that_says_too_fast_gets_a_limit_of_its_own(house):
    house.clock = utc_now
    house.campaign("spring", "gmail.com", 40)
    house.send({"DOT": [None] * 30 + [Drop("421 4.7.28 Unusual rate")]}, until_put_off=True)
    assert set(house.limits()) == {"gmail.com"}


def test_relay_that_puts_off_a_sender_slows_the_relay(house):
    house.clock = utc_now
    house.campaign("spring", "example.net", 10)
    house.send({"MAIL": [None] * 3 + [Drop("421 4.7.0 Too much")]}, until_put_off=True, capabilities=())
    assert set(house.limits()) == {"relay"}
