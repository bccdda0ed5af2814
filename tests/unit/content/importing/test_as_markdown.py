"""HTML becomes Markdown that our own parser accepts and shows as the same text."""

import re
from pathlib import Path

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.content.importing.page import read_fragment
from newsletter.content.markdown import to_html, to_text
from newsletter.content.values import Markdown
from newsletter.rendering.slots import SlotBook

BASE = "https://example.org/blog/page"


def markdown(html):
    return read_fragment(html, BASE)


def words(html):
    return re.findall(r"\w+", " ".join(lxml.html.fromstring(f"<div>{html}</div>").itertext()))


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>Some <b>bold</b> and <i>italic</i> words</p>", "Some **bold** and *italic* words"),
        ("<p><strong>Note:</strong>text <b>a</b><b>b</b></p>", "**Note:** text **ab**"),
        ("<p><b> spaced </b>out</p>", "**spaced** out"),
        ("<h1>One</h1><h2>Two</h2>", "## One\n\n### Two"),
        ("<h3>Three</h3><h4>Four</h4>", "## Three\n\n### Four"),
        ("<h2>1. Numbered</h2>", "## 1. Numbered"),
        ("<p>1. no list<br>- no list<br><br># no heading</p>", "1\\. no list\\\n\\- no list\n\n\\# no heading"),
        ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "- a\n  - b\n- c"),
        ("<ul><li>a<ol start='3'><li>b</li></ol></li></ul>", "- a\n\n  3. b"),
        ("<blockquote>said</blockquote>", "> said"),
        ("<p><q>said</q></p>", "“said”"),
        ("<pre>a\n  b</pre>", "```\na\n  b\n```"),
        ("<p>Use <code>a`b</code></p>", "Use ``a`b``"),
        (
            "<table><tr><th>A</th><th>B</th></tr><tr><td>1|2</td><td></td></tr></table>",
            "| A | B |\n| --- | --- |\n| 1\\|2 |  |",
        ),
        ("<table><tr><td><p>One</p></td></tr><tr><td><p>Two</p></td></tr></table>", "One\n\nTwo"),
        ("<dl><dt>Term</dt><dd>What it means</dd></dl>", "**Term**\n\nWhat it means"),
        ("<p><a href='/x y(1)'>go</a></p>", "[go](https://example.org/x%20y%281%29)"),
        (
            "<p><a href='tel:1'>call</a> <a href='mailto:?subject=x'>share</a> <a href='data:x'>d</a></p>",
            "call share d",
        ),
        ("<p><a href='#part'>here</a> <a href='https://example.org/blog/page#part'>there</a></p>", "here there"),
        ("<p><a href='mailto:a@example.org'>write</a></p>", "[write](mailto:a@example.org)"),
        ("<p>[x](y z) and [a]</p>", "\\[x\\] (y z) and \\[a\\]"),
        ("<p>snake_case _x_ 2*3 * 4</p>", "snake_case \\_x\\_ 2\\*3 * 4"),
        ("<p>&lt;b&gt; &amp;copy; a &lt; b</p>", "\\<b> \\&copy; a < b"),
        ("<p>::: only list=x</p>", "\\::: only list=x"),
        ("<p>{{ subscriber.name }} {% x %}</p>", "{ { subscriber.name }} { % x %}"),
        ("<p>{{{ <span>{</span>{ <code>{</code>%</p>", "{ { { { { `{`%"),
        ("<p><code>{{ x }}</code></p>", "`{ { x }}`"),
        ("<img src='/a.jpg' alt='A [b]'>", "![A \\[b\\]](https://example.org/a.jpg)"),
        (
            "<figure><img src='/a.jpg'><figcaption>Said</figcaption></figure>",
            "![Said](https://example.org/a.jpg)\n\n*Said*",
        ),
        ("<img src='/a.jpg'>", "![TK](https://example.org/a.jpg)"),
        ("<img src='/i.png' width='16'><img src='/i.svg'><img src='data:image/png;base64,xx'><p>t</p>", "t"),
        ("<img srcset='/s.jpg 400w, /m.jpg 1200w, /l.jpg 4000w' alt='W'>", "![W](https://example.org/m.jpg)"),
        ("<hr><p>text</p><hr>", "text"),
        ("text<p>para</p>tail", "text\n\npara\n\ntail"),
        ("<p>zero\u200bwidth and\u00a0hard</p>", "zerowidth and\u00a0hard"),
        ("", ""),
    ],
)
def test_html_becomes_markdown(html, expected):
    assert markdown(html) == expected


@pytest.mark.parametrize("depth", [1, 4, 5, 30])
@pytest.mark.parametrize(
    "tags", ["<ul><li>x", "<ol><li>x", "<blockquote>x", "<ul><li>x<blockquote>y", "<div><section>x"]
)
def test_whatever_is_nested_stays_within_what_an_issue_may_nest(tags, depth):
    source = markdown(
        tags * depth + "<p>end</p><table><tr><th>a</th><th>b</th></tr><tr><td>c</td><td>d</td></tr></table>"
    )
    assert "end" in to_text(Markdown(source, Path("x.md"), 1))


def test_text_that_looks_like_a_merge_tag_is_none():
    source = Markdown(markdown("<p>Write {{ subscriber.first_name }} or {% if %}.</p>"), Path("x.md"), 1)
    tagged = SlotBook("0" * 16, {}).tag(source)
    assert to_text(tagged) == "Write { { subscriber.first_name }} or { % if %}."


INLINE = ("b", "i", "em", "strong", "code", "a", "span", "q", "u")
BLOCK = (
    "p",
    "div",
    "ul",
    "ol",
    "li",
    "blockquote",
    "h2",
    "h3",
    "table",
    "tr",
    "td",
    "pre",
    "dl",
    "dt",
    "dd",
    "section",
)
TEXT = st.text(st.sampled_from("abcXYZ019 \n*_`#[](){}<>&!|~\\-+.:=\"'/%$^é“”…"), min_size=1, max_size=12)
HTML = st.recursive(
    TEXT.map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;")),
    lambda inner: st.one_of(
        st.builds(
            lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>",
            st.sampled_from(INLINE + BLOCK),
            st.lists(inner, max_size=4),
        ),
        st.just("<br>"),
        st.builds(lambda text: f'<a href="https://example.org/{text}">x{text}</a>', st.text("ab()[] {}%é", max_size=6)),
    ),
    max_leaves=14,
)


@given(HTML)
def test_no_html_makes_markdown_that_an_issue_would_refuse_or_show_otherwise(html):
    source = Markdown(markdown(html), Path("x.md"), 1)
    shown = words(to_html(source, {}, lambda image: image.media_name))
    to_text(source)
    assert "{{" not in source.source
    assert "{%" not in source.source
    assert "".join(shown) == "".join(words(html))
