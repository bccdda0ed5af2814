"""Containers become the parts of a newsletter, in HTML and in text, or an error at their line."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest

from newsletter.content.markdown import image_refs, to_html, to_text
from newsletter.content.values import Image, Markdown
from newsletter.errors import ContentError

PATH = Path("issues/a/01-b.md")
IMAGES = {"p.jpg": Image(PATH.with_name("p.jpg"), 1072, 603, "image/jpeg", "d1", "jpg")}
BUTTON = '<table class="btn" role="presentation" cellpadding="0" cellspacing="0" border="0">'


def html(source: str, line: int = 1, language: str = "en") -> str:
    found = to_html(Markdown(source, PATH, line, language), IMAGES, lambda image, width: f"https://x/{width}")
    return found.replace("\n", "")


def text(source: str) -> list[str]:
    return to_text(Markdown(source, PATH, 1)).split("\n")


def failure(source: str, line: int = 1) -> ContentError:
    with pytest.raises(ContentError) as caught:
        html(source, line)
    with pytest.raises(ContentError):
        to_text(Markdown(source, PATH, line))
    assert caught.value.path == PATH
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("name", ["note", "tip", "warning"])
def test_call_out_without_a_title_gets_the_name_of_its_kind(name: str) -> None:
    shown = html(f"::: {name}\nMind *this*.\n:::")
    title = name.capitalize()
    assert shown == (
        f'<div class="callout {name}"><p class="callout-title">{title}</p><p>Mind <em>this</em>.</p></div>'
    )
    assert text(f"::: {name}\nMind *this*.\n:::") == [f"| {title}", "| Mind this."]


def test_call_out_speaks_the_language_of_the_site() -> None:
    assert "Hinweis" in html("::: note\nx\n:::", language="de-AT")
    assert "Attention" in html("::: warning\nx\n:::", language="fr")
    assert "Note" in html("::: note\nx\n:::", language="nl")


def test_title_of_a_call_out_may_hold_markup() -> None:
    assert '<p class="callout-title">Start <strong>small</strong></p>' in html(":::callout Start **small**\nx\n:::")
    assert "callout-title" not in html("::: callout\nx\n:::")


def test_containers_nest_whatever_their_number_of_colons() -> None:
    for outer, inner in ((":::", ":::"), ("::::", ":::"), (":::", "::::")):
        shown = html(f"{outer} callout A\n{inner} tip B\nx\n{inner}\ny\n{outer}\nz")
        assert shown.index("B") < shown.index("x</p></div>") < shown.index("y</p></div>") < shown.index("<p>z")


def test_code_may_hold_colons() -> None:
    assert "<code>::: tip:::</code>" in html("::: note\n```\n::: tip\n:::\n```\n:::")
    assert "<code>::: tip</code>" in html("    ::: tip")
    assert "<p>::: tip</p>" in html("\\::: tip")


def test_container_ends_paragraph_list_and_quote() -> None:
    shown = html("word\n::: tip\n- one\n:::\n> quote\n::: tip\nx\n:::")
    assert "<p>word</p><div" in shown
    assert "<li>one</li></ul></div>" in shown
    assert "<p>quote</p></blockquote><div" in shown


def test_container_stands_in_a_list_or_quote() -> None:
    assert "<li>a<div class" in html("- a\n  ::: tip\n  b\n  :::\n- c")
    assert "<blockquote><div class" in html("> ::: tip\n> b\n> :::")


def test_quote_names_who_said_it() -> None:
    source = "::: quote Ada Lovelace, [here](https://example.org)\nThat *brain* of mine.\n:::"
    assert html(source) == (
        '<blockquote class="quote"><p>That <em>brain</em> of mine.</p>'
        '<p class="quote-by">Ada Lovelace, <a href="https://example.org">here</a></p></blockquote>'
    )
    assert text(source) == ["> That brain of mine.", ">", "> — Ada Lovelace, here <https://example.org>"]
    assert html("::: quote\nx\n:::") == '<blockquote class="quote"><p>x</p></blockquote>'


def test_button_is_one_line() -> None:
    source = "Come.\n::: button https://example.org/a?b=1&c=2 Book a visit\nSoon."
    link = '<a href="https://example.org/a?b=1&amp;c=2">Book a visit</a>'
    assert html(source) == (
        f'<p>Come.</p>{BUTTON}<tbody><tr><td align="center">{link}</td></tr></tbody></table><p>Soon.</p>'
    )
    assert text(source) == ["Come.", "", "Book a visit:", "https://example.org/a?b=1&c=2", "", "Soon."]


def test_button_may_stand_in_a_call_out_and_lead_to_a_link_of_ours() -> None:
    shown = html("::: tip\n::: button NLSLOT7f3a9c0002X Leave\n:::")
    assert '<a href="NLSLOT7f3a9c0002X">Leave</a>' in shown
    assert shown.endswith("</table></div>")


@pytest.mark.parametrize(
    "line",
    [
        *(
            "::: button",
            "::: button https://example.org",
            "::: button Book https://example.org",
            "::: button about.html x",
        ),
        *("::: button javascript:alert(1) x", "::: button https://example.org [x](https://example.org)"),
        *("::: button https://example.org ![x](p.jpg)", "::: button https://example.org x[^1]\n\n[^1]: x"),
    ],
)
def test_button_that_leads_nowhere_is_an_error(line: str) -> None:
    assert failure(f"x\n\n{line}", line=5).line == 7


def test_events_stand_beside_their_dates() -> None:
    source = (
        "::: events\n- 12 October — Open day, [sign up](https://example.org)\n- **3 November**, 18:00 -- *Talk*\n:::"
    )
    assert html(source) == (
        '<table class="events" role="presentation"><tbody><tr><td class="when">12 October</td>'
        '<td class="what">Open day, <a href="https://example.org">sign up</a></td></tr>'
        '<tr><td class="when"><strong>3 November</strong>, 18:00</td><td class="what"><em>Talk</em></td></tr>'
        "</tbody></table>"
    )
    assert text(source) == ["12 October         Open day, sign up <https://example.org>", "3 November, 18:00  Talk"]


def test_long_dates_stand_above_their_events() -> None:
    source = "::: events\n- Every Tuesday until the end of the year - Walk\n\n  Bring shoes.\n:::"
    assert text(source) == ["Every Tuesday until the end of the year", "    Walk", "", "    Bring shoes."]
    assert '<td class="what">Walk<p>Bring shoes.</p></td>' in html(source)


@pytest.mark.parametrize(
    "source",
    [
        *("::: events\n12 October — Open day\n:::", "::: events\n- Open day\n:::", "::: events\n- — Open day\n:::"),
        *("::: events\n- 12 October —\n:::", "::: events\n- `12 — 13`\n:::", "::: events\n-\n:::"),
        *("::: events\n- # x — y\n:::", "::: events Soon\n- a — b\n:::", "::: events\n- a — b\n\nx\n:::"),
        *("::: digest\nx\n:::", "::: digest\n1. x\n:::"),
    ],
)
def test_list_that_is_not_as_it_should_be_is_an_error(source: str) -> None:
    assert failure(source, line=8).line in {8, 9}
    assert "- " in failure(source).hint or "heading" in failure(source).hint


def test_digest_is_a_list() -> None:
    source = "::: digest\n- [A](https://example.org): one\n- B\n:::"
    assert html(source).startswith('<ul class="digest"><li><a href')
    assert text(source) == ["- A <https://example.org>: one", "- B"]


def test_unknown_container_is_an_error_that_names_the_known() -> None:
    error = failure("a\n\n::: wraning\nx\n:::", line=3)
    assert error.line == 5
    assert 'Did you mean "warning"?' in error.hint
    assert "button, callout, digest, events, note, only, quote, tip, warning" in error.hint


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("x\n\n::: tip\ny", 3, "never closed"),
        ("::: tip\n```\n:::\n", 1, "never closed"),
        ("- ::: tip\n  x\n\n:::", 1, "never closed"),
        ("x\n:::\ny", 2, "closes nothing"),
        ("::: button https://example.org x\n:::", 2, "closes nothing"),
        ("::: tip\n:::", 1, "empty"),
        ("> ::: only tag=a\n> x\n> :::", 1, "cannot stand"),
        ("::: {.tip}\nx\n:::", 1, "no container"),
    ],
)
def test_container_that_is_not_right_is_an_error_at_its_line(source: str, line: int, words: str) -> None:
    error = failure(source, line=11)
    assert error.line == line + 10
    assert words in error.message


def test_errors_inside_containers_have_their_own_lines() -> None:
    assert failure("::: tip\na\n\n- b\n- [x](about.html)\n:::", line=3).line == 7
    assert failure("::: events\n- a — b\n- c — [x](about.html)\n:::", line=3).line == 5
    assert failure("::: tip [x](about.html)\na\n:::", line=3).line == 3


def test_pictures_are_found_wherever_they_stand() -> None:
    source = "::: nonsense ![a](p.jpg)\n![b](q.jpg)\n\n- ![c](r.jpg){width=300}\n:::"
    assert image_refs(Markdown(source, PATH, 5)) == [("p.jpg", 5), ("q.jpg", 6), ("r.jpg", 8)]


def test_figure_has_its_caption_below() -> None:
    source = '![A path](p.jpg "Photo: \\"Ada\\" & Co"){width=300}'
    assert html(source) == (
        '<div class="figure"><img src="https://x/300" alt="A path" width="300" height="169" class="pic">'
        '<p class="caption">Photo: "Ada" &amp; Co</p></div>'
    )
    assert text(source) == ["[A path]", 'Photo: "Ada" & Co']
    assert "<a href" in html('[![A path](p.jpg "Photo")](https://example.org)').partition("caption")[0]


@pytest.mark.parametrize(
    ("braces", "width"),
    [
        ("{width=300}", 300),
        ('{ width="300px" }', 300),
        ("{width=50%}", 268),
        ("{width=100%}", 536),
        (" {width=20}", 20),
    ],
)
def test_width_is_in_pixels_or_a_share_of_the_column(braces: str, width: int) -> None:
    shown = html(f"x ![A path](p.jpg){braces} y")
    assert f'width="{width}"' in shown
    assert "{" not in shown


@pytest.mark.parametrize(
    "braces", ["{width=0}", "{width=537}", "{width=101%}", "{height=3}", "{.left}", "{}", "{width=300 height=2}"]
)
def test_braces_that_are_no_width_are_an_error(braces: str) -> None:
    assert failure(f"a\n\nb\n![A path](p.jpg){braces}", line=2).line == 5


def test_braces_elsewhere_are_text() -> None:
    assert "{width=300}" in html("word{width=300}, `x`{width=300} and ![A path](p.jpg) then {width=300}")


def test_small_picture_is_not_scaled_up() -> None:
    small = {"s.png": Image(PATH, 100, 50, "image/png", "d2", "png")}
    shown = to_html(Markdown("![Small](s.png){width=300}", PATH, 1), small, lambda *_: "https://x")
    assert 'width="100" height="50"' in shown


def test_caption_within_a_text_is_an_error() -> None:
    assert failure('a\n![A path](p.jpg "Photo") b', line=2).line == 3


@pytest.mark.parametrize(
    "source",
    [
        *("::: tip\n" * 5_000, "::: tip\n" * 30 + "x\n" + ":::\n" * 30, ":::\n" * 10_000, "> ::: tip\n" * 5_000),
        *("::: events\n" + "- a" + " " * 40_000 + "\n:::", "::: digest\n" + "- " * 20_000 + "\n:::"),
        *("::: button " + "x" * 40_000, "![a](p.jpg){" + "{" * 40_000, "::: " + ":" * 40_000, ":::" * 15_000),
        *("- ::: tip\n" * 10_000, "::: tip\n```\n" * 10_000),
    ],
    ids=lambda source: repr(source[:12]),
)
def test_hostile_containers_end_soon(source: str) -> None:
    started = time.process_time()
    with contextlib.suppress(ContentError):
        html(source)
    assert time.process_time() - started < 3


def test_nesting_too_deep_is_an_error_at_its_line() -> None:
    error = failure("::: tip\n" * 14 + "x\n" + ":::\n" * 14, line=101)
    assert "nested too deeply" in error.message
    assert 110 < error.line <= 116
