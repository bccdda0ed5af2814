"""The same reply means the same in whatever a mail system wraps around it."""

from __future__ import annotations

import base64
import tomllib
from pathlib import Path

import pytest

from newsletter.feedback import Kind, classify

REPLIES = tomllib.loads((Path(__file__).parent / "replies.toml").read_text("utf-8"))
WRAPPINGS = {
    "Postfix": (
        "Undelivered Mail Returned to Sender",
        "This is the mail system at host mx.example.net.\n\nI'm sorry to have to inform you that your message could "
        "not\nbe delivered to one or more recipients. It's attached below.\n\nFor further assistance, please send mail "
        "to postmaster.\n\n<reader@example.com>: host mail.example.com[192.0.2.25] said: {} (in reply to RCPT TO\n"
        "    command)\n",
    ),
    "sendmail": (
        "Returned mail: see transcript for details",
        "The original message was received at Mon, 2 Nov 2026 09:59:58 GMT\n\n   ----- The following addresses had "
        "permanent fatal errors -----\n<reader@example.com>\n\n   ----- Transcript of session follows -----\n"
        "... while talking to mail.example.com.:\n>>> RCPT To:<reader@example.com>\n<<< {}\n"
        "554 5.0.0 Service unavailable\n",
    ),
    "qmail": (
        "failure notice",
        "Hi. This is the qmail-send program at mx.example.net.\nI'm afraid I wasn't able to deliver your message to "
        "the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        "<reader@example.com>:\n192.0.2.25 does not like recipient.\nRemote host said: {}\nGiving up on 192.0.2.25.\n",
    ),
    "Exim": (
        "Mail delivery failed: returning message to sender",
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be "
        "delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n"
        "  reader@example.com\n    SMTP error from remote mail server after RCPT TO:<reader@example.com>:\n"
        "    host mail.example.com [192.0.2.25]: {}\n",
    ),
    "Exchange": (
        "Undeliverable: Why your back hurts",
        "Delivery has failed to these recipients or groups:\n\nreader@example.com<mailto:reader@example.com>\n"
        "Your message couldn't be delivered. If the problem continues, please contact your helpdesk.\n\nDiagnostic "
        "information for administrators:\n\nGenerating server: MB1.example.com\n\nreader@example.com\nRemote Server "
        "returned '{}'\n",
    ),
    "IronPort": (
        "Delivery Status Notification (Failure)",
        "The following message to <reader@example.com> was undeliverable.\nThe reason for the problem:\n"
        "5.1.0 - Unknown address error {}\n",
    ),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("kind", REPLIES)
def test_reply_means_the_same_in_every_wrapping(wrapping: str, kind: str) -> None:
    subject, text = WRAPPINGS[wrapping]
    head = f"Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.net\nTo: bounces@bounces.example.org\nSubject: {subject}\n"
    head += "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
    misread = []
    for reply in REPLIES[kind]:
        (verdict, *more) = classify(head.encode() + base64.encodebytes(text.format(reply).encode()))
        is_dead = verdict.kind is Kind.HARD
        if is_dead != (kind == "hard") or verdict.recipient != "reader@example.com" or more:
            misread.append((reply, verdict))
    assert misread == []
