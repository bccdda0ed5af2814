"""The contract with premailer: what it must do for us, and what it must never do to us."""

from __future__ import annotations

import logging
import socket
from typing import Any

import cssutils
import pytest

from newsletter.errors import RenderError
from newsletter.rendering.inline import dialect_problems, inline_css

IGNORED = """
@media (max-width:599px){.a{color:#111111!important}}
@media (prefers-color-scheme:dark){.a>b{color:#fff!important}}
"""


def page(body: str, css: str = ".a { color: #ff0000; }", ignored: str = IGNORED) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><title>T</title>'
        f'<style>{css}</style><style data-premailer="ignore">{ignored}</style></head><body>{body}</body></html>'
    )


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a socket was opened while inlining")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_rules_become_style_attributes_and_the_theme_block_is_gone() -> None:
    result = inline_css(page('<p class="a">x</p>'))
    assert '<p class="a" style="color:#ff0000">x</p>' in result
    assert ".a { color" not in result


def test_the_doctype_stays_first() -> None:
    assert inline_css(page("x")).startswith("<!DOCTYPE html>\n<html")


def test_the_ignored_block_stays_byte_for_byte() -> None:
    result = inline_css(page("x"))
    assert f"<style>{IGNORED}</style>" in result
    assert "data-premailer" not in result


def test_slots_survive_everywhere() -> None:
    token = "NLSLOTab120000X"
    result = inline_css(
        page(f'<a class="a" href="{token}" title="{token}">{token}</a><!--[if mso]>{token}<![endif]-->')
    )
    assert result.count(token) == 4
    assert f'href="{token}"' in result


def test_sizes_of_pictures_are_left_alone() -> None:
    picture = '<img class="a" src="https://example.org/x.jpg" width="600" height="300" alt="">'
    result = inline_css(page(picture, ".a { width: 100%; height: auto; text-align: left; }"))
    assert 'width="600" height="300"' in result
    assert "align=" not in result.replace("text-align", "")


def test_conditional_comments_stay_byte_for_byte() -> None:
    comment = '<!--[if mso]><table width="600"><tr><td><style>p{margin:0}</style><![endif]-->'
    other = "<!--[if !mso]><!-->"
    result = inline_css(page(f"{comment}<p class='a'>x</p>{other}y<!--<![endif]-->"))
    assert comment in result
    assert other in result


def test_entities_and_letters_beyond_ascii_survive() -> None:
    assert "Grüße\N{NO-BREAK SPACE} 😀" in inline_css(page("<p>Grüße&nbsp; 😀</p>"))


@pytest.mark.parametrize(
    "rule",
    [
        "@import url(http://127.0.0.1:9/x.css);",
        "@IMPORT 'http://127.0.0.1:9/x.css';",
        "@\\69mport url(http://127.0.0.1:9/x.css);",
        "@im\\port url(http://127.0.0.1:9/x.css);",
    ],
)
def test_an_import_is_refused_and_fetches_nothing(rule: str) -> None:
    with pytest.raises(RenderError):
        inline_css(page("x", rule + ".a{color:#ff0000}"))


def test_cssutils_itself_cannot_fetch() -> None:
    sheet = cssutils.parseString("@import url(http://127.0.0.1:9/x.css); a{color:red}")
    assert sheet.cssRules.length == 2


def test_a_linked_style_sheet_is_refused() -> None:
    with pytest.raises(RenderError, match="<link>"):
        inline_css(page('<link rel="stylesheet" href="http://127.0.0.1:9/x.css">'))


def test_what_was_inlined_is_not_inlined_again() -> None:
    with pytest.raises(RenderError, match="only once"):
        inline_css(inline_css(page("x")))


@pytest.mark.parametrize("html", ["<!doctype html><html>", "\ufeff<!DOCTYPE html>", "<!-- x --><!DOCTYPE html>", ""])
def test_a_layout_begins_with_the_doctype_in_capitals(html: str) -> None:
    with pytest.raises(RenderError, match="DOCTYPE"):
        inline_css(html)


@pytest.mark.parametrize(
    "css",
    [
        ".a { color: #ff0000 !important; }",
        "@media print { .a { color: #ff0000; } }",
        ".a:hover { color: #ff0000; }",
        "table > tr { color: #ff0000; }",
        "p[class] { color: #ff0000; }",
        "* { color: #ff0000; }",
        ".a { background: #ff0000; }",
        ".a { color: rgb(0 0 0 / 50%); }",
        ".a { color: #f00; }",
        ".a { color: #ff000080; }",
        ".a { color: var(--brand); }",
        ".a { background-image: url(x.png); }",
        ".a { color }",
        "}",
    ],
)
def test_a_theme_outside_the_dialect_is_refused(css: str) -> None:
    assert list(dialect_problems(css))
    with pytest.raises(RenderError, match=r"theme\.css: line 1"):
        inline_css(page("x", css))


def test_a_good_theme_has_no_problems() -> None:
    assert not list(dialect_problems("p, .a .b { color: #ff0000; mso-padding-alt: 1px; margin: 0 auto }"))


def test_complaints_of_the_css_parser_are_not_lost() -> None:
    with pytest.raises(RenderError, match="error"):
        inline_css(page('<p class="a" style="color:#ff0000;}{">x</p>'))


def test_nothing_is_printed_and_handlers_do_not_pile_up(capsys: pytest.CaptureFixture[str]) -> None:
    before = list(logging.getLogger("CSSUTILS").handlers)
    for _ in range(3):
        inline_css(page('<p class="a" style="mso-line-height-rule:exactly">x</p>'))
    assert logging.getLogger("CSSUTILS").handlers == before
    assert capsys.readouterr() == ("", "")
