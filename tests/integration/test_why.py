"""Why somebody got an issue or did not, and the document that proves what they agreed to."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import factories
import pytest
import websites
from commands import Commands
from sqlalchemy import insert, text, update
from websites import World

from newsletter import starter
from newsletter.store.feedback_schema import feedback_events
from newsletter.store.schema import SuppressionReason, attempts, deliveries
from newsletter.subscribers import people, suppression
from newsletter.transport.memory import MemoryTransport

ISSUE = "001-why-your-back-hurts"
ADA = "ada@example.net"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "issues").symlink_to(starter.issues())
    with websites.world(tmp_path, more='[smtp]\nhost = "relay.example.org"\n') as found:
        found.site.fence.settle_in(is_new=True, now=found.clock())
        yield found


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    return Commands(world.site.root, monkeypatch, capfd)


def send(world: World) -> None:
    world.site.sender(transport=MemoryTransport()).drain()


def launch(world: World) -> int:
    world.launch(ISSUE)
    world.clock.advance(timedelta(minutes=1))
    return int(world.rows("campaigns")[-1].id)


def answer(run: Commands, address: str = ADA, issue: str | None = ISSUE) -> str:
    words = ["subscriber", "why", address, *(["--issue", issue] if issue else []), "--json"]
    found = run.ok(*words).json
    shown = run.ok(*words[:-1]).out
    for sentence in found["answer"]:
        assert sentence in shown
    return " ".join(found["answer"])


def test_who_got_it_is_told_when_and_from_where(world: World, run: Commands) -> None:
    world.subscribe(ADA, name="Ada")
    number = launch(world)
    send(world)
    assert f"Campaign {number} to the list steady-spine sent it on 2026-09-15" in answer(run)
    found = run.ok("subscriber", "why", ADA, "--issue", ISSUE, "--json").json
    (mail,) = found["mails"]
    assert re.fullmatch("[0-9a-f]{64}", mail["content_hash"])
    assert mail["message_id"].startswith(f"<c{number}.")
    assert [each["act"] for each in found["consent"]] == ["requested", "confirmed"]
    everything = run.ok("subscriber", "why", ADA).out
    assert "List steady-spine: confirmed since 2026-09-15, by form." in everything
    assert "Get" in everything or "Stand taller" in everything


def test_message_id_is_the_one_that_left(world: World, run: Commands) -> None:
    world.subscribe(ADA)
    launch(world)
    transport = MemoryTransport()
    world.site.sender(transport=transport).drain()
    mails = run.ok("subscriber", "why", ADA, "--json").json["mails"]
    sent = b"".join(envelope.message for envelope in transport.messages if envelope.recipient == ADA)
    for mail in mails:
        if mail["status"] == "sent":
            assert mail["message_id"].encode() in sent


def test_each_reason_not_to_get_it_is_told(world: World, run: Commands) -> None:
    world.subscribe("left@example.net")
    world.subscribe("spam@example.net")
    world.subscribe("away@example.net")
    world.clock.advance(timedelta(days=1))
    world.sign_up("asked@example.net")
    world.subscribe("other@example.net", "/lists/clinic-notes")
    world.client.post(world.leave_path("left@example.net"))
    with world.site.database.write() as connection:
        digest = world.site.keys.address_hash("spam@example.net")
        suppression.suppress(connection, digest, SuppressionReason.COMPLAINT, world.clock(), "by ARF")
        until = world.clock() + timedelta(days=30)
        people.amend(connection, world.person("away@example.net").id, paused_until=until)
    world.clock.advance(timedelta(minutes=1))
    launch(world)
    world.clock.advance(timedelta(days=1))
    world.subscribe("late@example.net")
    assert "had left the list on 2026-09-16" in answer(run, "left@example.net")
    assert "called our mail spam (by ARF)" in answer(run, "spam@example.net")
    assert "on a pause until 2026-10-16" in answer(run, "away@example.net")
    assert "have not confirmed" in answer(run, "asked@example.net")
    assert "never on that list; they are known on clinic-notes" in answer(run, "other@example.net")
    assert "signed up later, on 2026-09-17" in answer(run, "late@example.net")


def test_who_left_a_moment_before_is_told_so(world: World, run: Commands) -> None:
    world.subscribe(ADA)
    launch(world)
    world.client.post(world.leave_path(ADA))
    world.clock.advance(timedelta(minutes=1))
    send(world)
    assert "at the last moment" in answer(run)
    assert "had left the list a moment before" in answer(run)


def test_refusals_and_what_came_back_are_told_word_by_word(world: World, run: Commands) -> None:
    world.subscribe(ADA)
    number = launch(world)
    who = world.person(ADA).id
    here = {"campaign_id": number, "subscriber_id": who, "seq": 0, "at": world.clock()}
    with world.site.database.write() as connection:
        said = {"verdict": "rejected", "phase": "rcpt", "code": 550, "enhanced": "5.7.1", "text": "Not today"}
        connection.execute(insert(attempts).values(**here, **said))
        theirs = (deliveries.c.campaign_id == number) & (deliveries.c.subscriber_id == who)
        connection.execute(update(deliveries).where(theirs).values(status="failed", code=550))
        event = {"origin": "x", "kind": "block", "source": "mail", "matched": "verp", "reason": "blocked by policy"}
        connection.execute(insert(feedback_events).values(**here, **event))
    assert "was refused for good on 2026-09-15" in answer(run)
    assert "(550 5.7.1 Not today)" in answer(run)
    assert "came back: block from mail blocked by policy" in run.ok("subscriber", "why", ADA).out


def test_forgotten_and_unknown_addresses_have_an_answer(world: World, run: Commands) -> None:
    world.subscribe(ADA)
    world.site.forget(world.person(ADA))
    assert "was forgotten on 2026-09-15" in answer(run)
    assert "is not on file and never was" in answer(run, "nobody.known@example.net", None)
    run.ok("suppression", "add", "cold@example.net", "--note", "asked by phone")
    assert "is never mailed since" in answer(run, "cold@example.net")


def test_issue_that_was_never_launched_is_told(world: World, run: Commands) -> None:
    world.subscribe(ADA)
    assert answer(run, issue="002-nothing") == "Issue 002-nothing was never launched, so nobody got it."


def test_who_had_it_through_another_list_is_told(world: World, run: Commands) -> None:
    world.subscribe(ADA)
    world.launch(ISSUE)
    send(world)
    world.clock.advance(timedelta(days=1))
    world.subscribe(ADA, "/lists/clinic-notes")
    world.subscribe("bea@example.net", "/lists/clinic-notes")
    world.launch(ISSUE, "clinic-notes")
    assert "nobody gets it twice" in answer(run)


# -- the document ----------------------------------------------------------------------------------


def test_document_can_be_checked_by_hand(world: World, run: Commands, tmp_path: Path) -> None:
    world.subscribe("first@example.net")
    world.subscribe(ADA)
    send(world)
    world.clock.advance(timedelta(days=1))
    world.client.post(world.leave_path(ADA))
    file = tmp_path / "ada.txt"
    run.ok("subscriber", "consent", ADA, "--out", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    document = file.read_text("utf-8")
    for words in ("Stand taller. Hurt less.", "Confirm my subscription", "127.0.0.0/24"):
        assert words in document
    assert document.count("left the list") == 1
    salts = re.findall(r"^  salt: (\w+)$", document, re.MULTILINE)
    committed = re.findall(r"^  committed: (.+)$", document, re.MULTILINE)
    commitments = re.findall(r"^  commitment: (\w+)$", document, re.MULTILINE)
    hashed = re.findall(r"^  hashed: (.+)$", document, re.MULTILINE)
    hashes = re.findall(r"^  hash: (\w+)$", document, re.MULTILINE)
    follows = re.findall(r"^  follows: (\w+)$", document, re.MULTILINE)
    assert len(salts) == len(committed) == len(hashed) == len(hashes) == 3
    for salt, personal, commitment in zip(salts, committed, commitments, strict=True):
        assert hashlib.sha256(bytes.fromhex(salt) + personal.encode()).hexdigest() == commitment
    for body, digest, before, commitment in zip(hashed, hashes, follows, commitments, strict=True):
        assert hashlib.sha256(body.encode()).hexdigest() == digest
        assert (json.loads(body)[0], json.loads(body)[-1]) == (before, commitment)
    wording = re.findall(r"hash of the wording: (\w+)", document)
    found = run.ok("subscriber", "consent", ADA, "--json").json
    for record in found["consent"]:
        shown = record["wording"]
        if shown:
            kept = {key: shown[key] for key in ("language", "text", "version")}
            body = json.dumps(kept, separators=(",", ":"), ensure_ascii=False)
            assert hashlib.sha256(body.encode()).hexdigest() == shown["hash"]
            assert shown["hash"] in wording
    assert [record["place"] for record in found["consent"]] == [3, 4, 5]
    assert found["chain"]["records"] == 5
    assert found["chain"]["last_hash"] == hashes[-1]
    assert "holds" in document


def test_document_shows_the_mail_that_asked_and_when_it_left(world: World, run: Commands) -> None:
    path = world.sign_up(ADA)
    world.clock.advance(timedelta(minutes=2))
    send(world)
    world.clock.advance(timedelta(minutes=3))
    world.client.post(path)
    found = run.ok("subscriber", "consent", ADA, "--json").json
    (mail,) = (each for each in found["mails"] if each["kind"] == "confirm")
    confirmed = found["consent"][-1]
    assert mail["status"] == "sent"
    assert confirmed["evidence"]["origin"] == f"mail {mail['campaign']}.0, sent {mail['changed_at']}"
    assert confirmed["wording"]["language"] == "en"
    assert mail["message_id"].startswith("<c")


def test_document_says_when_the_chain_is_broken(world: World, run: Commands) -> None:
    world.subscribe(ADA)
    with world.site.database.write() as connection:
        factories.unguard_evidence(connection)
        connection.execute(text("UPDATE consent_records SET at = at + 1 WHERE id = 1"))
    assert "record 1 was changed after it was written" in run.ok("subscriber", "consent", ADA).out


def test_document_of_nobody_says_where_to_look(run: Commands) -> None:
    done = run("subscriber", "consent", ADA)
    assert done.code == 1
    assert "subscriber why" in done.err
