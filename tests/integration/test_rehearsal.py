"""`send --rehearse`: the whole send, and afterwards nothing has happened."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from smtpd import ScriptedServer

import factories
import pytest
from commands import Commands
from sqlalchemy import select

from newsletter import config
from newsletter.deliveries import throttles, workers
from newsletter.deliveries.claims import Scope, claim
from newsletter.deliveries.throttles import Throttle
from newsletter.errors import TransportUnavailable
from newsletter.site import Site
from newsletter.store.schema import SubscriptionStatus, campaigns
from newsletter.transport.base import Envelope, Verdict
from newsletter.transport.sandbox import Faults
from newsletter.transport.settings import SmtpSettings
from newsletter.transport.smtp import SmtpTransport
from newsletter.transport.standin import standing_in

ISSUE = "001-why-your-back-hurts"
READERS = 30


@pytest.fixture
def run(site_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    """A Site with thirty readers at example.net and two at Google."""
    for name in [name for name in os.environ if name.startswith("NEWSLETTER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    with Site(site_folder, *config.load(site_folder, {})) as site, site.database.write() as connection:
        factories.readers(connection, site.keys, READERS)
        for address in ("a@gmail.com", "b@googlemail.com"):
            factories.subscribed(connection, site.keys, address)
        factories.subscribed(connection, site.keys, "maybe@example.net", SubscriptionStatus.PENDING)
    return Commands(site_folder, monkeypatch, capfd)


def rehearse(run: Commands, faults: str = "none", *words: str) -> dict:
    return run.ok("send", ISSUE, "--rehearse", "--faults", faults, "--json", *words).json


def contents(folder: Path) -> dict[str, str]:
    """Every file but SQLite's shared memory and cached pictures, by its hash."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in {".db-shm", ".db-wal", ".lock", ".next"} and "cache" not in path.parts
    }


# -- nothing happens ---------------------------------------------------------------------------------


def test_everybody_is_rehearsed_and_the_site_is_as_before(run: Commands) -> None:
    before = contents(run.folder)
    found = rehearse(run)
    assert (found["audience"], found["sent"]) == (READERS + 2, READERS + 2)
    assert contents(run.folder) == before
    assert not (run.folder / "var" / "rehearsal").exists()
    assert not (run.folder / "var" / "sandbox").exists(), "the inbox that people look at has heard of nothing"


def test_relay_hears_nothing_and_limits_hold_nobody_up(run: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer() as server:
        for key, value in {"HOST": "127.0.0.1", "PORT": server.port, "SECURITY": "none", "RATE": 0.01}.items():
            monkeypatch.setenv(f"NEWSLETTER_SMTP__{key}", str(value))
        monkeypatch.setenv("NEWSLETTER_SMTP__CONNECTIONS", "3")
        with Site(run.folder, *config.load(run.folder)) as site, site.database.write() as connection:
            throttles.save(connection, Throttle("gmail.com", 0, 10**7))
        found = rehearse(run)
        assert not server.messages
    assert found["sent"] == READERS + 2
    assert found["connections"] == 3
    assert (found["least_seconds"], found["least_by"]) == (100 * (READERS + 2) - 2, "[smtp] rate")


def test_database_that_is_a_copy_may_be_rehearsed(run: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_INSTANCE_ID", "another")
    assert rehearse(run)["sent"] == READERS + 2


# -- what is told ------------------------------------------------------------------------------------


def test_receiving_providers_are_counted_together(run: Commands) -> None:
    assert rehearse(run)["providers"] == [
        {"provider": "example.net", "messages": READERS},
        {"provider": "gmail.com", "messages": 2},
    ]


def test_same_seed_meets_the_same_faults(run: Commands) -> None:
    # Deferred at RCPT for a quarter of an hour, or for good: neither makes the rehearsal wait.
    faults = "deferred=20%,rejected=5%,seed=3"
    first, second = rehearse(run, faults), rehearse(run, faults)
    keys = ("sent", "failed", "deferred", "ambiguous", "untried")
    assert [first[key] for key in keys] == [second[key] for key in keys]
    assert first["deferred"] > 0
    assert first["failed"] > 0
    assert first["sent"] + first["deferred"] + first["failed"] == READERS + 2
    assert first["seconds"] < 30


def test_answer_in_words_is_for_people(run: Commands) -> None:
    done = run.ok("send", ISSUE, "--rehearse", "--faults", "deferred=20%,seed=3")
    assert "Nobody was mailed, and nothing of the Site has changed." in done.out
    assert "would be tried again later" in done.out
    assert "gmail.com           2" in done.out
    assert "MB at the peak" in done.out


def test_silence_after_the_last_byte_is_in_doubt_and_the_remedy_named(run: Commands) -> None:
    done = run.ok("send", ISSUE, "--rehearse", "--faults", "silent=10%")
    assert "would be in doubt" in done.out
    assert "`newsletter campaign resolve ID --mark-sent` or `--resend`" in done.out


def test_campaign_that_would_pause_itself_says_so_and_exits_5(run: Commands) -> None:
    done = run("send", ISSUE, "--rehearse", "--faults", "rejected=100%", "--json")
    assert done.code == 5
    assert done.json["pause_reason"].startswith("11 of the first 11 copies were refused")
    assert "resume" not in done.json["pause_reason"], "that campaign is gone"
    assert done.json["untried"] > 0


def test_relay_that_never_answers_ends_the_rehearsal_like_a_send(run: Commands) -> None:
    done = run("send", ISSUE, "--rehearse", "--faults", "silent=100%", "--json")
    assert done.code == 5
    assert "keeps breaking off" in done.json["gave_up"]
    assert done.json["ambiguous"] > 0
    assert done.json["ambiguous"] + done.json["untried"] == READERS + 2


# -- what was sent before, and what is under way -----------------------------------------------------


def test_issue_that_is_being_sent_is_rehearsed_as_if_for_the_first_time(run: Commands) -> None:
    with Site(run.folder, *config.load(run.folder, {})) as site:
        with site.database.write() as connection:
            now = site.clock()
            campaign = factories.issue_campaign(connection, slug=ISSUE, now=now)
            # A worker of a living process has some of it in hand.
            worker = workers.register(connection, "serve", now)
            assert claim(connection, worker, Scope(trial=False, campaign_id=campaign), now=now, limit=5)
        found = rehearse(run)
        with site.database.read() as connection:
            assert connection.execute(select(campaigns.c.status)).scalar() == "sending"
            held = factories.statuses(connection, campaign)
    assert (found["sent"], found["sent_before"]) == (READERS + 2, campaign)
    assert list(held.values()).count("claimed") == 5


# -- refusals ----------------------------------------------------------------------------------------


def test_what_forbids_sending_forbids_rehearsing(run: Commands) -> None:
    letter = run.folder / "issues" / ISSUE / "issue.md"
    letter.write_text(letter.read_text("utf-8") + "\n{{ subscriber.nonsense }}\n", "utf-8")
    done = run("send", ISSUE, "--rehearse")
    assert done.code == 4
    assert f"Run `newsletter check {ISSUE}`" in done.err


def test_list_without_readers_is_refused(run: Commands) -> None:
    done = run("send", ISSUE, "--rehearse", "--list", "clinic-notes")
    assert done.code == 4
    assert "Nobody on the list clinic-notes" in done.err
    assert not (run.folder / "var" / "rehearsal").exists()


@pytest.mark.parametrize("other", [("--detach",), ("--dry-run",), ("--expect", "3"), ("--at", "2099-01-01T08:00Z")])
def test_options_of_a_real_send_are_misplaced(run: Commands, other: tuple[str, ...]) -> None:
    done = run("send", ISSUE, "--rehearse", *other)
    assert done.code == 2
    assert f"--rehearse does not go with {other[0]}" in done.err


def test_faults_are_misplaced_in_a_real_send(run: Commands) -> None:
    assert run("send", ISSUE, "--faults", "none").code == 2


# -- broken off --------------------------------------------------------------------------------------


def started(run: Commands) -> subprocess.Popen[str]:
    """A rehearsal that takes minutes, under way."""
    words = ["--site", str(run.folder), "send", ISSUE, "--rehearse", "--faults", "slow=2s"]
    process = subprocess.Popen([sys.executable, "-m", "newsletter", *words], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("Rehearsing with 32 readers")
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_broken_off_it_leaves_nothing_behind(run: Commands, number: signal.Signals) -> None:
    before = contents(run.folder)
    with started(run) as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert contents(run.folder) == before
    assert not (run.folder / "var" / "rehearsal").exists()


def test_what_a_killed_one_left_is_swept_by_the_next_and_two_at_once_are_refused(run: Commands) -> None:
    with started(run) as process:
        second = run("send", ISSUE, "--rehearse")
        assert second.code == 4
        assert "Another rehearsal" in second.err
        process.kill()
    left = run.folder / "var" / "rehearsal" / "newsletter.db"
    assert left.exists()
    assert left.parent.stat().st_mode & 0o777 == 0o700
    assert rehearse(run)["sent"] == READERS + 2
    assert not left.parent.exists()


# -- the stand-in ------------------------------------------------------------------------------------


def test_stand_in_takes_any_message_and_is_gone_afterwards(tmp_path: Path) -> None:
    body = b"Subject: long\r\n\r\n" + b"x" * 300_000 + b"\r\n..\r\n..dot\r\n" + b"y\r\n" * 50_000
    envelopes = iter([*(Envelope("a@example.org", f"r{n}@example.net", body, key=n) for n in range(6)), *[None] * 9])
    outcomes = []
    with standing_in(tmp_path / "relay", Faults()) as port:
        transport = SmtpTransport(SmtpSettings("127.0.0.1", port, security="none", connections=2))
        transport.run(envelopes.__next__, lambda done, arming: outcomes.extend(done) or ())
    assert [outcome.verdict for _, outcome in outcomes] == [Verdict.ACCEPTED] * 6
    assert sorted(path.name for path in (tmp_path / "relay").iterdir()) == [".lock", "port"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_stand_in_that_cannot_start_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "relay").write_text("a file is in the way")
    began = time.monotonic()
    with pytest.raises(TransportUnavailable, match="did not start"), standing_in(tmp_path / "relay", Faults()):
        pass
    assert time.monotonic() - began < 30
    capfd.readouterr()
