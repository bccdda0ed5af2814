"""`newsletter feedback`: a file, a pipe from the mail server, a Maildir; each message once, whatever it is."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from commands import Commands
from feedback_world import FeedbackWorld
from sqlalchemy import select

from newsletter import config
from newsletter.cli.console import Console
from newsletter.cli.serve import MANY_FORGERIES, hearing
from newsletter.clock import FrozenClock, utc_now
from newsletter.feedback import mail, poll
from newsletter.feedback.maildir import Maildir
from newsletter.site import Site
from newsletter.store.feedback_schema import feedback_letters, feedback_reports
from newsletter.subscribers.people import Subscriber

DSN = """\
Return-Path: <>
Delivered-To: {to}@bounces.example.org
From: MAILER-DAEMON@mx.example (Mail Delivery System)
To: {to}@bounces.example.org
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system at host mx.example. Your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; {recipient}
Action: failed
Status: {status}
Diagnostic-Code: smtp; {words}

--b--
"""
GONE = "550 5.1.1 user unknown"


@pytest.fixture
def run(site_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    return Commands(site_folder, monkeypatch, capfd)


@pytest.fixture
def world(site_folder: Path) -> Iterator[FeedbackWorld]:
    """The same Site, at the time it is now."""
    clock = FrozenClock(utc_now())
    with Site(site_folder, *config.load(site_folder, {}), clock) as site:
        found = FeedbackWorld(site, clock)
        found.sign_up()
        yield found


def bounce(world: FeedbackWorld, campaign: int, reader: Subscriber, words: str = GONE) -> bytes:
    to = world.verp(campaign, reader)
    return DSN.format(to=to, recipient=reader.email, status=words[4:9], words=words).encode()


def test_file_becomes_an_event_and_a_suppression(run: Commands, world: FeedbackWorld, tmp_path: Path) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    report = tmp_path / "one.eml"
    report.write_bytes(bounce(world, campaign, reader))
    assert run.ok("feedback", "read", report, "--json").json == {
        "messages": 1, "events": 1, "repeated": 0, "unmatched": 0,
    }  # fmt: skip
    assert "1 known already" in run.ok("feedback", "read", report).out
    assert run.ok("subscriber", "show", reader.email, "--json").json["suppression_reason"] == "hard_bounce"
    (event,) = run.ok("feedback", "list", "--json").json
    assert (event["kind"], event["email"], event["campaign"], event["enhanced"]) == (
        "hard",
        reader.email,
        campaign,
        "5.1.1",
    )
    shown = run.ok("feedback", "list", "--kind", "hard", "--campaign", campaign).out
    assert "user unknown" in shown
    assert run.ok("feedback", "list", "--kind", "soft").out == "Nothing came back.\n"


def test_campaign_shows_what_came_back_and_who_blocks_us(run: Commands, world: FeedbackWorld, tmp_path: Path) -> None:
    campaign, readers = world.send("spring"), world.readers
    for number, words in enumerate((GONE, "550 5.7.1 blocked for policy reasons", "550 5.7.1 blocked by our list")):
        report = tmp_path / f"{number}.eml"
        report.write_bytes(bounce(world, campaign, readers[number], words))
        run.ok("feedback", "read", report)
    shown = run.ok("campaign", "show", campaign, "--json").json
    assert (shown["came_back"], shown["blocked_by"]) == ({"block": 2, "hard": 1}, {"example.net": 2})
    assert "blocked by    example.net 2" in run.ok("campaign", "show", campaign).out


def test_pipe_takes_whatever_comes_and_exits_0(run: Commands, world: FeedbackWorld) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    good = bounce(world, campaign, reader)
    for stdin in (good, b"", b"\x00\xff" * 1000, b"Subject: hello\n\nA human.\n", good + b"x" * 2000):
        assert run("feedback", "read", "-", stdin=stdin).code == 0
    assert len(world.events()) == 2  # the last is another message about the same


def test_pipe_whose_message_cannot_be_kept_tells_the_mail_server_to_keep_it(
    run: Commands, world: FeedbackWorld
) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    database = run.folder / "var" / "newsletter.db"
    database.rename(run.folder / "var" / "away.db")
    done = run("feedback", "read", "-", stdin=bounce(world, campaign, reader))
    assert done.code == 75
    assert "mail server is to try again" in done.err
    (run.folder / "var" / "away.db").rename(database)
    (run.folder / "newsletter.toml").rename(run.folder / "away.toml")
    assert run("feedback", "read", "-", stdin=b"x").code == 75


def test_missing_file_is_an_ordinary_error(run: Commands) -> None:
    done = run("feedback", "read", "nothing.eml")
    assert done.code == 1
    assert "nothing.eml" in done.err


def letter(world: FeedbackWorld, to: str, **fields: str) -> bytes:
    message = EmailMessage()
    message["From"] = "Somebody Else <else@example.com>"
    message["To"] = to
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    message.set_content("")
    return message.as_bytes()


def test_mail_to_the_leaving_address_unsubscribes_without_a_subject_and_whoever_wrote_it(
    run: Commands, world: FeedbackWorld
) -> None:
    reader = world.readers[0]
    to = world.site.keys.leave_address(reader.uid, world.site.list_ids["steady-spine"]) + "@bounces.example.org"
    for machine in ({"Auto_Submitted": "auto-replied"}, {"Return_Path": "<>"}):
        run.ok("feedback", "read", "-", stdin=letter(world, to, **machine))
    assert run.ok("subscriber", "show", reader.email, "--json").json["subscriptions"][0]["status"] == "confirmed"
    run.ok("feedback", "read", "-", stdin=letter(world, to.upper()))
    assert run.ok("subscriber", "show", reader.email, "--json").json["subscriptions"][0]["status"] == "unsubscribed"
    forged = letter(world, to[:6] + ("a" if to[6] != "a" else "b") + to[7:])
    assert "1 about no mail of ours" in run.ok("feedback", "read", "-", stdin=forged).out


# -- a Maildir -------------------------------------------------------------------------------------


@pytest.fixture
def maildir(run: Commands, tmp_path: Path) -> Path:
    """A Maildir that the Site reads."""
    folder = tmp_path / "Maildir"
    for each in ("new", "cur", "tmp"):
        (folder / each).mkdir(parents=True)
    settings = run.folder / "newsletter.toml"
    settings.write_text(settings.read_text("utf-8") + f'\n[feedback]\nmailbox = "maildir:{folder}"\n', "utf-8")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []


def test_maildir_is_emptied_into_handled_and_unparsed(run: Commands, world: FeedbackWorld, maildir: Path) -> None:
    campaign, (first, second, third) = world.send("spring"), world.readers
    (maildir / "new" / "1.a").write_bytes(bounce(world, campaign, first))
    (maildir / "new" / "2.b").write_bytes(b"x" * (mail.MOST + 1))
    (maildir / "cur" / "3.c:2,S").write_bytes(bounce(world, campaign, second, "452 4.2.2 mailbox full"))
    (maildir / "new" / "4.d").write_bytes(bounce(world, campaign, third))
    done = run.ok("feedback", "poll", "--json").json
    assert done == {"messages": 4, "unparsed": 1, "events": 3, "repeated": 0, "unmatched": 0}
    assert names(maildir / "new") + names(maildir / "cur") == []
    assert names(maildir / ".Handled" / "cur") == ["1.a:2,S", "3.c:2,S", "4.d:2,S"]
    assert names(maildir / ".Unparsed" / "cur") == ["2.b:2,S"]
    assert run.ok("feedback", "poll", "--json").json["messages"] == 0


def test_message_that_was_read_but_not_moved_is_only_moved(run: Commands, world: FeedbackWorld, maildir: Path) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    raw = bounce(world, campaign, reader)
    (maildir / "new" / "1.a").write_bytes(raw)
    run.ok("feedback", "poll")
    (maildir / ".Handled" / "cur" / "1.a:2,S").rename(maildir / "new" / "1.a")  # as if it had died just before
    assert run.ok("feedback", "poll", "--json").json == {
        "messages": 1, "unparsed": 0, "events": 0, "repeated": 0, "unmatched": 0,
    }  # fmt: skip
    (maildir / "new" / "9.z").write_bytes(raw)  # the same bytes under another name
    assert run.ok("feedback", "poll", "--json").json["repeated"] == 1
    assert len(world.events()) == 1


def test_message_over_which_readers_die_goes_to_quarantine(world: FeedbackWorld, maildir: Path) -> None:
    (maildir / "new" / "1.a").write_bytes(b"Subject: hm\n\n")

    class Dies(Maildir):
        def fetch(self, letter: object) -> bytes | None:
            raise KeyboardInterrupt

    for _ in range(poll.MAX_TRIES):
        with pytest.raises(KeyboardInterrupt):
            poll.poll(world.intake, Dies(maildir))
    assert poll.poll(world.intake, Dies(maildir)).unparsed == 1
    assert names(maildir / ".Unparsed" / "cur") == ["1.a:2,S"]


def test_fault_that_one_message_brings_out_stops_no_other(world: FeedbackWorld, maildir: Path) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    for name in ("1.a", "2.b"):
        (maildir / "new" / name).write_bytes(bounce(world, campaign, reader))

    class Breaks(Maildir):
        def fetch(self, letter: object) -> bytes | None:
            if letter.place == "1.a":  # type: ignore[attr-defined]
                raise RecursionError
            return super().fetch(letter)  # type: ignore[arg-type]

    done = poll.poll(world.intake, Breaks(maildir))
    assert (done.messages, done.unparsed, done.tally.events) == (2, 1, 1)


def test_handled_mail_may_be_deleted_and_old_mail_goes(run: Commands, world: FeedbackWorld, maildir: Path) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    (maildir / "new" / "1.a").write_bytes(bounce(world, campaign, reader))
    run.ok("feedback", "poll")
    long_ago = time.time() - 31 * 86400
    os.utime(maildir / ".Handled" / "cur" / "1.a:2,S", (long_ago, long_ago))
    settings = run.folder / "newsletter.toml"
    settings.write_text(settings.read_text("utf-8") + 'handled = "delete"\n', "utf-8")
    (maildir / "new" / "2.b").write_bytes(b"Subject: nothing\n\n")
    run.ok("feedback", "poll")
    assert names(maildir / "new") + names(maildir / ".Handled" / "cur") == []


def test_reports_expire_and_facts_stay(world: FeedbackWorld, maildir: Path) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    (maildir / "new" / "1.a").write_bytes(bounce(world, campaign, reader))
    poll.poll(world.intake, Maildir(maildir))
    month = poll.timedelta(days=30)
    with world.site.database.write() as connection:
        assert poll.expire(connection, month, world.wait(days=29)) == 0
        assert poll.expire(connection, month, world.wait(days=2)) == 1
        assert connection.execute(select(feedback_reports)).all() == []
        assert connection.execute(select(feedback_letters)).all() == []
    assert len(world.events()) == 1


def test_operator_hears_of_many_forgeries_while_serving(
    site_folder: Path, maildir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Site(site_folder, *config.load(site_folder, {})) as site:
        for number in range(MANY_FORGERIES):
            to = f"b-{'a' * 35}{number // 20 + 2}{number % 20 // 4 + 2}"
            report = DSN.format(to=to, recipient="r@example.net", status="5.1.1", words=GONE)
            (maildir / "new" / f"{number}").write_text(report, "utf-8")
        troubles: list[Exception] = []
        with hearing(Console(), site, troubles.append):
            deadline = time.monotonic() + 20
            while names(maildir / "new") and time.monotonic() < deadline:
                time.sleep(0.05)
    assert "50 reports about no mail of ours" in capfd.readouterr().err
    assert troubles == []


def test_folder_that_is_no_maildir_is_a_sentence(run: Commands, maildir: Path) -> None:
    (maildir / "new").rmdir()
    done = run("feedback", "poll")
    assert done.code == 1
    assert "is not a Maildir" in done.err


def test_poll_without_a_mailbox_says_how_to_name_one(run: Commands) -> None:
    done = run("feedback", "poll")
    assert done.code == 3
    assert "imaps://user@host/INBOX" in done.err


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('mailbox = "imaps://u:secret@h/INBOX"', "password"),
        ('mailbox = "imap://u@mail.example.org/INBOX"', "imaps://"),
        ('mailbox = "pop3://u@h/"', "imaps://user@mail.example.org/INBOX"),
        ('mailbox = "imaps://u@mail.example.org"', "NEWSLETTER_FEEDBACK__PASSWORD"),
        ('mailbox = "maildir:"', "imaps://user@mail.example.org/INBOX"),
    ],
)
def test_mailbox_that_cannot_be_is_refused_with_the_remedy(run: Commands, line: str, word: str) -> None:
    settings = run.folder / "newsletter.toml"
    settings.write_text(settings.read_text("utf-8") + f"\n[feedback]\n{line}\n", "utf-8")
    done = run("config", "check")
    assert done.code == 3
    assert word in done.err


def test_copies_offer_to_unsubscribe_by_mail_only_where_that_is_read(run: Commands, maildir: Path) -> None:
    settings = run.folder / "newsletter.toml"
    with Site(run.folder, *config.load(run.folder, {})) as site:
        assert site.letterhead.leave_address(7, 1) == ""
    settings.write_text(settings.read_text("utf-8") + 'return_path = "bounces.example.org"\n', "utf-8")
    with Site(run.folder, *config.load(run.folder, {})) as site:
        address = site.letterhead.leave_address(7, 1)
        assert site.keys.read_leave_address(address.partition("@")[0]) == (7, 1)
        header = site.letterhead.unsubscribe_header("https://news.example.org/u/x", address)
    unfolded = header.value.replace(b"\r\n", b"").decode()
    assert unfolded == f"<https://news.example.org/u/x>, <mailto:{address}?subject=unsubscribe>"


def test_copy_of_the_database_takes_nothing_out_of_the_mailbox(run: Commands, maildir: Path) -> None:
    (maildir / "new" / "1.a").write_bytes(b"Subject: one\n\n")
    settings = run.folder / "newsletter.toml"
    relay = '\n[smtp]\nhost = "smtp.example.org"\n'
    settings.write_text(settings.read_text("utf-8") + relay, "utf-8")
    assert run("feedback", "poll").code == 4
    assert names(maildir / "new") == ["1.a"]
    run.ok("db", "adopt", "--yes")
    assert run.ok("feedback", "poll", "--json").json["messages"] == 1
