"""Confirmations wait for the DNS: a clear no keeps them at home, everything else lets them go, and no page waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import nameserver
import pytest
import websites
from commands import Commands
from nameserver import NameServer
from websites import World

from newsletter.cli import serve
from newsletter.cli.console import Console
from newsletter.errors import StoreError
from newsletter.site import Site
from newsletter.store.schema import CampaignKind, DeliveryStatus
from newsletter.subscribers import gate
from newsletter.subscribers.gate import held, memory, mx
from newsletter.subscribers.gate.domains import HOLD, Finding, Reach
from newsletter.subscribers.gate.verdict import Decision, Verdict
from newsletter.transport.memory import MemoryTransport

RELAY = '[smtp]\nhost = "relay.example.net"\n[signups]\nattack = 1000000'
ZONE: nameserver.Zone = {
    "takes.example": {"MX": ["10 mx.takes.example."]},
    "two.example": {"MX": ["0 .", "10 mx.two.example."]},
    "old.example": {"A": ["192.0.2.1"]},
    "new.example": {"AAAA": ["2001:db8::1"]},
    "null.example": {"MX": ["0 ."], "A": ["192.0.2.1"]},
    "text.example": {"TXT": ['"v=spf1 -all"']},
    "broken.example": "servfail",
    "silent.example": "silence",
    "xn--mller-kva.example": {"MX": ["10 mx.example."]},
}


@pytest.fixture
def server() -> Iterator[NameServer]:
    with nameserver.serving(ZONE) as found:
        yield found


@pytest.fixture
def world(tmp_path: Path, server: NameServer) -> Iterator[World]:
    with websites.world(tmp_path, more=RELAY) as found:
        found.site.resolver = server.resolver()
        found.site.fence.adopt(found.clock())
        yield found


def confirmations(world: World) -> list[tuple[str, float]]:
    """Status and seconds until due of every mail in the ledger."""
    return [(row.status, (row.due_at - world.clock()).total_seconds()) for row in world.rows("deliveries")]


@pytest.mark.parametrize(
    ("domain", "found"),
    [
        ("takes.example", Finding(Reach.MAIL)),
        ("two.example", Finding(Reach.MAIL)),
        ("old.example", Finding(Reach.MAIL)),
        ("new.example", Finding(Reach.MAIL)),
        ("null.example", Finding(Reach.NOTHING, "null-mx")),
        ("nobody.example", Finding(Reach.NOTHING, "no-domain")),
        ("text.example", Finding(Reach.NOTHING, "no-host")),
        ("broken.example", Finding(Reach.UNSURE)),
        ("silent.example", Finding(Reach.UNSURE)),
        ("a" * 64 + ".example", Finding(Reach.UNSURE)),
    ],
)
def test_only_a_clear_no_counts_as_one(server: NameServer, domain: str, found: Finding) -> None:
    assert mx.look_up(server.resolver(), [domain]) == {domain: found}


def test_machine_without_name_servers_is_sure_of_nothing() -> None:
    assert mx.look_up(None, ["takes.example"]) == {"takes.example": Finding(Reach.UNSURE)}


def test_many_silent_domains_take_no_longer_than_one(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx, "PATIENCE", 0.2)
    asking = server.resolver()
    asking.lifetime = 60
    domains = ["silent.example", *(f"{number}.silent.example" for number in range(20))]
    assert mx.look_up(asking, domains)["silent.example"] == Finding(Reach.UNSURE)


def test_mail_to_an_unknown_domain_waits_and_leaves_when_the_domain_takes_mail(world: World) -> None:
    world.sign_up("ada@takes.example")
    assert confirmations(world) == [("pending", HOLD.total_seconds())]
    world.site.look_up_domains()
    assert confirmations(world) == [("pending", 0)]
    transport = MemoryTransport()
    world.site.sender(transport=transport).drain()
    assert [envelope.recipient for envelope in transport.messages] == ["ada@takes.example"]


def test_known_domains_and_great_providers_do_not_wait(world: World, server: NameServer) -> None:
    world.sign_up("ada@takes.example")
    world.site.look_up_domains()
    world.sign_up("bob@takes.example")
    world.sign_up("cy@googlemail.com")
    assert {seconds for _, seconds in confirmations(world)} <= {0, -5, -10}
    world.site.look_up_domains()
    assert server.asked == [("takes.example", "MX")]


def test_international_domain_is_asked_for_by_its_ascii_name(world: World, server: NameServer) -> None:
    world.fill_in(email="ada@müller.example")
    world.site.look_up_domains()
    assert server.asked == [("xn--mller-kva.example", "MX")]
    assert confirmations(world) == [("pending", 0)]


@pytest.mark.parametrize(
    ("domain", "reason"), [("null.example", "null-mx"), ("nobody.example", "no-domain"), ("text.example", "no-host")]
)
def test_domain_that_takes_no_mail_gets_none_and_the_owner_sees_why(
    world: World, server: NameServer, domain: str, reason: str
) -> None:
    world.sign_up(f"ada@{domain}")
    world.site.look_up_domains()
    assert [status for status, _ in confirmations(world)] == [DeliveryStatus.SKIPPED]
    (attempt,) = world.rows("attempts")
    assert attempt.text.startswith(f"not sent: {domain}: ")
    (tally,) = [row for row in world.rows("gate_tallies") if row.verdict == "nowhere"]
    assert (tally.reason, tally.network, tally.posts) == (reason, "", 1)
    asked = len(server.asked)
    world.sign_up(f"bob@{domain}")
    world.site.look_up_domains()
    assert len(server.asked) == asked
    assert [status for status, _ in confirmations(world)] == [DeliveryStatus.SKIPPED] * 2


@pytest.mark.parametrize("domain", ["broken.example", "silent.example"])
def test_no_answer_lets_the_mail_go(world: World, domain: str) -> None:
    world.sign_up(f"ada@{domain}")
    world.site.look_up_domains()
    assert confirmations(world) == [("pending", 0)]
    assert world.rows("attempts") == []


def test_mail_falls_due_by_itself_where_nobody_looks_up(world: World) -> None:
    world.sign_up("ada@nobody.example")
    world.clock.advance(HOLD)
    transport = MemoryTransport()
    world.site.sender(transport=transport).drain()
    assert len(transport.messages) == 1


def test_serve_and_worker_look_up_beside_the_sender(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = MemoryTransport()
    monkeypatch.setattr(world.site, "transport", lambda: transport)
    monkeypatch.setattr(serve, "LOOKING_UP", 0.02)
    world.sign_up("ada@takes.example")
    world.sign_up("bob@nobody.example")
    with serve.sending(Console(quiet=True), world.site, 1):
        deadline = time.monotonic() + 20
        while len(transport.messages) < 1 and time.monotonic() < deadline:
            time.sleep(0.02)
    assert [envelope.recipient for envelope in transport.messages] == ["ada@takes.example"]
    assert sorted(status for status, _ in confirmations(world)) == ["sent", "skipped"]


def test_trouble_with_looking_up_is_told_once_and_stops_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    rounds = threading.Semaphore(0)

    def fail() -> None:
        rounds.release()
        raise StoreError("The disk is full.")

    monkeypatch.setattr(world.site, "transport", MemoryTransport)
    monkeypatch.setattr(world.site, "look_up_domains", fail)
    monkeypatch.setattr(serve, "LOOKING_UP", 0.01)
    with serve.sending(Console(), world.site, 1):
        assert all(rounds.acquire(timeout=10) for _ in range(3))
    assert capfd.readouterr().err.count("The disk is full.") == 1


def test_findings_run_out_and_are_swept(world: World, server: NameServer) -> None:
    world.sign_up("ada@nobody.example")
    world.site.look_up_domains()
    world.clock.advance(timedelta(hours=2))
    with world.site.database.write() as connection:
        gate.sweep(connection, world.clock())
    assert world.rows("gate_domains") == []
    world.sign_up("bob@nobody.example")
    world.site.look_up_domains()
    assert server.asked == [("nobody.example", "MX")] * 2


def test_mail_that_was_tried_already_is_left_alone(world: World) -> None:
    """A deferred mail is due later as well, and waits for its relay, not for the DNS."""
    world.sign_up("ada@nobody.example")
    with world.site.database.write() as connection:
        connection.exec_driver_sql("UPDATE deliveries SET tries = 1")
    assert held.settle(world.site.database, world.site.keys, world.site.resolver, world.clock) == held.Round()


def test_on_a_relay_of_this_machine_nothing_waits_and_nobody_is_asked(tmp_path: Path, server: NameServer) -> None:
    local = '[smtp]\nhost = "127.0.0.1"\nsecurity = "none"'
    with websites.world(tmp_path, more=local) as world:
        world.site.resolver = server.resolver()
        world.sign_up("ada@nobody.example")
        world.site.look_up_domains()
        assert confirmations(world) == [("pending", 0)]
        assert server.asked == []


def test_page_says_the_same_whatever_the_domain(world: World) -> None:
    answers = [world.fill_in(email=f"ada@{domain}") for domain in ("takes.example", "nobody.example", "gmail.com")]
    assert len({(answer.status_code, answer.headers["Location"]) for answer in answers}) == 1
    assert world.mails(CampaignKind.CONFIRM) == 3


def test_status_counts_those_whose_domain_takes_no_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    commands = Commands(tmp_path / "letter", monkeypatch, capfd)
    commands.ok("init", commands.folder, "--name", "The Test Letter", "--from", "editor@example.net")
    with Site.open(commands.folder) as site, site.database.write() as connection:
        memory.tally(connection, Decision(Verdict.NOWHERE, "null-mx"), "", site.clock())
    assert commands.ok("signups", "status", "--json").json["today"]["nowhere"] == 1
    assert "1 of those who passed got no mail" in commands.ok("signups", "status").out
    assert commands.ok("signups", "blocked", "--json").json[0]["reason"] == "null-mx"
