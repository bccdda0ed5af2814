"""Header fields: what arrives is what was meant, and nothing can add a line of its own."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.header import decode_header, make_header
from email.parser import BytesParser
from email.policy import compat32
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import RenderError
from newsletter.rendering import headers
from newsletter.rendering.headers import Header

ENCODED_WORD = re.compile(rb"=\?[^?]+\?[bqBQ]\?[^?]*\?=")
CONTROLS = {*map(chr, range(32)), *map(chr, range(0x7F, 0xA0))}
printable = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=300)


def parsed(header: Header) -> str:
    message = BytesParser(policy=compat32).parsebytes(header.line + b"\r\nbody")
    assert message.keys() == [header.name]
    assert message.get_payload() == "body"
    return str(make_header(decode_header(re.sub(r"\r?\n(?=[ \t])", "", message[header.name]))))


def collapsed(value: str) -> str:
    return re.sub("[ \t]+", " ", re.sub("[\u2028\u2029]", " ", value)).strip(" ")


def assert_well_folded(header: Header, limit: int) -> None:
    assert header.line.endswith(b"\r\n")
    header.line.decode("ascii")
    for line in header.line[:-2].split(b"\r\n"):
        assert len(line) <= limit
        assert line.strip()
        assert b"\r" not in line
        assert b"\n" not in line
        words = ENCODED_WORD.findall(line)
        assert all(len(word) <= 75 for word in words)
        assert not words or len(line) <= 76


@given(printable)
def test_any_subject_arrives_as_written(subject: str) -> None:
    header = headers.text("Subject", subject)
    if collapsed(subject):
        assert_well_folded(header, 78)
    assert parsed(header) == collapsed(subject)


@given(st.lists(st.text(st.sampled_from('abc=?-_.:;,"\\()<>@'), min_size=1, max_size=40), min_size=1, max_size=40))
def test_any_ascii_subject_arrives_as_written(words: list[str]) -> None:
    header = headers.text("Subject", " ".join(words))
    assert_well_folded(header, 78)
    assert parsed(header) == " ".join(words)


@given(st.text(), st.sampled_from(sorted(CONTROLS - {"\t"})), st.text())
def test_a_control_character_is_refused_everywhere(before: str, control: str, after: str) -> None:
    hostile = f"{before}{control}{after}"
    for make in (
        lambda: headers.text("Subject", hostile),
        lambda: headers.mailbox("From", hostile, "a@example.org"),
        lambda: headers.mailbox("From", "A", f"a@example.org{control}"),
        lambda: headers.structured("Precedence", hostile),
        lambda: headers.list_id(hostile, "weekly.example.org"),
        lambda: headers.uris("List-Unsubscribe", [f"https://example.org/{control}"]),
    ):
        with pytest.raises(RenderError):
            make()


@pytest.mark.parametrize("value", ["x\r\nBcc: all@example.org", "x\nBcc: b@example.org", "x\u2028Bcc: b@example.org"])
def test_no_value_adds_a_header(value: str) -> None:
    try:
        header = headers.text("Subject", value)
    except RenderError:
        return
    parsed(header)


def test_a_lone_surrogate_is_replaced() -> None:
    assert parsed(headers.text("Subject", "odd \ud83d end")) == "odd \ufffd end"


@given(printable)
def test_any_display_name_arrives_as_written(name: str) -> None:
    header = headers.mailbox("From", name, "editor@example.org")
    assert_well_folded(header, 78)
    message = BytesParser(policy=compat32).parsebytes(header.line + b"\r\n")
    display, address = parseaddr(re.sub(r"\r?\n(?=[ \t])", "", message["From"]))
    assert address == "editor@example.org"
    assert str(make_header(decode_header(display))) == collapsed(name)


@pytest.mark.parametrize(
    ("display", "address", "line"),
    [
        ("", "a@example.org", b"To: a@example.org\r\n"),
        ("Nora Feld", "a@example.org", b"To: Nora Feld <a@example.org>\r\n"),
        ("Feld, Nora", "a@example.org", b'To: "Feld, Nora" <a@example.org>\r\n'),
        ('Say "hi"\\', "a@example.org", b'To: "Say \\"hi\\"\\\\" <a@example.org>\r\n'),
        ("Nora Müller", "a@example.org", b"To: =?utf-8?q?Nora_M=C3=BCller?= <a@example.org>\r\n"),
        ("=?utf-8?q?x?=", "a@example.org", b"To: =?utf-8?b?PT91dGYtOD9xP3g/PQ==?= <a@example.org>\r\n"),
        ("", "a@müller.example", b"To: a@xn--mller-kva.example\r\n"),
    ],
)
def test_mailboxes_are_quoted_or_encoded_only_where_needed(display: str, address: str, line: bytes) -> None:
    assert headers.mailbox("To", display, address).line == line


@pytest.mark.parametrize(
    "address",
    ["", "nobody", "a b@example.org", "a@b@c", "a@example.org,b@example.org", "<a@example.org>", "ü@example.org"],
)
def test_only_one_plain_address_fits_a_mailbox(address: str) -> None:
    with pytest.raises(RenderError):
        headers.mailbox("To", "A", address)


def test_an_unsubscribe_link_is_neither_encoded_nor_split() -> None:
    link = "https://news.example.org/u/" + "a1B2-_" * 40
    header = headers.uris("List-Unsubscribe", [link, "mailto:leave@example.org?subject=unsubscribe"])
    assert header.line.split(b"\r\n")[0] == f"List-Unsubscribe: <{link}>,".encode()
    assert header.line.split(b"\r\n")[1] == b" <mailto:leave@example.org?subject=unsubscribe>"
    assert b"=?" not in header.line


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://a b", "https://a>b", "https://ü.example", "/u/x"])
def test_only_links_fit_a_list_of_links(link: str) -> None:
    with pytest.raises(RenderError, match="links only"):
        headers.uris("List-Unsubscribe", [link])


def test_a_structured_value_that_cannot_fit_a_line_is_refused() -> None:
    headers.structured("X-Long", "a" * 990)
    with pytest.raises(RenderError, match="longer than a line"):
        headers.structured("X-Long", "a" * 991)
    with pytest.raises(RenderError, match="ASCII"):
        headers.structured("Message-ID", "<ü@example.org>")


def test_a_list_id_has_a_phrase_and_an_identifier() -> None:
    header = headers.list_id("The Steady Spine: weekly", "weekly.news.example.org")
    assert header.line == b'List-Id: "The Steady Spine: weekly" <weekly.news.example.org>\r\n'
    with pytest.raises(RenderError):
        headers.list_id("x", "no spaces allowed.example.org")


def test_a_date_has_a_numeric_zone() -> None:
    moment = datetime(2026, 11, 22, 10, 44, tzinfo=UTC)
    assert headers.date(moment).line == b"Date: Sun, 22 Nov 2026 10:44:00 +0000\r\n"
    local = moment.astimezone(timezone(timedelta(hours=-7)))
    assert headers.date(local).value == b"Sun, 22 Nov 2026 03:44:00 -0700"
    with pytest.raises(RenderError):
        headers.date(datetime(2026, 11, 22))  # noqa: DTZ001


@pytest.mark.parametrize("name", ["", "Bad Name", "X:Y", "X\r\nY", "Ü"])
def test_a_header_name_is_a_token(name: str) -> None:
    with pytest.raises(RenderError, match="header name"):
        headers.text(name, "x")
