"""Replies are parsed whole, within limits, whatever the pieces they arrive in."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.transport.replies import MAX_TEXT, Reply, ReplyParser, WireError, printable


def parse(data: bytes) -> Reply | None:
    parser = ReplyParser()
    parser.feed(data)
    return parser.next()


def test_code_enhanced_code_and_text_are_taken_apart() -> None:
    reply = parse(b"550 5.1.1 <a@b>: no such user\r\n")
    assert reply is not None
    assert (reply.code, reply.enhanced, reply.text) == (550, "5.1.1", "<a@b>: no such user")


def test_enhanced_code_is_dropped_from_every_line_of_a_long_reply() -> None:
    reply = parse(b"550-5.7.1 not\r\n550-5.7.1\r\n550 5.7.1 from here\r\n")
    assert reply is not None
    assert (reply.enhanced, reply.text) == ("5.7.1", "not from here")


def test_enhanced_code_of_another_class_than_the_code_is_text() -> None:
    reply = parse(b"550 4.2.1 odd\r\n")
    assert reply is not None
    assert (reply.enhanced, reply.text) == ("", "4.2.1 odd")


@pytest.mark.parametrize("line", [b"250\r\n", b"250 \r\n", b"250 ok\n"])
def test_bare_codes_and_bare_line_feeds_are_understood(line: bytes) -> None:
    reply = parse(line)
    assert reply is not None
    assert reply.code == 250


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n",
        b"\r\n",
        b"25 ok\r\n",
        b"1999 x\r\n",
        b"199 x\r\n",
        b"250_x\r\n",
        b"250-a\r\n251 b\r\n",
        b"\xff\xfe\n",
    ],
)
def test_what_is_not_a_reply_is_a_failure_of_the_wire(data: bytes) -> None:
    with pytest.raises(WireError):
        parse(data)


def test_two_replies_in_one_packet_come_one_after_the_other() -> None:
    parser = ReplyParser()
    parser.feed(b"250 one\r\n550 two\r\n35")
    assert [reply.code for reply in (parser.next(), parser.next()) if reply] == [250, 550]
    assert parser.next() is None
    assert parser.pending


@pytest.mark.parametrize("data", [b"250-" + b"x" * 5000, b"250-x\r\n" * 101, (b"250-" + b"y" * 4000 + b"\r\n") * 17])
def test_endless_replies_are_cut_off(data: bytes) -> None:
    parser = ReplyParser()
    with pytest.raises(WireError, match="more than"):  # noqa: PT012 - fed as a socket would
        for start in range(0, len(data), 1000):
            parser.feed(data[start : start + 1000])
            parser.next()


def test_text_is_printable_and_bounded() -> None:
    reply = parse(b"550 \x1b[31mred\x07 \xff " + b"long " * 600 + b"\r\n")
    assert reply is not None
    assert reply.text.startswith("[31mred �")
    assert reply.text.isprintable()
    assert len(reply.text) <= MAX_TEXT


@given(st.binary(max_size=2000), st.integers(1, 50))
def test_any_bytes_in_any_pieces_give_replies_or_a_wire_error(data: bytes, step: int) -> None:
    parser = ReplyParser()
    with contextlib.suppress(WireError):
        for start in range(0, len(data), step):
            parser.feed(data[start : start + step])
            while (reply := parser.next()) is not None:
                assert 200 <= reply.code <= 599
                assert reply.text.isprintable()


@given(st.text(max_size=2000))
def test_foreign_text_becomes_one_short_line(text: str) -> None:
    assert printable(text).isprintable()
    assert len(printable(text)) <= MAX_TEXT
