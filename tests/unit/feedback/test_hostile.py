"""Whatever somebody sends to the bounce address: an answer in bounded time and memory, never an exception."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.feedback import Kind, classify
from newsletter.feedback import message as reading

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*/*.eml"))
BOUNCE = (Path(__file__).parent / "samples/hard/postfix-unknown-local.eml").read_bytes()
HEAD = b"From: MAILER-DAEMON@mx.example.net\nReturn-Path: <>\nSubject: Undelivered Mail\n"


def nested(depth: int, kind: bytes = b"multipart/mixed") -> bytes:
    layers = b"".join(
        b'Content-Type: %s; boundary="b%d"\n\n--b%d\n' % (kind, number, number)
        if kind.startswith(b"multipart")
        else b"Content-Type: %s\n\n" % kind
        for number in range(depth)
    )
    return HEAD + layers + b"Content-Type: text/plain\n\n<reader@example.com>: user unknown\n"


HOSTILE = {
    "nothing": b"",
    "only line ends": b"\r\n" * 100_000,
    "nul": b"\0" * 100_000,
    "no headers": b"550 user unknown",
    "only a header": b"Subject: failure notice",
    "a hundred thousand headers": HEAD + b"X-A: b\n" * 100_000 + b"\nbody",
    "one field of a megabyte": HEAD + b"To: " + b"," * 1_000_000 + b"\n\nbody",
    "a field folded a hundred thousand times": HEAD + b"X-A: b\n" + b" c\n" * 100_000 + b"\nbody",
    "parentheses": HEAD + b"To: " + b"(" * 20_000 + b"\n\nbody",
    "encoded words": HEAD + b"X-A: " + b"=?utf-8?q?a?= " * 20_000 + b"\n\nbody",
    "encoded words in the subject": b"Subject: " + b"=?utf-8?q?=c3=bc?=\n " * 20_000 + b"\n\nbody",
    "half an encoded word": b"Subject: " + b"=?utf-8?q?" * 20_000 + b"\n\nbody",
    "ten thousand multiparts in each other": nested(10_000),
    "ten thousand messages in each other": nested(10_000, b"message/rfc822"),
    "twenty thousand parts": HEAD
    + b"Content-Type: multipart/mixed; boundary=b\n\n"
    + b"--b\nContent-Type: text/plain\n\nuser unknown\n" * 20_000,
    "no boundary": HEAD + b"Content-Type: multipart/report; report-type=delivery-status\n\n--b\n\nx",
    "boundary of blanks": HEAD + b'Content-Type: multipart/mixed; boundary="   "\n\n--   \n\nx',
    "boundary like a pattern": HEAD + b'Content-Type: multipart/mixed; boundary="(a+)+$"\n\n--(a+)+$\n\n' + b"a" * 9999,
    "bad charset": HEAD + b"Content-Type: text/plain; charset=no-such-charset\n\n\xff\xfe\xfd",
    "a codec that is no charset": HEAD + b"Content-Type: text/plain; charset=zlib\n\nabc",
    "punycode": HEAD + b"Content-Type: text/plain; charset=punycode\n\n" + b"a-" * 50_000,
    "bad base64": HEAD + b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n====%%%===A",
    "raw octets in headers": b"From: \xff\xfe\xc3(\nSubject: \x80\x81\n\nbody",
    "addresses without end": HEAD + b"\n" + b"<reader@example.com>: user unknown\n" * 50_000,
    "an address without end": HEAD + b"\n" + b"a" * 200_000 + b"@" + b"b." * 100_000,
    "at signs": HEAD + b"\n" + b"a@" * 200_000,
    "dots": HEAD + b"\n" + b"5." * 200_000,
    "recipients without end": HEAD
    + b"Content-Type: message/delivery-status\n\n"
    + b"Final-Recipient: rfc822; a@example.com\nAction: failed\nStatus: 5.1.1\n\n" * 20_000,
    "a diagnostic without end": HEAD
    + b"Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@example.com\nAction: failed\n"
    + b"Diagnostic-Code: smtp; 550 "
    + b"user is " * 100_000,
    "html": HEAD + b"Content-Type: text/html\n\n" + b"<" * 200_000,
    "open html": HEAD + b"Content-Type: text/html\n\n" + b"<style><script>" * 20_000,
    "entities": HEAD + b"Content-Type: text/html\n\n" + b"&amp;" * 50_000,
    "a parameter without end": HEAD + b'Content-Type: multipart/mixed; boundary="' + b"\\a" * 50_000 + b"\n\nx",
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_mail_is_read(raw: bytes) -> None:
    for variant in (raw, raw.replace(b"\n", b"\r\n"), raw.replace(b"\n", b"\r")):
        assert len(classify(variant)) <= 100


def test_the_report_behind_a_huge_part_is_found_in_little_memory() -> None:
    head, middle, rest = BOUNCE.partition(b"--=_report_1\nContent-Type: message/delivery-status")
    picture = b"--=_report_1\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\n" + b"QUJD" * 12_500_000
    huge = head + picture + b"\n" + middle + rest
    assert len(huge) > 50_000_000
    tracemalloc.start()
    verdicts = classify(huge)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(verdict.recipient, verdict.kind) for verdict in verdicts] == [("reader@example.com", Kind.HARD)]
    assert peak < 20_000_000


def test_the_message_after_a_hostile_one_is_read_as_ever() -> None:
    before = classify(BOUNCE)
    classify(HOSTILE["ten thousand multiparts in each other"])
    assert classify(BOUNCE) == before


def test_depth_and_number_of_parts_have_ceilings() -> None:
    assert len(reading.read(HOSTILE["twenty thousand parts"]).parts) <= reading.MAX_PARTS
    assert len(reading.read(nested(10_000)).parts) <= reading.MAX_PARTS


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=3000))
def test_any_octets_are_read(raw: bytes) -> None:
    assert isinstance(classify(raw), list)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_damage_to_a_report_is_survived(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(SAMPLES)).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(raw) - 1))
        what = data.draw(st.binary(max_size=12) | st.sampled_from([b"\n\n", b"\r", b"--", b"=?utf-8?b?", b"\0", b"@"]))
        raw[place : place + data.draw(st.integers(0, 40))] = what
        raw = raw or bytearray(b"x")
    for verdict in classify(bytes(raw)):
        assert verdict.reason.isprintable()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(SAMPLES), min_size=2, max_size=3), st.data())
def test_reports_spliced_together_are_survived(paths: list[Path], data: st.DataObject) -> None:
    pieces = [path.read_bytes() for path in paths]
    raw = b"".join(piece[: data.draw(st.integers(0, len(piece)))] for piece in pieces)
    assert len(classify(raw)) <= 100
