"""The way back, with nothing made up: an issue leaves through a real Postfix, what it cannot deliver comes back into a
real Dovecot, and is read over IMAP.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from smtpd import ScriptedServer

import dovecot
import pytest
from commands import Commands
from dovecot import PASSWORD
from postfix import needs_postfix, postfix

ISSUE = "001-why-your-back-hurts"
REFUSED = {
    "unknown@example.com": "550 5.1.1 User unknown",
    "full@example.com": "552 5.2.2 Mailbox full",
    "grey@example.com": "450 4.7.1 Greylisted, come back later",
    "policy@example.com": "554 5.7.1 Client host [192.0.2.1] blocked using bl.example.net",
}
READERS = [*REFUSED, "content@example.com", "well@example.com"]

pytestmark = [pytest.mark.slow, needs_postfix]


def test_what_postfix_sends_back_is_read_from_dovecot_and_acted_upon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def rcpt(argument: str) -> str | None:
        return next((reply for reader, reply in REFUSED.items() if f"<{reader}>" in argument), None)

    def dot(recipients: str) -> str | None:
        return "550 5.7.1 Message content rejected" if "content@example.com" in recipients else None

    site = tmp_path / "site"
    run = Commands(site, monkeypatch, capfd)
    run.ok("init", site, "--name", "Back Notes", "--from", "editor@news.example.org")
    with ScriptedServer({"RCPT": rcpt, "DOT": dot}) as world, postfix(world.port) as port, dovecot.dovecot() as home:
        settings = site / "newsletter.toml"
        settings.write_text(
            settings.read_text("utf-8")
            + f'\n[smtp]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n'
            + '\n[feedback]\nreturn_path = "bounces.example.org"\n'
            + f'mailbox = "{home.address}"\nca_file = "{home.ca_file}"\n',
            "utf-8",
        )
        monkeypatch.setenv("NEWSLETTER_FEEDBACK__PASSWORD", PASSWORD)
        for reader in READERS:
            run.ok("subscriber", "add", reader, "--confirmed", "--basis", "a test")
        sent = run.ok("send", ISSUE, "--yes", "--expect", len(READERS), "--json").json
        assert sent["sent"] == len(READERS), "the next hop has accepted all of them"
        home.deliver(*come_back(world, 5))
        polled = run.ok("feedback", "poll", "--json").json
        assert (polled["messages"], polled["events"], polled["unmatched"]) == (5, 5, 0)
        listed = run.ok("feedback", "list", "--json").json
        assert Counter(each["kind"] for each in listed) == {"hard": 1, "soft": 2, "block": 2}
        assert home.count() == 0
        assert run.ok("feedback", "poll", "--json").json["messages"] == 0
    suppressed = [each for each in READERS if run.ok("subscriber", "show", each, "--json").json["suppressed"]]
    assert suppressed == ["unknown@example.com"]
    why = run.ok("subscriber", "why", "unknown@example.com", "--issue", ISSUE).out
    assert "5.1.1" in why


def come_back(world: ScriptedServer, bounces: int) -> list[bytes]:
    """What Postfix has brought to the envelope senders of our copies; it gives up on who is greylisted last.

    It warns of no delay, because we ask for failures only (RFC 3461 §4.1).
    """
    deadline = time.monotonic() + 60
    found: list[bytes] = []
    while len(found) < bounces and time.monotonic() < deadline:
        time.sleep(0.2)
        found = [each.data for each in world.messages if each.recipient.endswith("@bounces.example.org")]
    return found
