"""Rules about headers, parts and bytes: each says so when its one thing is wrong, and is silent otherwise."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from unit.checks.bench import HOME, check, config, issue, letter, local, only, said, within

from newsletter.checks import Severity
from newsletter.config import SAMPLE_POSTAL_ADDRESS

UNSUBSCRIBE = f"List-Unsubscribe: <{HOME}/u/test>\r\n".encode()
ADDRESS = "hello@news.steadyspine.org"


def test_a_clean_issue_has_no_findings() -> None:
    assert check() == []


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (UNSUBSCRIBE, b"", "hdr.list-unsubscribe"),
        (UNSUBSCRIBE, UNSUBSCRIBE.replace(b">", b">, <https://b.org/u>"), "hdr.list-unsubscribe"),
        (b"One-Click\r\n", b"one-click\r\n", "hdr.list-unsubscribe"),
        (b"Message-ID:", b"X-Id:", "hdr.required"),
        (b"@news.steadyspine.org>\r\nList-Un", b"@localhost>\r\nList-Un", "hdr.required"),
        (b"List-Id:", b"X-Id:", "hdr.required"),
        (b"Precedence: list", b"Date: Tue, 15 Sep 2026 09:00:00 +0000", "hdr.required"),
        (b" +0000\r\n", b"\r\n", "hdr.required"),
        (b"Precedence: list", b"From: b@example.org", "hdr.required"),
        (b"<reader@example.net>", b"<reader@example.net>, other@example.net", "hdr.required"),
        (b"Precedence: list", b"Bcc: other@example.net", "hdr.required"),
        (b"Spring for stiff necks\r\nMIME", b"Spring for \xff stiff necks\r\nMIME", "subj.encoding"),
        (b"Spring for stiff necks\r\nMIME", b"=?utf-8?q?" + b"x" * 70 + b"?=\r\nMIME", "subj.encoding"),
        (b"multipart/alternative", b"multipart/mixed", "text.present"),
        (b"Precedence: list", b"Precedence: " + b"x" * 1000, "mime.line-998"),
        (b"Thank you for reading.", b"x " * 38 + b"=C3=BC", "mime.qp-76"),
        (b'text/plain; charset="utf-8"', b'text/plain; charset="latin-1"', "mime.charset"),
        (b"Thank you for reading.", b"Thank =FF you", "mime.charset"),
    ],
)
def test_a_message_that_providers_refuse_is_an_error(old: bytes, new: bytes, rule: str) -> None:
    def spoil(message: bytes) -> bytes:
        assert old in message
        return message.replace(old, new, 1)

    findings = check(message=spoil)
    assert findings
    assert set(said(findings)) == {f"error {rule}"}


def test_a_mailto_beside_the_one_click_address_is_fine() -> None:
    mailto = UNSUBSCRIBE.replace(b"<https", b"<mailto:leave@steadyspine.org>, <https")
    assert check(message=lambda message: message.replace(UNSUBSCRIBE, mailto)) == []


def test_a_control_character_of_old_windows_is_an_error_at_its_place() -> None:
    found = check(issue(letter=letter("Hello,\n\nit\x92s.")))
    assert said(found) == ["error mime.charset"] * 2
    assert {finding.line for finding in found} == {11}


def test_a_page_without_a_charset_is_an_error() -> None:
    found = check(html=lambda html: html.replace('<meta charset="utf-8">', ""))
    assert said(found) == ["error mime.charset"]


@pytest.mark.parametrize(
    ("kilobytes", "expected"),
    [(80, []), (91, ["warning size.gmail-clip"]), (101, ["warning size.gmail-clip"]), (103, ["error size.gmail-clip"])],
)
def test_html_is_warned_of_from_90_kb_and_refused_from_102(kilobytes: int, expected: list[str]) -> None:
    def grown(html: str) -> str:
        return within(html, "words " * ((kilobytes * 1024 - len(html.encode())) // 6))

    assert said(check(html=grown)) == expected


def test_html_that_only_its_encoding_makes_big_is_warned_of() -> None:
    found = check(html=lambda html: within(html, "<p>" + "ы" * 20_000 + "</p>"))
    assert only(found, "size.gmail-clip").severity is Severity.WARNING


def test_a_huge_message_is_warned_of() -> None:
    assert "warning size.message" in said(check(text=lambda text: text + "words \n" * 80_000))


@pytest.mark.parametrize("address", ["us@gmail.com", "us@yahoo.co.uk", "us@outlook.com", "us@gmx.net"])
def test_a_freemail_sender_is_refused_through_another_relay(address: str) -> None:
    sender = {"address": address, "postal_address": "3 Mill Lane"}
    assert said(check(settings=config(sender=sender))) == ["error hdr.freemail"]
    assert said(check(settings=local(sender=sender))) == ["warning hdr.freemail"]


def test_a_freemail_sender_may_use_the_relay_of_that_provider() -> None:
    sender = {"address": "us@gmail.com", "postal_address": "3 Mill Lane"}
    assert check(settings=config(sender=sender, smtp={"host": "smtp.gmail.com"})) == []


def test_a_sender_at_a_reserved_name_is_refused_for_real_readers_only() -> None:
    sender = {"address": "editor@news.example.org", "postal_address": "3 Mill Lane"}
    assert said(check(settings=config(sender=sender))) == ["error hdr.freemail"]
    assert check(settings=local(sender=sender)) == []


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://localhost:8000",
            "https://127.0.0.1",
            "https://news.example.org",
            "https://a.test",
            "https://a.invalid",
        ),
        *(
            "https://news.example",
            "https://192.168.1.5",
            "https://[::1]:8000",
            "https://intranet",
            "https://desk.local",
        ),
    ],
)
def test_pages_that_no_reader_can_reach_stop_real_mail_only(url: str) -> None:
    assert said(check(settings=config(base_url=url))) == ["error site.base-url"]
    assert said(check(settings=local(base_url=url))) == ["warning site.base-url"]


def test_a_relay_on_this_machine_is_for_trying_too() -> None:
    settings = config(base_url="https://a.test", smtp={"host": "127.0.0.1", "port": 2525, "security": "none"})
    assert said(check(settings=settings)) == ["warning site.base-url"]


def test_loopback_pages_give_two_warnings_while_trying() -> None:
    found = check(settings=local(base_url="http://127.0.0.1:8000"))
    assert said(found) == ["warning hdr.list-unsubscribe", "warning site.base-url"]


def test_the_sample_postal_address_stops_real_mail_only() -> None:
    sender = {"address": ADDRESS, "postal_address": f"The Steady Spine, {SAMPLE_POSTAL_ADDRESS}"}
    assert said(check(settings=config(sender=sender))) == ["error legal.address"]
    assert said(check(settings=local(sender=sender))) == ["warning legal.address"]


def test_a_missing_postal_address_is_an_error_everywhere() -> None:
    assert said(check(settings=local(sender={"address": ADDRESS}))) == ["error legal.address"]


def test_a_postal_address_the_theme_forgets_is_an_error() -> None:
    assert said(check(text=lambda text: text.replace("3 Mill Lane", ""))) == ["error legal.address"]
    assert said(check(html=lambda html: html.replace("3 Mill Lane", "<b hidden>3 Mill Lane</b>"))) == [
        "error legal.address"
    ]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda html: html.replace(">Unsubscribe</a>", "></a>"),
        lambda html: html.replace(">Unsubscribe</a>", ' hidden="">Unsubscribe</a>'),
        lambda html: html.replace('role="article"', 'role="article" style="Display : none"'),
        lambda html: re.sub(r'href="NLSLOT[0-9a-f]+X"', f'href="{HOME}/"', html),
    ],
)
def test_an_unsubscribe_link_nobody_sees_is_an_error(spoil: object) -> None:
    assert "error legal.unsubscribe" in said(check(html=spoil))  # type: ignore[arg-type]


def test_plain_text_needs_the_unsubscribe_link_too() -> None:
    found = check(text=lambda text: re.sub(r"(?<=Unsubscribe:\n)NLSLOT[0-9a-f]+X", "", text))
    assert said(found) == ["error legal.unsubscribe"]


def test_a_missing_header_does_not_hide_a_good_unsubscribe_link() -> None:
    assert said(check(message=lambda message: message.replace(UNSUBSCRIBE, b""))) == ["error hdr.list-unsubscribe"]


def test_a_message_without_text_is_an_error() -> None:
    assert "error text.present" in said(check(text=lambda text: "\n"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: text.replace("https://steadyspine.org/sitting", ""), "All about sitting"),
        (lambda text: text.replace("Unsubscribe:\n", "Unsubscribe: "), "alone on its line"),
        (lambda text: text + "<p>Hello</p>", "an HTML tag: <p>"),
        (lambda text: text + "this &amp; that", "an HTML entity: &amp;"),
        (lambda text: text + "word " * 20, "more than 78"),
    ],
)
def test_plain_text_with_the_traces_of_a_machine_is_warned_of(spoil: object, words: str) -> None:
    finding = only(check(text=spoil), "text.quality")  # type: ignore[arg-type]
    assert finding.severity is Severity.WARNING
    assert words in finding.message


def test_long_addresses_are_not_long_lines() -> None:
    assert check(text=lambda text: text + "https://steadyspine.org/" + "x" * 100) == []


@given(st.binary(max_size=300))
@example(b"Content-Type: text/html; charset=punycode\r\n\r\n\xff")
@example(b"Content-Type: text/html; charset=unicode_escape\r\n\r\n\\x<a href=//[>")
@example(b"Content-Type: text/html\r\n\r\n" + b"<div>" * 3000)
@example(b"Subject: =?x?q?a?=\r\nDate: x\r\nFrom: @\r\nContent-Type: multipart/mixed\r\n\r\n")
def test_no_message_is_too_broken_to_be_judged(data: bytes) -> None:
    assert "error text.present" in said(check(message=lambda _: data))
