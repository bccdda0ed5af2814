"""What refusals mean: the words of servers before their codes, and never more than they say."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from newsletter.feedback import Kind
from newsletter.feedback.codes import by_words, codes_in, judge, phase_of
from newsletter.transport.base import Phase

REPLIES = tomllib.loads((Path(__file__).parent / "replies.toml").read_text("utf-8"))
WORDED = [(kind, text) for kind, texts in REPLIES.items() for text in texts]


@pytest.mark.parametrize(("kind", "text"), WORDED, ids=[f"{kind}: {text[:60]}" for kind, text in WORDED])
def test_reply_means_what_it_says(kind: str, text: str) -> None:
    assert judge(*codes_in(text), text, phase_of(text)) == kind


@pytest.mark.parametrize(
    ("code", "enhanced", "kind"),
    [
        (550, "5.1.1", Kind.HARD),
        (550, "5.1.2", Kind.HARD),
        (550, "5.1.10", Kind.HARD),
        (556, "", Kind.HARD),
        (450, "4.1.1", Kind.SOFT),
        (552, "5.2.2", Kind.SOFT),
        (554, "5.4.6", Kind.SOFT),
        (550, "5.7.1", Kind.BLOCK),
        (421, "4.7.0", Kind.BLOCK),
        (550, "5.1.8", Kind.BLOCK),
        (550, "5.0.0", Kind.SOFT),
        (550, "", Kind.SOFT),
        (0, "", Kind.SOFT),
        (250, "2.1.5", Kind.DELIVERED),
    ],
)
def test_codes_decide_where_no_words_do(code: int, enhanced: str, kind: Kind) -> None:
    assert judge(code, enhanced, "") is kind


@pytest.mark.parametrize("phase", [Phase.CONNECT, Phase.MAIL])
def test_refusing_the_sender_or_the_connection_says_nothing_of_the_reader(phase: Phase) -> None:
    assert judge(550, "5.1.1", "User unknown", phase) is Kind.BLOCK
    assert judge(554, "", "no", phase) is Kind.BLOCK
    assert judge(421, "4.3.2", "try later", phase) is Kind.SOFT


def test_temporary_refusal_is_never_hard() -> None:
    assert judge(450, "4.1.1", "User unknown") is Kind.SOFT


def test_name_in_an_address_or_of_a_server_is_no_reason() -> None:
    said = "550 <spam.mailbox.full@quota-exceeded.example>: host mx.spamfilter.example[192.0.2.1] said: no such user"
    assert judge(*codes_in(said), said) is Kind.HARD


@pytest.mark.parametrize(
    ("text", "code", "enhanced"),
    [
        ("smtp; 550 5.1.1 no", 550, "5.1.1"),
        ("550-5.1.1 no\n550 5.1.1 still no", 550, "5.1.1"),
        ("#<mx.example.com #5.1.1 smtp;550 no>", 550, "5.1.1"),
        ("host mx[192.0.2.1] said: 554 no", 554, ""),
        ("no mailbox (#5.1.1)", 0, "5.1.1"),
        ("550 no: 192.0.5.1.1 is listed", 550, ""),
        ("sent 1450 octets at 10:45:500", 0, ""),
    ],
)
def test_codes_are_found_in_words(text: str, code: int, enhanced: str) -> None:
    assert codes_in(text) == (code, enhanced)


def test_phase_is_read_from_the_words() -> None:
    assert phase_of("550 no (in reply to MAIL FROM command)") is Phase.MAIL
    assert phase_of("SMTP error from remote mail server after MAIL FROM:<a@example.org>: 550 no") is Phase.MAIL
    assert phase_of("550 no (in reply to RCPT TO command)") is Phase.RCPT
    assert phase_of("550 no (in reply to end of DATA command)") is Phase.DOT


def test_accents_case_and_line_breaks_do_not_matter() -> None:
    assert by_words("EMPFÄNGER\n  UNBEKANNT") is Kind.HARD
    assert by_words("Empfa\u0308nger unbekannt") is Kind.HARD
