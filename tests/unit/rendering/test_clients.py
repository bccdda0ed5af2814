"""Imitated programs: conditional comments are decided, and what a program ignores is gone."""

from __future__ import annotations

import pytest

from newsletter.rendering.clients import CLIENTS, GMAIL_CLIPS_AT, applies_to_word, as_client, for_word

BY_KEY = {client.key: client for client in CLIENTS}
PAGE = "<!DOCTYPE html><html><head><style>{css}</style></head><body>{body}</body></html>"


def page(body: str = "", css: str = "") -> str:
    return PAGE.replace("{css}", css).replace("{body}", body)


@pytest.mark.parametrize(
    ("test", "holds"),
    [
        ("mso", True),
        ("!mso", False),
        ("gte mso 9", True),
        ("lt mso 12", False),
        ("gt mso 16", False),
        ("mso 16", True),
        ("mso 15", False),
        ("(gte mso 9)|(IE)", True),
        ("(mso)&(!IE)", True),
        ("(mso)&(IE)", False),
        ("IE", False),
        ("!(mso | IE)", False),
        ("", False),
    ],
)
def test_conditions_are_decided_as_word_decides_them(test: str, holds: bool) -> None:
    assert applies_to_word(test) is holds


def test_word_reads_what_is_for_it_and_skips_what_is_not() -> None:
    html = (
        "a<!--[if mso]><table width='600'><tr><td><![endif]-->b"
        "<!--[if !mso]><!--><b>c</b><!--<![endif]-->"
        "<!--[if mso]></td></tr></table><![endif]-->d<!-- e -->"
    )
    assert for_word(html) == "a<table width='600'><tr><td>b</td></tr></table>d<!-- e -->"


def test_settings_for_word_do_not_show() -> None:
    html = "<!--[if mso]><xml><o:PixelsPerInch>96</o:PixelsPerInch></xml><style>p{color:red}</style><![endif]-->"
    assert for_word(html) == "<style>p{color:red}</style>"


def test_word_loses_round_corners_paddings_of_blocks_and_media_queries() -> None:
    shown = as_client(
        page(
            '<div style="border-radius:8px;padding:4px;color:#111111">x</div>'
            '<table><tr><td style="padding:4px">y</td></tr></table>',
            "@media (max-width:599px){.a{color:red}} .b{color:#222222} .c:hover{color:#333333}",
        ),
        BY_KEY["outlook"],
    )
    assert '<div style="color:#111111">' in shown
    assert '<td style="padding:4px">' in shown
    assert "@media" not in shown
    assert ":hover" not in shown
    assert ".b{color:#222222}" in shown.replace(" ", "")


def test_word_obeys_properties_of_its_own() -> None:
    cell = '<td style="color:#111111;mso-padding-alt:14px 28px">x</td>'
    body = f'<table><tr>{cell}</tr></table><p style="mso-hide:all">y</p>'
    shown = as_client(page(body), BY_KEY["outlook"])
    assert 'style="color:#111111;padding:14px 28px"' in shown
    assert 'style="display:none"' in shown
    assert "mso-padding-alt" in as_client(page(body), BY_KEY["gmail"])


@pytest.mark.parametrize("key", ["gmail", "outlookweb", "yahoo"])
def test_webmail_keeps_queries_for_width_and_drops_those_for_dark_mode(key: str) -> None:
    css = "@media (max-width:599px){.a{width:100%!important}} @media (prefers-color-scheme:dark){.a{color:red}}"
    shown = as_client(page("<p>x</p>", css), BY_KEY[key])
    assert "@media (max-width:599px){.a{width:100%!important}}" in shown
    assert "prefers-color-scheme" not in shown


def test_variables_reach_nobody() -> None:
    assert "var(" not in as_client(page('<p style="color:var(--x);margin:0">x</p>'), BY_KEY["gmail"])


def test_gmail_clips_what_is_too_long_and_nothing_else() -> None:
    words = "<p>word</p>" * (GMAIL_CLIPS_AT // 11 + 50)
    shown = as_client(page(words), BY_KEY["gmail"])
    assert "[Message clipped]" in shown
    assert shown.endswith("</html>")
    assert "clipped" not in as_client(page("<p>word</p>"), BY_KEY["gmail"])
