"""Bounces that a real Postfix writes: each says what really happened.

Behind it stands a scripted server that refuses in all the ways a reader's server may.
"""

from __future__ import annotations

import smtplib
import time
from smtpd import ScriptedServer

import pytest
from postfix import needs_postfix, postfix

from newsletter.feedback import Kind, classify

SENDER = "b-aebagbafaydqqcikbmga2dqpcaireeyuculbo@bounces.example.org"
READERS = {
    "unknown@example.com": "550 5.1.1 <unknown@example.com>: Recipient address rejected: User unknown",
    "unworded@example.com": "550 5.0.0 <unworded@example.com> no such user",
    "full@example.com": "552 5.2.2 Mailbox full",
    "crowded@example.com": "452 4.2.2 Over quota",
    "grey@example.com": "450 4.7.1 Greylisted, come back later",
    "policy@example.com": "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using bl.example.net",
}
EXPECTED = {
    "unknown@example.com": Kind.HARD,
    "unworded@example.com": Kind.HARD,
    "gone.reader@local.example": Kind.HARD,
    "full@example.com": Kind.SOFT,
    "crowded@example.com": Kind.SOFT,
    "grey@example.com": Kind.SOFT,
    "policy@example.com": Kind.BLOCK,
    "content@example.com": Kind.BLOCK,
}
LATE = {"crowded@example.com", "grey@example.com"}

pytestmark = [pytest.mark.slow, needs_postfix]


def test_every_bounce_of_postfix_says_what_happened() -> None:
    def rcpt(argument: str) -> str | None:
        return next((reply for reader, reply in READERS.items() if f"<{reader}>" in argument), None)

    def dot(recipients: str) -> str | None:
        return "550 5.7.1 Message content rejected" if "content@example.com" in recipients else None

    with ScriptedServer({"RCPT": rcpt, "DOT": dot}) as server, postfix(server.port) as port:
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
            for reader in EXPECTED:
                client.sendmail(SENDER, reader, f"To: {reader}\r\nMessage-ID: <1.{reader}>\r\n\r\nGood morning.\r\n")
        deadline = time.monotonic() + 60
        while len(server.messages) < len(EXPECTED) + len(LATE) and time.monotonic() < deadline:
            time.sleep(0.2)
    came_back = [classify(message.data) for message in server.messages if message.recipient == SENDER]
    said = {verdict.recipient: verdict.kind for verdicts in came_back for verdict in verdicts}
    assert said == EXPECTED
    assert came_back.count([]) == len(LATE), "a warning that a mail is late is no bounce"
    for verdicts in came_back:
        for verdict in verdicts:
            assert SENDER.partition("@")[0] in verdict.delivery.verp
            assert f"<1.{verdict.recipient}>" in verdict.delivery.message_ids
