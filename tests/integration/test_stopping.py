"""A sender that is told to stop lets messages on the wire finish, but not for ever; `--drain` stops by itself."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from smtpd import ScriptedServer, Stall

import factories
import pytest
from commands import Commands
from sqlalchemy import select, update

from newsletter import config
from newsletter.campaigns.launch import Order
from newsletter.cli.console import Console
from newsletter.cli.send import stops_on_signals
from newsletter.cli.serve import sending
from newsletter.clock import FrozenClock
from newsletter.deliveries import ledger
from newsletter.deliveries.ledger import Totals
from newsletter.site import Site
from newsletter.store.schema import CampaignStatus, campaigns, deliveries, workers

READERS = 6
GRACE = 0.4


@pytest.fixture
def office(site_folder: Path, clock: FrozenClock) -> Callable[[int], Site]:
    """A Site with a campaign to send through a relay on this port, one copy at a time."""

    def open_site(port: int) -> Site:
        relay = {"HOST": "127.0.0.1", "PORT": str(port), "SECURITY": "none", "CONNECTIONS": "1"}
        site = Site(
            site_folder, *config.load(site_folder, {f"NEWSLETTER_SMTP__{k}": v for k, v in relay.items()}), clock
        )
        with site.database.write() as connection:
            factories.readers(connection, site.keys, READERS)
            list_id = factories.list_id(connection)
        content = (factories.issue(), factories.edition())
        order = Order("spring", content=content, list_id=list_id, list_slug="steady-spine", is_trial=False)
        site.launch(order, errors=(), expect=READERS)
        return site

    return open_site


def totals(site: Site) -> Totals:
    with site.database.read() as connection:
        assert not connection.execute(select(workers)).all(), "nobody is left behind"
        return ledger.totals(connection, 1)


def test_serve_and_worker_break_off_from_a_relay_that_stays_silent(office: Callable[[int], Site]) -> None:
    with ScriptedServer({"DOT": Stall()}) as server, office(server.port) as site:
        with sending(Console(quiet=True), site, GRACE):
            server.wait_for(".")
            began = time.monotonic()
        assert GRACE <= time.monotonic() - began < GRACE + 3
        found = totals(site)
    assert (found.ambiguous, found.pending) == (1, READERS - 1), "one may have arrived; nobody else is in doubt"


def test_message_that_was_never_past_its_dot_waits_for_the_next_time(office: Callable[[int], Site]) -> None:
    with ScriptedServer({"RCPT": Stall()}) as server, office(server.port) as site:
        with sending(Console(quiet=True), site, GRACE):
            server.wait_for("RCPT")
        assert totals(site).pending == READERS


def test_relay_that_answers_in_time_is_waited_for(office: Callable[[int], Site]) -> None:
    answer = threading.Event()
    with ScriptedServer({"DOT": [Stall(released=answer)]}) as server, office(server.port) as site:
        with sending(Console(quiet=True), site, 20):
            server.wait_for(".")
            threading.Timer(0.3, answer.set).start()
            began = time.monotonic()
        assert time.monotonic() - began < 10
        found = totals(site)
    assert (found.sent, found.ambiguous, found.pending) == (1, 0, READERS - 1)


def test_one_sigterm_ends_a_send_after_the_grace(office: Callable[[int], Site]) -> None:
    with ScriptedServer({"DOT": Stall()}) as server, office(server.port) as site:
        transport = site.transport()
        sender = site.sender(campaign_id=1, transport=transport)

        def step_in() -> None:
            server.wait_for(".")
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=step_in, daemon=True).start()
        with stops_on_signals(Console(quiet=True), sender, transport, GRACE) as stopped:
            sender.drain()
        assert stopped.is_set()
        found = totals(site)
    assert (found.ambiguous, found.pending) == (1, READERS - 1)


# -- worker --drain ----------------------------------------------------------------------------------


@pytest.fixture
def run(site_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    for name in [name for name in os.environ if name.startswith("NEWSLETTER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    return Commands(site_folder, monkeypatch, capfd)


def relay(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    for key, value in {"HOST": "127.0.0.1", "PORT": port, "SECURITY": "none"}.items():
        monkeypatch.setenv(f"NEWSLETTER_SMTP__{key}", str(value))


def test_drain_sends_what_is_due_leaves_what_is_not_and_ends(
    run: Commands, office: Callable[[int], Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer({"RCPT": ["451 4.7.1 Come back later"]}) as server:
        relay(monkeypatch, server.port)
        office(server.port).close()
        run.ok("worker", "--drain")
        assert len(server.messages) == READERS - 1
        run.ok("worker", "--drain")
        assert len(server.messages) == READERS - 1, "greylisted for a quarter of an hour"


def test_drain_of_nothing_ends_at_once(run: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer() as server:
        relay(monkeypatch, server.port)
        run.ok("worker", "--drain")
        assert not server.messages


def test_drain_without_a_relay_fails_and_loses_nothing(
    run: Commands, office: Callable[[int], Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer({"GREETING": "554 No"}) as server:
        relay(monkeypatch, server.port)
        site = office(server.port)
        assert run("worker", "--drain").code == 1
        assert totals(site).pending == READERS
        site.close()


def test_drain_holds_a_campaign_that_missed_its_time(
    run: Commands, office: Callable[[int], Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer() as server:
        relay(monkeypatch, server.port)
        site = office(server.port)
        with site.database.write() as connection:
            late = factories.START - timedelta(days=900)
            connection.execute(update(campaigns).values(status=CampaignStatus.SCHEDULED, scheduled_at=late))
            connection.execute(update(deliveries).values(due_at=late))
        run.ok("worker", "--drain")
        assert not server.messages
        shown = run.ok("campaign", "show", 1, "--json").json
        assert shown["status"] == "paused"
        assert "resume sends it now" in shown["pause_reason"]
        site.close()


# -- the fence at the command line -------------------------------------------------------------------


def test_a_copy_sends_only_after_it_was_adopted(
    run: Commands, office: Callable[[int], Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer() as server:
        relay(monkeypatch, server.port)
        office(server.port).close()
        monkeypatch.setenv("NEWSLETTER_INSTANCE_ID", "another")
        for words in (("worker",), ("worker", "--drain")):
            refused = run(*words)
            assert refused.code == 4
            assert "`newsletter db adopt`" in refused.err
        unsure = run("db", "adopt")
        assert unsure.code == 4, "nobody could be asked"
        assert f"Campaign 1 (spring to steady-spine) is sending: 0 of {READERS} sent" in unsure.err
        assert not server.messages
        adopted = run.ok("db", "adopt", "--yes", "--json").json
        assert (adopted["adopted"], adopted["ambiguous"], adopted["unfinished"]) == (True, 0, [1])
        assert run.ok("db", "adopt", "--json").json["adopted"] is False
        run.ok("worker", "--drain")
        assert len(server.messages) == READERS
