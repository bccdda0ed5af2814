"""What is asked about bounces: encoded so that any address comes back as it was, and never too long."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from newsletter.transport import dsn


def from_xtext(text: str) -> str:
    return re.sub(r"\+([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), text)


def from_unitext(text: str) -> str:
    return re.sub(r"\\x\{([0-9A-F]{2,6})\}", lambda found: chr(int(found[1], 16)), text)


def test_headers_come_back_under_the_name_of_the_delivery() -> None:
    assert dsn.mail_parameters("c3.a-b") == " RET=HDRS ENVID=c3.a-b"


def test_what_has_no_name_asks_for_the_headers_alone() -> None:
    assert dsn.mail_parameters("") == dsn.mail_parameters("Größe") == " RET=HDRS"


def test_failures_are_asked_for_and_delays_are_not() -> None:
    assert dsn.rcpt_parameters("a+b=c@example.org") == " NOTIFY=FAILURE ORCPT=rfc822;a+2Bb+3Dc@example.org"


def test_an_address_outside_ascii_has_a_type_of_its_own() -> None:
    assert dsn.rcpt_parameters("用户+a=b\\c@例子.公司") == (
        r" NOTIFY=FAILURE ORCPT=utf-8;用户\x{2B}a\x{3D}b\x{5C}c@例子.公司"
    )


@given(st.text(st.characters(max_codepoint=127), min_size=1, max_size=120))
def test_a_name_of_any_characters_stays_one_word_of_100_and_comes_back(envid: str) -> None:
    _, _, encoded = dsn.mail_parameters(envid).partition(" RET=HDRS")
    assert re.fullmatch(r"( ENVID=[!-*,-<>-~+]{1,100})?", encoded)
    if encoded:
        assert from_xtext(encoded.removeprefix(" ENVID=")) == envid
    else:
        assert len(envid) > 33  # no character needs more than three


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=400))
def test_an_address_of_any_characters_stays_one_word_of_500_and_comes_back(recipient: str) -> None:
    _, _, encoded = dsn.rcpt_parameters(recipient).partition(" NOTIFY=FAILURE")
    if not encoded:
        assert len(recipient.encode()) * 6 > 400
        return
    kind, _, value = encoded.removeprefix(" ORCPT=").partition(";")
    assert len(f"{kind};{value}".encode()) <= 500
    assert not re.search(r"[\x00-\x20=\x7f]", value)
    assert kind == ("rfc822" if recipient.isascii() else "utf-8")
    assert (from_xtext if kind == "rfc822" else from_unitext)(value) == recipient
