"""Reports taken apart: addresses, fields, names of our mails, complaints."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.feedback import Delivery, Kind, classify, recipients
from newsletter.feedback.message import read

SAMPLES = Path(__file__).parent / "samples"
VERP = "b-aebagbafaydqqcikbmga2dqpcaireeyuculbo"


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.eml").read_bytes()


def report(*groups: str, kind: str = "message/delivery-status") -> bytes:
    fields = "\n\n".join(("Reporting-MTA: dns; mx.example.net", *groups))
    return (
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.net\nSubject: Undelivered Mail\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain\n\nIt failed.\n\n--b\nContent-Type: {kind}\n\n{fields}\n\n--b--\n"
    ).encode()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("rfc822; reader@example.com", "reader@example.com"),
        ("RFC822;<reader@example.com>", "reader@example.com"),
        ("rfc822; reader@example.com (real name)", "reader@example.com"),
        ("reader@example.com", "reader@example.com"),
        ("utf-8; m\\x{FC}ller@example.com", "müller@example.com"),
        ("utf-8; müller@bücher.example", "müller@bücher.example"),
        ('rfc822; "a b"@example.com', '"a b"@example.com'),
        ("rfc822; reader@[192.0.2.1]", "reader@[192.0.2.1]"),
        ("rfc822; IMCEASMTP-reader+40example+2Ecom@corp.example.net", "reader@example.com"),
        ("rfc822; IMCEAINVALID-reader+40example+2Ecom@corp.example.net", "reader@example.com"),
        ("rfc822; unknown", ""),
        ("", ""),
        ("utf-8; \\x{110000}@\\x{FFFFF", ""),
        ("utf-8; a\\x{D800}@example.com", "a@example.com"),
    ],
)
def test_addresses_are_read_as_they_are_meant(written: str, meant: str) -> None:
    assert recipients.typed(written) == meant


def test_original_recipient_goes_before_the_final_one() -> None:
    (verdict,) = classify(sample("hard/dsn-original-first"))
    assert verdict.recipient == "reader@example.com"


def test_original_recipient_is_xtext() -> None:
    (verdict,) = classify(sample("hard/dsn-original-xtext"))
    assert verdict.recipient == "reader+tag@example.com"


def test_each_recipient_of_a_report_has_a_verdict_of_their_own() -> None:
    verdicts = classify(
        report(
            "Final-Recipient: rfc822; gone@example.com\nAction: failed\nStatus: 5.1.1",
            "Final-Recipient: rfc822; full@example.com\nAction: failed\nStatus: 5.2.2",
            "Final-Recipient: rfc822; late@example.com\nAction: delayed\nStatus: 4.4.1",
            "Final-Recipient: rfc822; fine@example.com\nAction: delivered\nStatus: 2.0.0",
        )
    )
    assert [(verdict.recipient, verdict.kind) for verdict in verdicts] == [
        ("gone@example.com", Kind.HARD),
        ("full@example.com", Kind.SOFT),
        ("fine@example.com", Kind.DELIVERED),
    ]


def test_each_address_of_a_notice_has_its_own_words_and_codes() -> None:
    verdicts = classify(
        b"Return-Path: <>\nFrom: Mailer-Daemon@mx.example.net\nSubject: Mail delivery failed\n\n"
        b"This message was created automatically by mail delivery software.\n\n"
        b"  gone@example.com\n    Unrouteable address\n"
        b"  full@example.com\n    mailbox is full: retry timeout exceeded\n"
        b"  strict@example.com\n    host mx.example.com [192.0.2.1]: 550 5.7.1 Spam\n"
    )
    assert [(verdict.recipient, verdict.kind, verdict.enhanced) for verdict in verdicts] == [
        ("gone@example.com", Kind.HARD, ""),
        ("full@example.com", Kind.SOFT, ""),
        ("strict@example.com", Kind.BLOCK, "5.7.1"),
    ]


def test_recipient_reported_twice_has_one_verdict() -> None:
    group = "Final-Recipient: rfc822; {}@example.com\nAction: failed\nStatus: 5.1.1"
    verdicts = classify(report(group.format("gone"), group.format("Gone"), group.format("away")))
    assert [verdict.recipient for verdict in verdicts] == ["gone@example.com", "away@example.com"]


def test_groups_without_blank_lines_are_told_apart() -> None:
    verdicts = classify(
        report(
            "Final-Recipient: rfc822; gone@example.com\nAction: failed\nStatus: 5.1.1\n"
            "Final-Recipient: rfc822; full@example.com\nAction: failed\nStatus: 5.2.2"
        )
    )
    assert [verdict.kind for verdict in verdicts] == [Kind.HARD, Kind.SOFT]


def test_words_go_before_the_status_and_the_reply_before_both() -> None:
    said = "Final-Recipient: rfc822; a@example.com\nAction: failed\nStatus: {}\nDiagnostic-Code: smtp; {}"
    for status, diagnostic, kind in [
        ("5.0.0", "550 no such user", Kind.HARD),
        ("5.7.1", "550 5.7.1 user unknown", Kind.HARD),
        ("5.1.1", "550 5.1.1 looks like spam", Kind.BLOCK),
        ("5.1.1", "550 mailbox full", Kind.SOFT),
        ("4.4.7", "550 5.1.1 user unknown", Kind.HARD),
        ("5.4.7", "450 4.1.1 user unknown", Kind.SOFT),
        ("5.1.1", "550 no", Kind.HARD),
        ("5.0.0", "550 no", Kind.SOFT),
    ]:
        (verdict,) = classify(report(said.format(status, diagnostic)))
        assert verdict.kind is kind, (status, diagnostic)


def test_plain_status_needs_no_help_from_words_around_it() -> None:
    raw = report("Final-Recipient: rfc822; a@example.com\nAction: failed\nStatus: 5.1.1")
    around = b"It failed. For security reasons, and by the policy of our company, we filter mail for spam."
    (verdict,) = classify(raw.replace(b"It failed.", around))
    assert verdict.kind is Kind.HARD
    (vague,) = classify(raw.replace(b"It failed.", around).replace(b"5.1.1", b"5.0.0"))
    assert vague.kind is Kind.BLOCK


def test_codes_stand_beside_the_words() -> None:
    (verdict,) = classify(sample("hard/postfix-gmail"))
    assert (verdict.code, verdict.enhanced) == (550, "5.1.1")
    assert verdict.reason.startswith("550-5.1.1 The email account that you tried to reach does not exist.")


def test_names_of_our_mail_are_collected() -> None:
    (verdict,) = classify(sample("hard/postfix-unknown-local"))
    assert verdict.delivery == Delivery(
        verp=(VERP,),
        message_ids=("<0123456789abcdef@news.example.org>",),
        feedback_ids=("42:main:issue:steadyspine",),
        unsubscribe=("AQAAAAAAAAAAKgAAAAAAAAAHabcdefghij",),
    )


def test_names_are_found_in_a_mail_sent_back_as_text() -> None:
    (verdict,) = classify(sample("hard/qmail-no-mailbox"))
    assert verdict.delivery.verp == (VERP,)
    assert verdict.delivery.message_ids == ("<0123456789abcdef@news.example.org>",)


def test_envelope_name_in_capitals_is_ours_all_the_same() -> None:
    (verdict,) = classify(sample("hard/qmail-no-mailbox").replace(VERP.encode(), VERP.upper().encode()))
    assert verdict.delivery.verp == (VERP,)


def test_envelope_id_of_a_report_is_a_name() -> None:
    raw = report("Final-Recipient: rfc822; gone@example.com\nAction: failed\nStatus: 5.1.1")
    (verdict,) = classify(raw.replace(b"Reporting-MTA", b"Original-Envelope-Id: 42+2B7\nReporting-MTA"))
    assert verdict.delivery.envids == ("42+2B7", "42+7")


def test_complaint_has_its_type_and_opting_out_is_marked() -> None:
    (abuse,) = classify(sample("complaint/arf-full"))
    assert (abuse.kind, abuse.report, abuse.opt_out) == (Kind.COMPLAINT, "abuse", False)
    assert abuse.recipient == "reader@example.com"
    (leaving,) = classify(sample("complaint/arf-opt-out"))
    assert (leaving.kind, leaving.report, leaving.opt_out) == (Kind.COMPLAINT, "opt-out", True)


def test_blacked_out_recipient_is_not_named() -> None:
    (verdict,) = classify(sample("complaint/arf-redacted"))
    assert verdict.recipient == ""
    assert verdict.delivery.message_ids


def test_hotmails_complaint_names_the_reader() -> None:
    (verdict,) = classify(sample("complaint/jmrp"))
    assert verdict.recipient == "reader@example.com"


def test_parts_and_headers_are_read() -> None:
    mail = read(
        b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?b?IGFuIGFsbGU=?=\nContent-Type: multipart/alternative;\n"
        b' boundary="a=b"\n\npreamble\n--a=b\nContent-Type: text/plain; charset=iso-8859-1\n'
        b"Content-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\n--a=b\nContent-Type: text/html\n\n<p>x</p>\n"
        b"--a=b--\n--a=b\nContent-Type: text/plain\n\nafter the end\n"
    )
    assert mail.headers.get("subject") == "Grüße an alle"
    assert [part.kind for part in mail.parts] == ["text/plain", "text/html"]
    assert mail.texts == ["Grüße"]
