"""Markdown becomes safe HTML and pleasant text, or an error at its line."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.content.markdown import image_refs, to_html, to_text
from newsletter.content.values import Image, Markdown
from newsletter.errors import ContentError

PATH = Path("issues/a/01-b.md")
PICTURE = Image(PATH.with_name("p.jpg"), 1072, 603, "image/jpeg", "d1", "jpg")
SMALL = Image(PATH.with_name("s.png"), 100, 50, "image/png", "d2", "png")
IMAGES = {"p.jpg": PICTURE, "my pics/s.png": SMALL}
TOKEN = "NLSLOT7f3a9c0002X"
SAFE: dict[str, AbstractSet[str]] = {
    **dict.fromkeys(("br", "code", "em", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "li", "pre", "strong"), frozenset()),
    **dict.fromkeys(("tbody", "thead", "tr"), frozenset()),
    "a": {"href", "id", "role", "title"},
    "blockquote": {"class"},
    "div": {"class"},
    "img": {"alt", "class", "height", "src", "width"},
    "ol": {"start"},
    "p": {"class", "id"},
    "sup": {"class"},
    "table": {"border", "cellpadding", "cellspacing", "class", "role"},
    "td": {"align", "class"},
    "th": {"align", "scope"},
    "ul": {"class"},
}
CLASSES = {
    *("btn", "callout", "callout-title", "caption", "data", "digest", "events", "figure", "fn", "footnotes", "note"),
    *("pic", "quote", "quote-by", "tip", "warning", "what", "when"),
}
ROLES = {"doc-backlink", "doc-noteref", "presentation"}


def md(source: str, line: int = 1) -> Markdown:
    return Markdown(source, PATH, line)


def html(source: str, line: int = 1) -> str:
    return to_html(md(source, line), IMAGES, lambda image, _width: f"https://news.example.org/media/{image.media_name}")


def failure(source: str, line: int = 1) -> ContentError:
    with pytest.raises(ContentError) as caught:
        html(source, line)
    assert caught.value.path == PATH
    assert caught.value.hint
    return caught.value


def test_headings_are_demoted_but_not_beyond_the_last() -> None:
    assert html("## A\n\n###### B") == "<h3>A</h3>\n<h6>B</h6>\n"
    assert to_html(md("## A"), {}, lambda *_: "", heading_offset=2) == "<h4>A</h4>\n"


def test_picture_is_shown_at_column_width_in_proportion() -> None:
    assert html("![A path](p.jpg)") == (
        '<p><img src="https://news.example.org/media/d1.jpg" alt="A path" width="536" height="302" class="pic"></p>\n'
    )
    assert 'width="100" height="50"' in html("![Small](<my pics/s.png>)")


def test_picture_without_description_is_an_error_at_its_line() -> None:
    error = failure("one\n\ntwo\n![](p.jpg)", line=10)
    assert error.line == 13
    assert "p.jpg" in error.message


def test_unknown_picture_is_an_error() -> None:
    assert failure("- x\n- ![alt](other.jpg)", line=5).line == 6


@pytest.mark.parametrize(
    "href", ["https://example.org/a?b=1", "http://example.org", "mailto:a@example.org", "#later", TOKEN]
)
def test_links_that_work_in_a_mail_pass(href: str) -> None:
    assert f'<a href="{href}">x</a>' in html(f"[x]({href})")


@pytest.mark.parametrize(
    "href",
    [
        *("about.html", "/about", "//example.org/x", "?a", "#", "javascript:alert(1)", "JaVaScRiPt:alert(1)"),
        *("data:text/html,x", "file:///etc/passwd", "https:///x", "http://[::1", "ftp://example.org", "vbscript:x"),
        *("mailto:", f"x{TOKEN}", "NLSLOTghX", "java&#115;cript:alert(1)"),
    ],
)
def test_links_that_do_not_work_in_a_mail_are_errors_at_their_line(href: str) -> None:
    assert failure(f"one\ntwo [x]({href})", line=4).line == 5
    with pytest.raises(ContentError):
        to_text(md(f"[x]({href})"))


def test_link_with_spaces_is_an_error_instead_of_visible_brackets() -> None:
    assert "angle brackets" in failure("![A path](my path.jpg)").hint
    assert "`[a](b c)`" not in html("`[a](b c)`")


def test_raw_html_is_shown_not_obeyed() -> None:
    shown = html('<b onclick="x">b</b>\n\n<div>\nx\n</div> `<script>` \\<style>')
    assert "&lt;b onclick" in shown
    assert "&lt;script&gt;" in shown
    assert "<b" not in shown.replace("<br", "")


@pytest.mark.parametrize("tag", ["<script>x</script>", "<STYLE>p{}</STYLE>", '<iframe src="x">', "x </script>"])
def test_tags_that_an_editor_may_believe_to_work_are_errors_at_their_line(tag: str) -> None:
    for source, line in ((f"one\ntwo {tag}", 5), (f"- a\n- > b\n  > {tag}", 6), (f"\\* {tag}", 4)):
        error = failure(source, line=4)
        assert error.line == line
        assert "cannot carry" in error.message


def test_tables_carry_alignment_as_mail_clients_read_it() -> None:
    shown = html("| A | B |\n|---|--:|\n| 1 | 2 |")
    assert '<th align="right" scope="col">B</th>' in shown
    assert '<td align="right">2</td>' in shown
    assert "style" not in shown


def test_slot_tokens_pass_untouched() -> None:
    assert html(f"Dear {TOKEN},") == f"<p>Dear {TOKEN},</p>\n"
    assert to_text(md(f"# Dear {TOKEN}\n\n[Leave]({TOKEN})")).endswith(f"Leave:\n{TOKEN}")


def test_image_refs_are_as_written_with_their_lines() -> None:
    source = "![a](p.jpg)\nx ![b](<my pics/s.png>)\n\n> ![c](ü.jpg)\n\n`![d](no.jpg)`"
    assert image_refs(md(source, 20)) == [("p.jpg", 20), ("my pics/s.png", 21), ("ü.jpg", 23)]


@pytest.mark.parametrize(
    "source",
    [
        "> " * 40 + "x",
        "\n".join("  " * i + "- x" for i in range(40)),
        "*a _b " * 400 + "c_ d* " * 400,
        "![" * 9 + "a" + "](x)" * 9,
    ],
)
def test_deep_nesting_is_a_clear_error(source: str) -> None:
    assert "nested" in failure(source).message


def test_lists_in_quotes_in_lists_are_fine() -> None:
    assert html("- a\n  - b\n    - c\n      > d\n      > - *e **f** g*").count("<ul>") == 4


@pytest.mark.parametrize("unit", ["*a **b ", "|a", "`", "<", "&", "\\", "# a\n", "a\n"])
def test_oversized_text_is_refused_and_hostile_text_ends_soon(unit: str) -> None:
    assert "200 KB" in failure(unit * (1_000_000 // len(unit))).message
    assert to_text(md("a" + unit * (20_000 // len(unit))))


@pytest.mark.parametrize("unit", ["[", "![", "[]("])
def test_brackets_by_the_thousand_are_refused_and_fewer_end_soon(unit: str) -> None:
    assert "200 KB" in failure(unit * (1_000_000 // len(unit))).message
    assert "square brackets" in failure("a" + unit * 2_001).message
    assert to_text(md("a" + unit * 2_000))


def test_plain_text_reads_well() -> None:
    source = (
        "## Two *steps*\n\nFirst **rest**, then [walk](https://example.org/walk) as far as is comfortable, "
        "and <https://example.org/x>.\n\n- one\n- two\n  1. sub\n\n> Slowly.\n\n---\n\n![A path](p.jpg)\n\n"
        "```\nif a < b:\n```\n\nWrite to [us](mailto:a@example.org)\\\nor [later](#later)."
    )
    assert to_text(md(source)).split("\n") == [
        "Two steps",
        "---------",
        "",
        "First rest, then walk <https://example.org/walk> as far as is",
        "comfortable, and https://example.org/x.",
        "",
        "- one",
        "- two",
        "  1. sub",
        "",
        "> Slowly.",
        "",
        "* * *",
        "",
        "[A path]",
        "",
        "    if a < b:",
        "",
        "Write to us <a@example.org>",
        "or later.",
    ]


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("[Find help](https://example.org/h)", ["Find help:", "https://example.org/h"]),
        ("**[Find help!](https://example.org/h)**", ["Find help!", "https://example.org/h"]),
        ("<https://example.org/h>", ["https://example.org/h"]),
        ("[https://example.org/ü](https://example.org/ü)", ["https://example.org/%C3%BC"]),
    ],
)
def test_link_alone_in_its_paragraph_has_its_address_alone_on_a_line(source: str, lines: list[str]) -> None:
    assert to_text(md(source)).split("\n") == lines


def test_addresses_are_never_broken_and_other_lines_fit() -> None:
    address = "https://example.org/" + "a-b/" * 40
    for line in to_text(md(f"{'word ' * 30}[{'text ' * 10}]({address}) {'word ' * 30}")).split("\n"):
        assert len(line) <= 72 or address in line
    assert f"<{address}>" in to_text(md(f"a [b]({address}) c"))


def test_wide_table_becomes_records_and_a_narrow_one_columns() -> None:
    assert to_text(md("| A | Bee |\n|---|---|\n| one | 2 |")).split("\n") == ["A    Bee", "---  ---", "one  2"]
    wide = to_text(md(f"| A | Bee |\n|---|---|\n| one | {'word ' * 20}|"))
    assert wide.startswith("A: one\nBee: word")
    assert max(map(len, wide.split("\n"))) <= 72


def test_entities_are_characters_in_plain_text() -> None:
    assert to_text(md("Fish &amp; chips &lt; 5 &nbsp;€")) == "Fish & chips < 5 \xa0€"


class Tags(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


PIECES = st.sampled_from(
    [
        *("<script>", "</script>", "<img src=x onerror=alert(1)>", "<b>", "<!--", "-->", "<?x", "<![CDATA[", "<style>"),
        *("[x](", ")", "![a](p.jpg)", "javascript:alert(1)", "https://example.org", "`", "```\n", "\n", "\n\n", "> "),
        *("&lt;script&gt;", "&#60;b&#62;", "<https://example.org/", ">", '"', "' onclick=x", "| a | b |\n|--|--|\n"),
        *("<svg/onload=x>", "<a href='javascript:x'>", "*", "**", "_", "\\", "- ", "1. ", "    ", TOKEN, "word", "# "),
        *("\n:::\n", "\n::: tip ", "\n::: events\n- ", " — ", "\n::: button https://example.org ", "\n::: quote "),
        *("[^1]", "\n\n[^1]: ", "{width=300}", "{onload=x}", '![a](p.jpg "', '"){width=50%}', "::: x"),
    ]
)
SOURCES = st.lists(PIECES | st.text(max_size=6), max_size=14).map("".join)
WORDS = st.lists(
    st.sampled_from(
        [
            *("<b onclick=x>", "&lt;script&gt;", "[x](https://example.org)", "*a*", '"', "it's", "--", "...", "`<i>`"),
            *("![a](p.jpg){width=50%}", "[^1]", TOKEN, "https://example.org/?a=<b>", "\\<style>", "' onload=x '", "|"),
        ]
    ),
    min_size=1,
    max_size=5,
).map(" ".join)
BLOCKS = st.recursive(
    WORDS
    | WORDS.map("- {0}\n- {0}".format)
    | WORDS.map('![a](p.jpg "{}")'.format)
    | WORDS.map("::: button https://example.org/?x=%3Cb {}".format)
    | WORDS.map("::: events\n- {0} — {0}\n:::".format)
    | WORDS.map("::: digest\n- {0}\n- {0}\n:::".format),
    lambda inner: st.tuples(st.sampled_from(["callout", "note", "tip", "warning", "quote"]), WORDS, inner).map(
        lambda parts: "::: {} {}\n{}\n:::".format(*parts)
    ),
    max_leaves=3,
)
ISSUES = st.tuples(st.lists(BLOCKS, max_size=5), WORDS).map(
    lambda parts: "\n\n".join([*parts[0], "see[^1]", f"[^1]: {parts[1].replace('[^1]', '')}"])
)


def check_safe(shown: str) -> None:
    for tag, attrs in Tags(shown).seen:
        assert set(attrs) <= SAFE[tag]
        assert set((attrs.get("class") or "").split()) <= CLASSES
        assert attrs.get("role") in {None, *ROLES}
        assert re.fullmatch(r"fn(ref)?-01-b-[0-9]+", attrs.get("id") or "fn-01-b-1")
        if tag == "a":
            assert re.match(r"https?://|mailto:|#|NLSLOT", attrs.get("href") or "")
        if tag == "img":
            assert (attrs["src"] or "").startswith("https://news.example.org/media/")


def is_free_of_tags(text: str) -> bool:
    return not re.search(r"<[A-Za-z/!?]", re.sub(r"<(?:https?://|NLSLOT)\S*>", "", text))


@settings(deadline=None, derandomize=True)
@given(SOURCES)
@example("<b>alert(1)</b>")
@example("&lt;script&gt;alert(1)&lt;/script&gt;")
@example('[x](https://example.org/"onclick=x)')
def test_html_never_contains_a_live_tag_from_content(source: str) -> None:
    try:
        check_safe(html(source))
    except ContentError as error:
        assert error.line  # noqa: PT017 - refused is as good as harmless, when it says where


@settings(deadline=None, derandomize=True)
@given(SOURCES.filter(lambda source: not re.search(r"`|~|\t|    ", source)))
@example("<b>alert(1)</b>")
@example("&lt;script&gt;alert(1)&lt;/script&gt;")
def test_text_never_contains_anything_like_a_tag_outside_code(source: str) -> None:
    try:
        shown = to_text(md(source))
    except ContentError:
        return
    assert is_free_of_tags(shown)


@settings(deadline=None, derandomize=True)
@given(ISSUES, st.booleans())
def test_containers_and_notes_stay_within_the_allowed_and_out_of_the_text(source: str, typography: bool) -> None:
    content = Markdown(source, PATH, 1, typography=typography)
    try:
        shown = to_html(content, IMAGES, lambda image, _width: f"https://news.example.org/media/{image.media_name}")
    except ContentError as error:
        assert error.line  # noqa: PT017 - a list in a button, say
        return
    check_safe(shown)
    assert is_free_of_tags(to_text(content).replace("<i>", ""))
