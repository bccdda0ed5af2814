"""A copy out of the byte template and the same mail built the slow way: whoever parses them reads the same.

The slow way knows nothing of slots, templates or our header writer: a fresh `MIMEMultipart` for every reader, its
texts put together with `str.replace` and `html.escape`, its headers by `email.header`. Strings of readers are
whatever hypothesis invents; names come in as the doors let them in.
"""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from email.generator import BytesGenerator
from email.header import Header as Encoded
from email.header import decode_header, make_header
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.parser import BytesParser
from email.policy import compat32
from email.utils import format_datetime, parseaddr
from html.parser import HTMLParser
from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from unit.rendering.samples import config

from newsletter.campaigns.compose import shared_headers
from newsletter.rendering.compiled import compile_message
from newsletter.rendering.slots import Rendered, Slot
from newsletter.subscribers.letterhead import Letterhead, reader_values
from newsletter.subscribers.people import clean_name, first_name
from newsletter.tokens import KeyRing, SigningKey

START = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)
CONFIG = config(
    name="Grüße, „The Steady Spine“ & friends",
    lists=[{"slug": "weekly", "title": 'Rücken & Co: "weekly"'}],
)
MESSAGE_ID = "c3.abcdefgh"
LINK = "https://news.example.org/u/" + "a1B2-_" * 20

NAME = Slot("NLSLOTab120000X", "subscriber.first_name", "friend")
CITY = Slot("NLSLOTab120001X", "subscriber.city", "your town, ü")
LEAVE = Slot("NLSLOTab120002X", "unsubscribe_url", None)
SUBJECT = f"Für {NAME.token}: spines of {CITY.token}, and a subject too long to stand on one line of a header"
TEXT = f"Dear {NAME.token},\n\n{CITY.token}\n.\n{LEAVE.token}\nFrom here = there\n" + "Rücken " * 30 + NAME.token
HTML = (
    f'<p title="{CITY.token}">Dear {NAME.token}, {"schöne Grüße " * 20}</p>\n<a href="{LEAVE.token}">{CITY.token}</a>\n'
)

strings = st.one_of(st.text(max_size=200), st.text("\r\n\t .,;:=?_<>@\"'\\&+{}%ü\u202e\u2028\x00\ud800", max_size=80))
local_parts = st.from_regex(r"[A-Za-z0-9_+-]{1,20}(\.[A-Za-z0-9_+-]{1,20})?", fullmatch=True)
addresses = st.tuples(local_parts, st.sampled_from(["example.net", "bücher.example", "例子.example"])).map("@".join)


@pytest.fixture(scope="module")
def letterhead() -> Letterhead:
    return Letterhead(CONFIG, KeyRing([SigningKey(1, b"s" * 32, START.isoformat())], b"p" * 32))


def quick_way(letterhead: Letterhead, address: str, name: str, city: str) -> bytes:
    """As `campaigns.compose` does it."""
    rendered = Rendered(SUBJECT, "", HTML, TEXT, (NAME, CITY, LEAVE))
    values = {**reader_values(address, name, {"city": city}), "unsubscribe_url": LINK}
    headers = [*letterhead.personal_headers(address, name, MESSAGE_ID), letterhead.unsubscribe_header(LINK)]
    return compile_message(rendered, shared_headers(letterhead, CONFIG.lists[0], START)).fill(values, headers)


def slow_way(address: str, name: str, city: str) -> bytes:
    """As the standard library's manual does it."""
    said = {NAME.token: first_name(name) or "friend", CITY.token: one_line(city) if city.strip() else "your town, ü"}
    said[LEAVE.token] = LINK

    def fill(template: str, escape: bool) -> str:
        return re.sub("|".join(said), lambda found: html.escape(said[found[0]]) if escape else said[found[0]], template)

    message = MIMEMultipart("alternative")
    local, _, domain = address.partition("@")
    to = f"{local}@{domain.encode('idna').decode()}"
    message["To"] = f"{encoded(name)} <{to}>" if name else to
    message["From"] = f"{encoded(CONFIG.name)} <hello@example.org>"
    message["Subject"] = encoded(" ".join(part for part in re.split("[ \t]+", fill(SUBJECT, escape=False)) if part))
    message["Date"] = format_datetime(START)
    message["Message-ID"] = f"<{MESSAGE_ID}@example.org>"
    message["List-Id"] = f"{encoded(CONFIG.lists[0].title)} <weekly.example.org>"
    message["List-Unsubscribe"] = f"<{LINK}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["Precedence"] = "list"
    message.attach(MIMEText(fill(TEXT, escape=False), "plain", "utf-8"))
    message.attach(MIMEText(fill(HTML, escape=True), "html", "utf-8"))
    out = BytesIO()
    BytesGenerator(out, mangle_from_=False, policy=compat32.clone(linesep="\r\n")).flatten(message)
    return out.getvalue()


def one_line(value: str) -> str:
    """What a reader sees of a value: control characters are spaces, what cannot be written is U+FFFD."""
    spaced = "".join(" " if ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029" else c for c in value)
    return spaced.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def encoded(value: str) -> str:
    return Encoded(value, "utf-8").encode(linesep="\r\n")


def read(message: bytes) -> dict[str, object]:
    """Everything a mail program makes of a message.

    Deliberately not by the newer parser of the library, which reads blanks between the encoded-words of one name.
    """
    parsed = BytesParser(policy=compat32).parsebytes(message)
    found: dict[str, object] = {name.lower(): decoded(value) for name, value in parsed.items()}
    assert len(found) == len(parsed), "every field once"
    for name in ("to", "from"):
        display, address = parseaddr(unfolded(str(parsed[name])))
        found[name] = (decoded(display), address)
    del found["content-type"]  # its boundary may differ
    found["type"] = parsed.get_content_type()
    parts = parsed.get_payload()
    assert isinstance(parts, list)
    for part in parts:
        assert isinstance(part, Message)
        found[part.get_content_type()] = body(part)
    return found


def unfolded(value: str) -> str:
    return re.sub(r"\r?\n(?=[ \t])", "", value).strip(" ")


def decoded(value: object) -> str:
    return str(make_header(decode_header(unfolded(str(value)))))


def body(part: Message) -> str:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode("utf-8").replace("\r\n", "\n")


class Page(HTMLParser):
    """What a browser makes of the HTML part: its title attribute, its link, its words."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(f"<{tag} {attrs}>")

    def handle_data(self, data: str) -> None:
        self.found.append(data)


@given(address=addresses, name=strings, city=strings)
@example(address="ada@bücher.example", name='Ada "the" <b>Reader</b>, PhD', city="a\r\nBcc: all@example.org")
@example(address="a+b@example.net", name="=?utf-8?q?x?=", city="=?utf-8?q?x?=")
@example(address="a@example.net", name="ü" * 200, city="word " * 40)
@example(address="a@example.net", name="a" * 200, city="\ud83d \ude00 😀")
@example(address="a@example.net", name="", city=" \u3000\n")
@example(address="a@example.net", name=NAME.token, city=LEAVE.token)
def test_both_are_read_alike(letterhead: Letterhead, address: str, name: str, city: str) -> None:
    name = clean_name(name)
    quick, slow = quick_way(letterhead, address, name, city), slow_way(address, name, city)
    ours = read(quick)
    assert ours == read(slow)
    assert LINK in str(ours["text/plain"]).split("\n")
    shown = one_line(city) if city.strip() else "your town, ü"
    page = Page(str(ours["text/html"])).found
    assert page[0] == f"<p {[('title', shown)]}>"
    assert page[3:6] == [f"<a {[('href', LINK)]}>", shown, "\n"]
