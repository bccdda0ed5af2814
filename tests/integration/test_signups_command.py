"""The gate for its owner: what it did, who may pass, and the mail when the Site is attacked."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import websites
from commands import Commands
from websites import hidden_fields

from newsletter import config
from newsletter.clock import utc_now
from newsletter.site import Site, alarm
from newsletter.subscribers.gate import memory
from newsletter.subscribers.gate.verdict import Decision, Verdict
from newsletter.transport.memory import MemoryTransport


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    commands = Commands(tmp_path / "letter", monkeypatch, capfd)
    commands.ok("init", commands.folder, "--name", "The Test Letter", "--from", "editor@example.net")
    return commands


def test_all_is_quiet_at_first(run: Commands) -> None:
    shown = run.ok("signups", "status", "--json").json
    assert shown["attacked_since"] is None
    assert shown["today"] == {"pass": 0, "button": 0, "proof": 0, "enough": 0, "nowhere": 0}
    assert (shown["confirmation_pages_seen"], shown["of_these_confirmed"]) == (0, 0)
    assert run.ok("signups", "blocked", "--json").json == []


def test_status_says_what_the_confirmation_page_costs(run: Commands) -> None:
    today, long_ago = utc_now().date(), utc_now().date() - timedelta(days=40)
    days = {f"{today}": {"viewed": 8, "pressed": 6}, f"{long_ago}": {"viewed": 90, "pressed": 1}}
    (run.folder / "var" / "turnout.json").write_text(json.dumps(days), "utf-8")
    assert "Of 8 confirmation pages seen in 30 days, 6 were confirmed." in run.ok("signups", "status").out


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("203.0.113.9", "203.0.113.9/32"),
        ("203.0.113.9/24", "203.0.113.0/24"),
        ("Example.NET", "example.net"),
        ("@example.net", "example.net"),
        ("Ada@Example.net", "ada@example.net"),
    ],
)
def test_allow_list_takes_addresses_domains_and_networks(run: Commands, typed: str, kept: str) -> None:
    assert run.ok("signups", "allow", typed, "--json").json == {"entry": kept, "allowed": True}
    assert [each["entry"] for each in run.ok("signups", "allow", "--json").json] == [kept]
    run.ok("signups", "disallow", typed)
    assert run.ok("signups", "allow", "--json").json == []


@pytest.mark.parametrize("wide", ["0.0.0.0/0", "128.0.0.0/7", "::/0", "2000::/15"])
def test_network_of_half_the_world_is_not_allowed(run: Commands, wide: str) -> None:
    refused = run("signups", "allow", wide)
    assert refused.code != 0
    assert "203.0.113.0/24" in refused.err
    assert run.ok("signups", "allow", "--json").json == []


def test_attack_is_told_to_the_owner_once_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with websites.world(tmp_path, more="[signups]\nattack = 3\nalert = 'owner@example.org'") as world:
        relay = MemoryTransport()
        monkeypatch.setattr(world.site, "transport", lambda *, impatient: relay)
        assert not alarm.tell_of_attack(world.site)
        hidden = hidden_fields(world.client.get("/").text)
        world.clock.advance(timedelta(seconds=4))
        for number in range(5):
            world.client.post("/subscribe", data={**hidden, "email": f"reader{number}@example.net"})
        assert alarm.tell_of_attack(world.site)
        assert not alarm.tell_of_attack(world.site)
        world.clock.advance(timedelta(minutes=61))
        world.client.post("/subscribe", data={**hidden, "email": "again@example.net"})
        told = [envelope.recipient for envelope in relay.messages]
        assert told == ["owner@example.org"]
        message = relay.messages[0].message
        assert b"\nSubject: Unusually many sign-ups for The Steady Spine\r\n" in message
        assert b"newsletter signups blocked" in message
        assert b"\n" not in message.replace(b"\r\n", b"")


def test_blocked_says_in_words_what_happened_and_why(run: Commands) -> None:
    with Site(run.folder, *config.load(run.folder, {})) as site, site.database.write() as connection:
        for reason in ("waiters", "reply busy", "null-mx"):
            memory.tally(connection, Decision(Verdict.ENOUGH, reason), "203.0.113.0/24", utc_now())
    out = run.ok("signups", "blocked").out
    assert "left unmailed" in out
    assert "limit of readers without scripts" in out
    assert "reply: half of the minute's mails used" in out
    assert "domain says it takes no mail" in out
