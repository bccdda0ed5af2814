"""The byte template: every copy decodes to exactly what plain replacement would have given."""

from __future__ import annotations

import re
import time
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.errors import RenderError
from newsletter.rendering import headers
from newsletter.rendering.compiled import compile_message
from newsletter.rendering.slots import Rendered, Slot, as_html, as_text, fill_text

NAME = Slot("NLSLOTab120000X", "subscriber.first_name", "friend")
LINK = Slot("NLSLOTab120001X", "unsubscribe_url", None)
TO = headers.mailbox("To", "", "reader@example.org")
FROM = headers.mailbox("From", "The Steady Spine", "hello@example.org")

any_text = st.text(max_size=200)
pieces = st.lists(
    st.one_of(
        any_text,
        st.sampled_from([NAME.token, LINK.token, "\n", ".", "=", " ", "\t\n", "x" * 75, "ü" * 30, "a" * 1100, "From "]),
    ),
    max_size=25,
).map("".join)


def rendered(text: str = "t\n", html: str = "<p>h</p>\n", subject: str = "Hello") -> Rendered:
    return Rendered(subject, "", html, text, (NAME, LINK))


def parse(message: bytes) -> Message:
    return BytesParser(policy=compat32).parsebytes(message)


def bodies(message: bytes) -> tuple[str, str]:
    parsed = parse(message)
    assert parsed.defects == []
    assert parsed.get_content_type() == "multipart/alternative"
    decoded = []
    for part, subtype in zip(parsed.get_payload(), ("text/plain", "text/html"), strict=True):
        assert part.defects == []
        assert part.get_content_type() == subtype
        decoded.append(part.get_payload(decode=True).decode("utf-8"))
    return decoded[0], decoded[1]


def unix(text: str) -> str:
    return re.sub("\r\n|\r|\n", "\r\n", re.sub("[\ud800-\udfff]", "\ufffd", text))


@given(text=pieces, html=pieces, name=any_text, link=any_text.filter(lambda value: value.strip()))
@example(text=NAME.token, html=f"{LINK.token}{NAME.token}", name="", link="=")
@example(text="x" * 76 + NAME.token, html="x" * 75 + NAME.token + ".", name="y" * 75, link="\n")
@example(text="a \n" + NAME.token + "\n", html=" " + NAME.token + " ", name=" padded ", link="x")
@example(text=NAME.token, html="", name=LINK.token, link=NAME.token)
def test_a_copy_decodes_to_what_replacement_and_escaping_give(text: str, html: str, name: str, link: str) -> None:
    values = {NAME.name: name, LINK.name: link}
    if not as_text(link).strip():
        values[LINK.name] = "https://example.org/u/1"
    source = rendered(text, html)
    message = compile_message(source, [FROM]).fill(values, [TO])
    got_text, got_html = bodies(message)
    assert got_text == unix(fill_text(text, source.slots, values, as_text))
    assert got_html == unix(fill_text(html, source.slots, values, as_html))
    lines = message.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert max(map(len, lines)) <= 78
    body = message.partition(b"\r\n\r\n")[2]
    assert max(map(len, body.split(b"\r\n"))) <= 76
    message.decode("ascii")


def test_a_value_never_changes_the_encoding_of_its_neighbours() -> None:
    source = rendered("Dear " + NAME.token + ", " + "word " * 40 + "\n", "<p>" + NAME.token + "</p>" + "word " * 40)
    compiled = compile_message(source)
    short = compiled.fill({NAME.name: "A"}).replace(b"A=\r\n", b"@")
    long = compiled.fill({NAME.name: "B" * 70}).replace(b"B" * 70 + b"=\r\n", b"@")
    assert short == long


@given(name=any_text)
def test_the_subject_is_filled_and_stays_one_header(name: str) -> None:
    source = rendered(subject=f"{NAME.token}, your spine")
    parsed = parse(compile_message(source, [FROM]).fill({NAME.name: name}, [TO]))
    assert parsed.keys() == ["To", "From", "Subject", "MIME-Version", "Content-Type"]


def test_the_fallback_serves_in_the_subject_too() -> None:
    source = rendered(subject=f"{NAME.token}, your spine")
    assert b"\r\nSubject: friend, your spine\r\n" in compile_message(source, [FROM]).fill({}, [TO])


def test_equal_arguments_make_equal_bytes() -> None:
    source = rendered(f"{NAME.token}\n{LINK.token}\n")
    values = {NAME.name: "Ana", LINK.name: "https://example.org/u/1"}
    first = compile_message(source, [FROM]).fill(values, [TO])
    assert compile_message(source, [FROM]).fill(dict(reversed(values.items())), [TO]) == first


def test_a_missing_value_stops_the_copy() -> None:
    compiled = compile_message(rendered(LINK.token))
    with pytest.raises(RenderError, match="unsubscribe_url"):
        compiled.fill({})


@pytest.mark.parametrize("name", ["subject", "From", "Content-Type"])
def test_no_header_stands_twice(name: str) -> None:
    double = headers.text(name, "x")
    with pytest.raises(RenderError, match="twice"):
        compile_message(rendered(), [FROM]).fill({}, [double])
    with pytest.raises(RenderError, match="twice"):
        compile_message(rendered(), [FROM, double])


def test_a_token_of_another_message_is_left_alone() -> None:
    text, _ = bodies(compile_message(rendered("NLSLOTffff0000X")).fill({}))
    assert text == "NLSLOTffff0000X"


def test_filling_a_newsletter_takes_less_than_a_millisecond() -> None:
    paragraph = '<p style="margin:0 0 16px">Grüße, ' + "steady words about spines " * 12 + "</p>\n"
    html = (paragraph * 8 + f'<a href="{LINK.token}">leave</a> {NAME.token}\n') * 9
    assert len(html) > 25_000
    compiled = compile_message(rendered(f"{NAME.token}\n" * 20, html, f"For {NAME.token}"), [FROM])
    values = {NAME.name: "Anaïs", LINK.name: "https://news.example.org/u/abcdefghijklmnop"}
    best = min(_seconds(lambda: compiled.fill(values, [TO])) for _ in range(5))
    assert best < 0.001


def _seconds(run: object) -> float:
    start = time.perf_counter()
    for _ in range(20):
        run()  # type: ignore[operator]
    return (time.perf_counter() - start) / 20


@pytest.mark.parametrize("text", [".", "..", ". x", "." * 200, ".\n.\n..", "a\n" + "." * 75 + "b", "x" * 74 + ". ."])
def test_no_line_begins_with_a_dot_and_the_text_stays(text: str) -> None:
    slot = Slot("NLSLOTabcd0000X", "subscriber.name", "")
    for body, value in ((text, "."), (f"{slot.token}{text}", text), (f"{text}{slot.token}.", "..")):
        rendered = Rendered("s", "", f"<p>{body}</p>", body, (slot,))
        message = compile_message(rendered).fill({"subscriber.name": value})
        assert not any(line.startswith(b".") for line in message.split(b"\r\n"))
        assert max(len(line) for line in message.split(b"\r\n")) <= 76
        part = BytesParser(policy=compat32).parsebytes(message).get_payload()[0]
        plain = part.get_payload(decode=True).decode()
        assert plain.replace("\r\n", "\n") == body.replace(slot.token, " ".join(value.split("\n")))
