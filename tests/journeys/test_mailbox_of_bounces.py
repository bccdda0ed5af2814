"""The mailbox of bounces on a real IMAP server: everything once, through crashes, odd servers and hostile mail."""

from __future__ import annotations

import imaplib
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dovecot
import pytest
from commands import Commands
from dovecot import PASSWORD, Dovecot
from feedback_world import FeedbackWorld

from newsletter import config
from newsletter.clock import FrozenClock, utc_now
from newsletter.feedback.mailbox import open_mailbox
from newsletter.site import Site
from newsletter.subscribers.people import Subscriber

PLAIN = "imap_capability = IMAP4rev1"
NESTED = """
namespace inbox {
  inbox = yes
  prefix = INBOX.
  separator = .
}
"""


@pytest.fixture(scope="module", params=["", PLAIN, NESTED], ids=["as it is", "bare IMAP4rev1", "all below INBOX"])
def kind_of_server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def any_server(kind_of_server: str) -> Iterator[Dovecot]:
    with dovecot.dovecot(more=kind_of_server) as server:
        yield server


@pytest.fixture
def server() -> Iterator[Dovecot]:
    with dovecot.dovecot() as found:
        yield found


@pytest.fixture
def run(site_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    return Commands(site_folder, monkeypatch, capfd)


@pytest.fixture
def world(site_folder: Path) -> Iterator[FeedbackWorld]:
    clock = FrozenClock(utc_now())
    with Site(site_folder, *config.load(site_folder, {}), clock) as site:
        found = FeedbackWorld(site, clock)
        found.sign_up()
        yield found


def reads(run: Commands, server: Dovecot, monkeypatch: pytest.MonkeyPatch, more: str = "") -> None:
    """Let the Site read that server."""
    settings = run.folder / "newsletter.toml"
    lines = ["[feedback]", f'mailbox = "{server.address}"', f'ca_file = "{server.ca_file}"', more]
    settings.write_text(settings.read_text("utf-8") + "\n" + "\n".join(lines) + "\n", "utf-8")
    monkeypatch.setenv("NEWSLETTER_FEEDBACK__PASSWORD", PASSWORD)


def bounce(world: FeedbackWorld, campaign: int, reader: Subscriber, words: str = "550 5.1.1 user unknown") -> bytes:
    to = f"{world.verp(campaign, reader)}@bounces.example.org"
    lines = [
        f"To: {to}",
        "From: MAILER-DAEMON@mx.example (Mail Delivery System)",
        "Subject: Undelivered Mail Returned to Sender",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.example",
        "",
        f"Final-Recipient: rfc822; {reader.email}",
        "Action: failed",
        f"Status: {words[4:9]}",
        f"Diagnostic-Code: smtp; {words}",
        "",
        "--b--",
        "",
    ]
    return "\r\n".join(lines).encode()


def folder_of(server: Dovecot, name: str) -> int:
    return max(server.count(name), server.count(f"INBOX.{name}"))


def test_every_kind_of_server_is_emptied_into_its_folders(
    run: Commands, world: FeedbackWorld, any_server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads(run, any_server, monkeypatch)
    campaign, (first, second, _) = world.send("spring"), world.readers
    huge = b"Subject: huge\r\n\r\n" + b"x" * 76 * 230_000
    any_server.deliver(bounce(world, campaign, first), huge, b"Subject: hello\r\n\r\nA human.\r\n")
    any_server.deliver(bounce(world, campaign, second, "452 4.2.2 mailbox full"))
    assert run.ok("feedback", "poll", "--json").json == {
        "messages": 4, "unparsed": 1, "events": 2, "repeated": 0, "unmatched": 0,
    }  # fmt: skip
    assert (any_server.count(), folder_of(any_server, "Handled"), folder_of(any_server, "Unparsed")) == (0, 3, 1)
    assert [event.kind for event in world.events()] == ["hard", "soft"]
    assert run.ok("feedback", "poll", "--json").json["messages"] == 0


def test_many_messages_are_read_in_turns(
    run: Commands, world: FeedbackWorld, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads(run, server, monkeypatch, 'handled = "delete"')
    campaign, reader = world.send("spring"), world.readers[0]
    report = bounce(world, campaign, reader, "452 4.2.2 mailbox full")
    server.deliver(*(report + b"%d\r\n" % number for number in range(230)))
    assert run.ok("feedback", "poll", "--json").json["events"] == 230
    assert (server.count(), server.count("Handled")) == (0, -1)


DIES = """
    import os, signal, sys
    from pathlib import Path
    from newsletter.feedback import {module}
    from newsletter.site import Site
    from newsletter.site.listening import listen

    def die(*arguments, **options):
        {before}
        os.kill(os.getpid(), signal.SIGKILL)

    usual = {module}.{name}
    {module}.{name} = die
    with Site.open(Path(sys.argv[1])) as site:
        listen(site)
"""


@pytest.mark.parametrize(
    ("module", "name", "before", "events"),
    [
        ("imap", "Imap.fetch", "", 0),
        ("mail", "take_in", "", 0),
        ("mail", "take_in", "usual(*arguments)", 1),  # read, and not noted as done
        ("imap", "Imap.put_away", "", 1),  # noted as done, and not moved
        ("imap", "Imap.put_away", "usual(*arguments)", 1),
    ],
)
def test_kill_at_any_step_counts_nothing_twice_and_loses_nothing(
    run: Commands,
    world: FeedbackWorld,
    server: Dovecot,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    name: str,
    before: str,
    events: int,
) -> None:
    reads(run, server, monkeypatch)
    campaign, (first, second, _) = world.send("spring"), world.readers
    server.deliver(bounce(world, campaign, first), bounce(world, campaign, second))
    script = textwrap.dedent(DIES).format(module=module, name=name, before=before or "pass")
    done = subprocess.run([sys.executable, "-c", script, str(run.folder)], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(world.events()) == events
    run.ok("feedback", "poll")
    assert (server.count(), server.count("Handled"), len(world.events())) == (0, 2, 2)
    assert [world.suppressed(reader) for reader in (first, second)] == ["hard_bounce"] * 2


def test_restored_mailbox_with_another_validity_counts_nothing_twice(
    run: Commands, world: FeedbackWorld, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads(run, server, monkeypatch)
    report = bounce(world, world.send("spring"), world.readers[0])
    for _ in range(2):
        server.deliver(report)
        run.ok("feedback", "poll")
    assert len(world.events()) == 1
    assert server.count("Handled") == 2


def test_what_was_handled_long_ago_goes(run: Commands, server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    reads(run, server, monkeypatch)
    with server.session() as session:
        session.create("Handled")
        for age in (40, 20):
            then = time.time() - timedelta(days=age).total_seconds()
            session.append("Handled", "", imaplib.Time2Internaldate(then), b"Subject: old\r\n\r\n\r\n")
    run.ok("feedback", "poll")
    assert server.count("Handled") == 1


def test_mail_to_the_leaving_address_is_read_from_the_mailbox(
    run: Commands, world: FeedbackWorld, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads(run, server, monkeypatch)
    reader = world.readers[0]
    local = world.site.keys.leave_address(reader.uid, world.site.list_ids["steady-spine"])
    server.deliver(f"From: other@example.com\r\nTo: <{local}@bounces.example.org>\r\n\r\n".encode())
    assert run.ok("worker", "--drain").code == 0
    shown = run.ok("subscriber", "show", reader.email, "--json").json
    assert shown["subscriptions"][0]["status"] == "unsubscribed"


def test_spoofed_reports_for_the_whole_list_change_nothing(
    run: Commands, world: FeedbackWorld, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads(run, server, monkeypatch)
    campaign = world.send("spring")
    forged = []
    for reader in world.readers:
        right = world.verp(campaign, reader)
        wrong = right[:9] + ("a" if right[9] != "a" else "b") + right[10:]
        forged.append(bounce(world, campaign, reader).replace(right.encode(), wrong.encode()))
    server.deliver(*forged)
    assert run.ok("feedback", "poll", "--json").json["unmatched"] == len(forged)
    assert world.events() == []
    assert all(world.suppressed(reader) is None for reader in world.readers)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (PASSWORD, "wrong", "NEWSLETTER_FEEDBACK__PASSWORD"),
        ("/INBOX", "/Nothing", "host, port and folder"),
        ("cert.pem", "other.pem", "certificate"),
        ("127.0.0.1", "localhost", "certificate"),
    ],
)
def test_server_that_cannot_be_read_is_a_sentence(
    run: Commands, server: Dovecot, monkeypatch: pytest.MonkeyPatch, old: str, new: str, word: str
) -> None:
    reads(run, server, monkeypatch)
    if old == PASSWORD:
        monkeypatch.setenv("NEWSLETTER_FEEDBACK__PASSWORD", new)
    else:
        settings = run.folder / "newsletter.toml"
        text, _, section = settings.read_text("utf-8").rpartition("[feedback]")
        settings.write_text(f"{text}[feedback]{section.replace(old, new)}", "utf-8")
        (server.folder / "other.pem").write_text("", "utf-8")
    done = run("feedback", "poll")
    assert done.code in {1, 3}
    assert word in done.err
    assert "Traceback" not in done.err


def test_two_readers_at_once_count_nothing_twice(
    run: Commands, world: FeedbackWorld, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads(run, server, monkeypatch)
    campaign, reader = world.send("spring"), world.readers[0]
    report = bounce(world, campaign, reader, "452 4.2.2 mailbox full")
    server.deliver(*(report + b"%d\r\n" % number for number in range(60)))
    command = [sys.executable, "-m", "newsletter", "--site", str(run.folder), "feedback", "poll"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    for each in both:
        _, errors = each.communicate(timeout=120)
        assert each.returncode == 0, errors
    assert (server.count(), len(world.events())) == (0, 60)
    assert server.count("Handled") >= 60  # when both move at the same moment Dovecot may keep two copies


def test_mailbox_can_be_opened_and_closed_without_a_trace(server: Dovecot) -> None:
    server.deliver(b"Subject: one\r\n\r\n\r\n")
    mailbox = open_mailbox(server.address, PASSWORD, Path("/"), server.ca_file)
    try:
        (letter,) = mailbox.waiting()
        assert mailbox.fetch(letter) == b"Subject: one\r\n\r\n\r\n"
        assert mailbox.fetch(letter._replace(place="1.999")) is None
        mailbox.put_away(letter._replace(place="1.999"), "Handled")
    finally:
        mailbox.close()
    with server.session() as session:
        session.select("INBOX", readonly=True)
        assert session.search(None, "SEEN")[1] == [b""]
