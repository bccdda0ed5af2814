"""Forgetting, looked at from outside: every file of the Site is searched for the address, however it is spelt."""

from __future__ import annotations

import base64
import hashlib
import quopri
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import websites
from commands import Commands
from feedback_world import FeedbackWorld
from programs import program
from sqlalchemy import Connection, insert, select, update
from websites import World

from newsletter import addresses, starter
from newsletter.clock import FrozenClock
from newsletter.feedback.verdict import Delivery, Kind
from newsletter.site import Site
from newsletter.store.feedback_schema import feedback_events, feedback_reports
from newsletter.store.reply_schema import replies
from newsletter.store.schema import (
    SuppressionReason,
    attempts,
    campaigns,
    deliveries,
    metadata,
)
from newsletter.subscribers import consent, export, forget, holdings, people, suppression
from newsletter.subscribers.gate import allowed
from newsletter.subscribers.traces import Traces
from newsletter.transport.outbox import OutboxTransport

ZED = "Zebedee.Quillfeather@example.net"
KEY = ZED.lower()
MOVED = "zeb@quillfeather.example"
ISSUE = "001-why-your-back-hurts"
SERIES = f"""
[[series]]
name = "first-steps"
list = "steady-spine"
steps = [{{issue = "{ISSUE}", after_days = 3}}]
[archive]
replies = true
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "issues").symlink_to(starter.issues())
    with websites.world(tmp_path, more=SERIES) as found:
        yield found


def mail(world: World) -> None:
    """Send what is due, as it would lie in the sandbox."""
    world.site.fence.adopt(world.clock())
    world.site.sender(transport=OutboxTransport(world.site.sandbox_folder)).drain()


def lives_a_full_life(world: World) -> None:
    """A reader who leaves a trace wherever one can be left."""
    site, client = world.site, world.client
    shop = program(world)
    shop("POST", "/subscribers", {"email": ZED, "name": "Zebedee Quillfeather"}, headers={"Idempotency-Key": "a"})
    path = world.confirm_path(ZED)
    assert client.post(path).status_code == 200
    world.launch(ISSUE, "clinic-notes")
    world.subscribe("bea@example.net")
    world.clock.advance(timedelta(days=1))
    world.sign_up(ZED, "/lists/clinic-notes")
    mail(world)
    world.clock.advance(timedelta(days=4))
    shop("PATCH", f"/subscribers/{world.person(KEY).uid}", {"name": "Zeb"}, headers={"Idempotency-Key": "b"})
    person = world.person(KEY)
    said = f"550 5.7.1 <{ZED}>: refused for policy"
    with site.database.write() as connection:
        campaign, seq = connection.execute(
            select(deliveries.c.campaign_id, deliveries.c.seq).where(deliveries.c.subscriber_id == person.id)
        ).first() or (0, 0)
        connection.execute(
            insert(attempts).values(
                campaign_id=campaign,
                subscriber_id=person.id,
                seq=seq,
                at=world.clock(),
                verdict="rejected",
                phase="rcpt",
                code=550,
                enhanced="5.7.1",
                text=said,
            )
        )
        connection.execute(
            update(campaigns).where(campaigns.c.id == campaign).values(pause_reason=f"The relay says {said}")
        )
        raw = b"Final-Recipient: rfc822; " + ZED.encode() + b"\r\n\r\n" + base64.b64encode(ZED.encode() * 9)
        digest = hashlib.sha256(raw).digest()
        connection.execute(
            insert(feedback_reports).values(hash=digest, received_at=world.clock(), source="mail", raw=raw)
        )
        connection.execute(
            insert(feedback_events).values(
                origin=f"mail:{digest.hex()}",
                at=world.clock(),
                kind="hard",
                source="mail",
                matched="verp",
                campaign_id=campaign,
                subscriber_id=person.id,
                seq=seq,
                reason=said,
                report_hash=digest,
            )
        )
        allowed.add(connection, KEY, f"{ZED} wrote that nothing arrives", world.clock())
        _replied(connection, world, "Thank you.")
        suppression.suppress(connection, person.address_hash, SuppressionReason.HARD_BOUNCE, world.clock(), said)
    for number, body in enumerate((quopri.encodestring(ZED.encode()), base64.encodebytes(b"To: " + KEY.encode()))):
        (site.var / "sandbox" / f"90000{number}.eml").write_bytes(b"Subject: spelt otherwise\r\n\r\n" + body)


def _replied(connection: Connection, world: World, words: str) -> None:
    values = {"slug": ISSUE, "name": "Zeb", "email": ZED, "email_key": KEY, "words": words, "status": "pending"}
    connection.execute(insert(replies).values(**values, created_at=world.clock()))


def spellings(address: str) -> list[bytes]:
    """As bytes, folded; base64 is looked for by what is the same at every offset."""
    plain = address.lower().encode()
    found = [plain, plain.replace(b"@", b"=40"), plain.replace(b"@", b"%40")]
    found += [address.lower().encode("utf-16-le"), address.lower().encode("utf-16-be")]
    return [*found, b"quillfeather", "quillfeather".encode("utf-16-le")]


def naming(folder: Path) -> list[str]:
    """The files under `folder` in which the person can be found."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and starter.issues() not in path.resolve().parents:
            data = path.read_bytes()
            small = data.lower().replace(b"=\r\n", b"").replace(b"=\n", b"")
            decoded = [
                base64.b64decode(run[: len(run) // 4 * 4]).lower()
                for run in re.findall(rb"[A-Za-z0-9+/]{16,}", re.sub(rb"[\r\n]", b"", data))
            ]
            if any(each in small or any(each in part for part in decoded) for each in spellings(ZED)):
                found.append(path.relative_to(folder).as_posix())
    return found


@pytest.mark.sqlite
def test_no_file_of_the_site_names_who_is_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lives_a_full_life(world)
    before = naming(world.site.root)
    assert "var/newsletter.db" in before or "var/newsletter.db-wal" in before
    assert sum(path.startswith("var/sandbox/") for path in before) >= 3, before
    newsletter = Commands(world.site.root, monkeypatch, capfd)
    exported = world.site.root / "readers.csv"
    newsletter.ok("subscriber", "export", exported)
    newsletter.ok("preview", ISSUE, "--as", ZED, "--out", world.site.var / "preview")
    told = newsletter.ok("subscriber", "forget", KEY, "--json")
    assert told.json["forgotten"] is True
    assert told.json["sandbox_mails"] >= 3
    assert "readers.csv" in told.json["files_naming_them"]
    assert "yours to delete" in told.err
    for path in told.json["files_naming_them"]:
        (world.site.root / path).unlink()
    assert [path for path in naming(world.site.root) if not path.startswith("var/preview/")] == []
    assert any("bea@example.net" in path.read_text("utf-8") for path in (world.site.var / "sandbox").glob("*.eml"))


def test_nothing_brings_back_who_is_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lives_a_full_life(world)
    world.clock.advance(timedelta(days=2))
    uid = world.person(KEY).uid
    world.site.forget(world.person(KEY))
    newsletter = Commands(world.site.root, monkeypatch, capfd)
    rows = f"email\n{ZED}\n{KEY.upper()}\n".encode()
    imported = newsletter.ok(
        "subscriber", "import", "-", "--confirmed", "--basis", "an old list", "--json", stdin=rows
    ).json
    assert (imported["confirmed"], imported["pending"], imported["refused"]) == (0, 0, 2)
    assert newsletter("subscriber", "add", ZED, "--confirmed", "--basis", "x").code != 0
    shop = program(world)
    assert shop("POST", "/subscribers", {"email": ZED, "consent": {"basis": "paper"}}).status_code == 409
    with world.site.database.read() as connection:
        count = len(connection.execute(select(deliveries)).all())
    answer = world.fill_in(email=ZED)
    world.clock.advance(timedelta(days=1))
    stranger = world.fill_in(email="stranger@example.net")
    assert (answer.status_code, answer.headers.get("Location")) == (303, "/check-inbox")
    assert (stranger.status_code, stranger.headers.get("Location"), stranger.text) == (303, "/check-inbox", answer.text)
    assert world.status(KEY) is None
    with world.site.database.read() as connection:
        assert len(connection.execute(select(deliveries)).all()) == count + 1  # the stranger's
        assert people.by_uid(connection, uid) is None
    assert world.client.get("/preferences/" + world.site.keys.sign("preferences", uid)).status_code == 404


def test_mail_of_an_old_queue_is_skipped(world: World) -> None:
    world.subscribe(ZED)
    number = world.person(KEY).id
    world.site.forget(world.person(KEY))
    mail(world)
    assert ZED.lower() not in "".join(
        path.read_text("utf-8").lower() for path in (world.site.var / "sandbox").glob("*.eml")
    )
    with world.site.database.read() as connection:
        rows = connection.execute(select(deliveries).where(deliveries.c.subscriber_id <= 0)).all()
        assert {row.status for row in rows} == {"skipped"}
        assert number not in set(connection.execute(select(deliveries.c.subscriber_id)).scalars())


@pytest.mark.sqlite
def test_row_number_dealt_out_again_inherits_nothing(world: World) -> None:
    world.subscribe("first@example.net")
    world.subscribe(ZED)
    number = world.person(KEY).id
    world.site.forget(world.person(KEY))
    world.subscribe("next@example.net")
    assert world.person("next@example.net").id == number, "SQLite deals out the highest number again"
    with world.site.database.read() as connection:
        mails = export.document(connection, world.person("next@example.net"))["mails"]
    assert {each["status"] for each in mails} == {"pending"}


def test_former_addresses_go_and_are_refused_as_well(world: World) -> None:
    world.subscribe(ZED)
    person = world.person(KEY)
    with world.site.database.write() as connection:
        people.amend(
            connection,
            person.id,
            email=MOVED,
            email_key=MOVED,
            address_hash=world.site.keys.address_hash(MOVED),
        )
        allowed.add(connection, KEY, "", world.clock())
    world.site.forget(world.person(MOVED))
    assert world.rows("gate_allowed") == []
    assert {row.address_hash for row in world.rows("suppressions")} == {
        world.site.keys.address_hash(each) for each in (KEY, MOVED)
    }


def test_address_that_is_somebody_elses_now_is_left_alone(world: World) -> None:
    world.subscribe(ZED)
    with world.site.database.write() as connection:
        people.amend(
            connection,
            world.person(KEY).id,
            email=MOVED,
            email_key=MOVED,
            address_hash=world.site.keys.address_hash(MOVED),
        )
    world.clock.advance(timedelta(days=2))
    world.subscribe(ZED)
    world.site.forget(world.person(MOVED))
    assert world.status(KEY) == "confirmed"
    assert [row.address_hash for row in world.rows("suppressions")] == [world.site.keys.address_hash(MOVED)]


def test_stranger_who_only_replied_can_be_forgotten_too(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    newsletter = Commands(world.site.root, monkeypatch, capfd)
    assert newsletter("subscriber", "forget", ZED).code == 1
    assert world.rows("suppressions") == []
    with world.site.database.write() as connection:
        _replied(connection, world, "Hm.")
    assert newsletter.ok("subscriber", "forget", ZED)
    assert world.rows("replies") == []
    assert newsletter.ok("subscriber", "forget", ZED), "twice is as friendly as once"


def test_what_a_relay_says_after_the_erasure_is_swept(world: World) -> None:
    world.subscribe(ZED)
    person = world.person(KEY)
    world.site.forget(person)
    with world.site.database.write() as connection:
        values = {"verdict": "rejected", "phase": "rcpt", "code": 550, "enhanced": "5.1.1", "text": f"<{ZED}> unknown"}
        connection.execute(
            insert(attempts).values(campaign_id=1, subscriber_id=person.id, seq=0, at=world.clock(), **values)
        )
        assert forget.sweep(connection) == 1
        assert forget.sweep(connection) == 0


def test_every_table_is_a_holding_or_said_to_know_nobody() -> None:
    held = {each.table.name for each in holdings.HOLDINGS}
    said = held | set(holdings.MENTIONS) | set(holdings.NOBODY)
    assert {name for name in metadata.tables if name not in said} == set(), "enter new tables in subscribers/holdings"
    assert not held & set(holdings.NOBODY)


def test_every_table_about_a_person_is_in_the_export_or_told_in_words(world: World) -> None:
    world.subscribe(ZED)
    personal = {"subscriber_id", "email", "email_key", "address", "recipient"}
    tables = {name for name, table in metadata.tables.items() if personal & {column.name for column in table.columns}}
    with world.site.database.read() as connection:
        document = export.document(connection, world.person(KEY))
    in_words = {
        "subscribers": "email",
        "subscriptions": "subscriptions",
        "consent_records": "consent",
        "deliveries": "mails",
        "attempts": "refusals",
    }
    sections = {each.table.name: each.section for each in holdings.HOLDINGS if each.section}
    for name in tables:
        assert (sections | in_words)[name] in document


def test_export_tells_replies_feedback_and_pauses(world: World) -> None:
    lives_a_full_life(world)
    with world.site.database.write() as connection:
        people.amend(connection, world.person(KEY).id, paused_until=world.clock() + timedelta(days=9))
    with world.site.database.read() as connection:
        document = export.document(connection, world.person(KEY))
    assert document["replies"][0]["words"] == "Thank you."
    assert document["feedback"][0]["kind"] == "hard"
    assert document["allowed"][0]["entry"] == KEY
    assert document["paused_until"].startswith("2026-09-29")
    assert any(mail["series"] == "first-steps" for mail in document["mails"])


@pytest.mark.parametrize(
    "data",
    [
        ZED.encode(),
        ZED.upper().encode(),
        f"https://x.example/?e={ZED.replace('@', '%40')}".encode(),
        quopri.encodestring(f"to={ZED} and more and more and more and more and more and more".encode()),
        b"x=40" + ZED.replace("@", "=40").encode(),
        *(base64.encodebytes(b"abcdefgh"[:pad] + ZED.encode() + b" is here") for pad in range(4)),
        *(base64.encodebytes(b"." * (50 + pad) + KEY.encode()) for pad in range(4)),
        ZED.encode("utf-16"),
        ZED.encode("utf-16-be"),
    ],
)
def test_address_is_found_however_it_is_spelt(data: bytes) -> None:
    assert Traces([addresses.parse(ZED)]).found(data)
    assert not Traces([addresses.parse("somebody.else@example.net")]).found(data)


def test_international_address_is_found_in_both_spellings() -> None:
    traces = Traces([addresses.parse("post@müller.example")])
    assert traces.found("To: post@müller.example".encode())
    assert traces.found(b"To: post@xn--mller-kva.example")
    assert traces.found(b"post=40m=C3=BCller.example")


def test_forgotten_reader_stays_in_the_chain_without_a_name(world: World) -> None:
    world.subscribe(ZED)
    world.site.forget(world.person(KEY))
    with world.site.database.read() as connection:
        assert list(consent.broken(connection)) == []
    assert {row.personal for row in world.rows("consent_records")} == {None}


def test_confirmation_of_somebody_forgotten_meanwhile_leads_nowhere(world: World) -> None:
    path = world.sign_up(ZED)
    world.site.forget(world.person(KEY))
    assert world.client.post(path).status_code == 404


def test_reports_that_come_again_or_late_change_nothing(site: Site, clock: FrozenClock) -> None:
    world = FeedbackWorld(site, clock)
    reader = world.sign_up()[0]
    campaign = world.send("spring")
    raw = b"Final-Recipient: rfc822; " + reader.email.encode()
    named = Delivery(verp=(world.verp(campaign, reader),), message_ids=(world.message_id(campaign, reader),))
    hook = world.report(Kind.COMPLAINT, named, reader.email, source="ses", raw=raw)
    world.intake.take([hook])
    site.forget(reader)
    with site.database.read() as connection:
        before = [connection.execute(select(metadata.tables[name])).all() for name in sorted(metadata.tables)]
    late = world.report(Kind.HARD, named, reader.email, raw=raw)
    told = world.intake.take([hook, late])
    assert told.events == 0
    with site.database.read() as connection:
        after = [connection.execute(select(metadata.tables[name])).all() for name in sorted(metadata.tables)]
        assert suppression.reason_for(connection, reader.address_hash) is SuppressionReason.ERASED
        assert connection.execute(select(feedback_reports)).all() == []
    assert after == before
