"""Whole pages of the kinds that are about, each with what a careful person would take from it."""

import json
import re
from pathlib import Path

import pytest

from newsletter.content.importing.page import decode, parse, read_page
from newsletter.content.markdown import to_html, to_text
from newsletter.content.values import Markdown
from newsletter.errors import NewsletterError

PAGES = Path(__file__).parent / "pages"
NAMES = sorted(path.stem for path in PAGES.glob("*.html"))
URL = "https://larkfield.example.org/blog/page"


def page(name):
    return read_page((PAGES / f"{name}.html").read_text("utf-8"), URL)


@pytest.mark.parametrize("name", NAMES)
def test_everything_that_a_page_tells_is_found(name):
    found = page(name).as_json()
    body = found.pop("body")
    assert found == json.loads((PAGES / f"{name}.json").read_text("utf-8"))
    assert body + "\n" == (PAGES / f"{name}.md").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_out_is_markdown_an_issue_can_be_made_of(name):
    body = Markdown(re.sub(r"!\[.*?\]\(.*?\)", "", page(name).body), Path("imported.md"), 1)
    assert "<script" not in to_html(body, {}, lambda image: image.media_name)
    assert to_text(body)


def article(body, head=""):
    return (
        f"<html lang='en'><head>{head}</head><body><article><h1>On rest and its uses</h1>{body}</article></body></html>"
    )


TEXT = "".join(
    f"<p>Paragraph {n} says something about rest that is long enough to be taken for prose.</p>" for n in range(5)
)


@pytest.mark.parametrize(
    "clutter",
    [
        "<nav><a href='/'>UNWANTED</a></nav>",
        "<form><p>UNWANTED</p><input></form>",
        "<div class='signup'><h3>UNWANTED</h3><p>UNWANTED every week.</p><form><input></form></div>",
        "<div id='comments'><h3>Comments</h3><p>UNWANTED, said somebody at considerable length.</p></div>",
        "<div><h2>Leave a reply</h2><ol><li>UNWANTED</li></ol></div>",
        "<h2>Related posts</h2><ul><li><a href='/1'>UNWANTED</a></li><li><a href='/2'>UNWANTED</a></li></ul>",
        "<div class='social-share'><a href='#'>UNWANTED</a></div>",
        "<p class='screen-reader-text'>UNWANTED</p>",
        "<p style='display: none'>UNWANTED</p>",
        "<p hidden>UNWANTED</p>",
        "<aside><p>UNWANTED</p></aside>",
        "<script>UNWANTED</script><style>UNWANTED</style><noscript>UNWANTED</noscript>",
        "<p>Subscribe to our free newsletter, UNWANTED!</p>",
        "<p>Filed under: UNWANTED</p>",
        "<p>Advertisement</p><!-- UNWANTED -->",
        "<ul><li><a href='#a'>UNWANTED one</a></li><li><a href='#b'>UNWANTED two</a></li></ul>",
    ],
)
@pytest.mark.parametrize("place", [0, 3, 5])
def test_clutter_is_left_out_wherever_it_stands(clutter, place):
    paragraphs = TEXT.split("</p>")[:-1]
    paragraphs.insert(place, clutter.removesuffix("</p>"))
    body = read_page(article("</p>".join(paragraphs) + "</p>"), URL).body
    assert "UNWANTED" not in body
    assert body.count("Paragraph") == 5


@pytest.mark.parametrize(
    "kept",
    [
        "<h2>Get moving early</h2>",
        "<h2>Share the load</h2>",
        "<h2>Discussion</h2>",
        "<h2>Response</h2>",
        "<h2>About twice a day</h2>",
        "<p>Next, stand up slowly.</p>",
        "<p>Related problems are common in runners.</p>",
        "<p>Read more slowly than you used to.</p>",
        "<ul><li>Share the work.</li><li>Print nothing on Mondays.</li></ul>",
        "<blockquote>Join in where the music is best.</blockquote>",
        "<figure><img src='/a.jpg' alt='Rest'><figcaption>Somebody at rest</figcaption></figure>",
    ],
)
def test_what_only_sounds_like_clutter_stays(kept):
    words = re.sub(r"<[^>]+>", " ", kept).split()
    body = read_page(article(TEXT + kept + TEXT), URL).body
    assert " ".join(words[:3]) in re.sub(r"[*#>-]+ ?", "", " ".join(body.split()))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("<title>On rest and its uses | The Institute</title>", "On rest and its uses"),
        ("<title>The Institute - On rest and its uses</title>", "On rest and its uses"),
        ('<meta property="og:title" content="On Rest and Its Uses"><title>x</title>', "On rest and its uses"),
        ('<meta property="og:title" content="Rest: a guide"><title>Rest: a guide</title>', "Rest: a guide"),
        ("", "On rest and its uses"),
    ],
)
def test_the_title_is_the_heading_the_page_speaks_of(head, expected):
    assert read_page(article(TEXT, head), URL).title == expected


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        ({"@type": "Person", "name": "Nora Feld"}, "Nora Feld"),
        (
            [{"@type": "Person", "name": "Nora Feld"}, {"@type": "Person", "name": "Ada Brook"}],
            "Nora Feld and Ada Brook",
        ),
        ({"@id": "#nora"}, "Nora Feld"),
        ("Nora Feld", "Nora Feld"),
        (["Nora Feld"], "Nora Feld"),
        ({"@type": "Person", "givenName": "Nora", "familyName": "Feld"}, "Nora Feld"),
        ({"@type": "Organization", "name": "The Institute"}, None),
        ("https://example.org/nora", None),
        ("admin", None),
        (None, None),
        (17, None),
    ],
)
def test_authors_in_json_ld_are_read_in_every_shape(author, expected):
    graph = {
        "@graph": [
            {"@type": ["NewsArticle"], "headline": "On rest and its uses", "author": author, "reviewedBy": "Zed Doe"},
            {"@type": "Person", "@id": "#nora", "name": "Nora Feld"},
        ]
    }
    head = f"<script type='application/ld+json'>{json.dumps(graph)}</script>"
    assert read_page(article(TEXT, head), URL).as_json()["author"]["name"] == expected


@pytest.mark.parametrize(
    "data", ["{", "[]", "null", '"x"', "{'a': 1}", "[" * 5000, '{"@type": "Article", "author": {"name": []}}']
)
def test_json_ld_that_is_none_changes_nothing(data):
    head = f"<script type='application/ld+json'>{data}</script>"
    found = read_page(article("<p>By Nora Feld, PT</p>" + TEXT, head), URL)
    assert (found.author.name, found.author.credentials) == ("Nora Feld", ("PT",))


@pytest.mark.parametrize(
    ("line", "written", "updated"),
    [
        ("September 1, 2026", "2026-09-01", None),
        ("Published 1 Sept 2026 | Updated 3 October 2026", "2026-09-01", "2026-10-03"),
        ("Written: 2026-09-01. Last updated: 2026-10-03", "2026-09-01", "2026-10-03"),
        ("Updated September 3rd, 2026", None, "2026-09-03"),
    ],
)
def test_dates_are_read_as_people_print_them(line, written, updated):
    found = read_page(article(f"<p class='meta'>{line}</p>" + TEXT), URL).as_json()
    assert (found["written_at"], found["updated_at"]) == (written, updated)


def test_links_and_pictures_are_absolute_and_dangerous_ones_are_text():
    links = "<p>A <a href='../b'>link</a>, a <a href='javascript:x()'>trick</a>, a <a href='#top'>jump</a>.</p>"
    found = read_page(
        article(TEXT + links + "<img data-src='/lazy.jpg' src='data:image/gif;base64,R0' alt='Lazy'>"), URL
    )
    assert "A [link](https://larkfield.example.org/b), a trick, a jump." in found.body
    assert "![Lazy](https://larkfield.example.org/lazy.jpg)" in found.body


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("Über".encode(), "", "Über"),
        ("Über".encode("cp1252"), "", "Über"),
        ("Über".encode("utf-16"), "", "Über"),
        (b"\xef\xbb\xbf" + "Über".encode(), "iso-8859-1", "Über"),
        (b"<meta charset='windows-1251'>" + "Да".encode("cp1251"), "", "<meta charset='windows-1251'>Да"),
        ("Über “q”".encode("cp1252"), "iso-8859-1", "Über “q”"),
        ("Über".encode(), "no-such-charset", "Über"),
    ],
)
def test_pages_are_decoded_as_browsers_do(data, charset, text):
    assert decode(data, charset) == text


@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("<article><h1>Note</h1><p>Short text.</p></article>", "Short text."),
        (
            "<main><h1>Note</h1><p>By Ann Lee</p><ul><li>one</li><li>two</li></ul></main><footer>f</footer>",
            "- one\n- two",
        ),
        ("<div><p>Only a paragraph.</p></div><form><input></form>", "Only a paragraph."),
    ],
)
def test_a_short_note_is_an_article_too(source, body):
    assert read_page(source, URL).body == body


@pytest.mark.parametrize("source", ["", "   ", "<html></html>", "<html><body><script>x</script></body></html>", "\0\0"])
def test_a_page_without_text_is_said_to_be_one(source):
    with pytest.raises(NewsletterError, match=r"empty|No article"):
        read_page(source)


def test_a_page_nested_without_end_is_read_and_not_recursed_into():
    deep = "<div>" * 1_500 + TEXT + "</div>" * 1_500
    assert "Paragraph 4" in read_page(f"<html><body>{deep}</body></html>", URL).body
    with pytest.raises(NewsletterError, match="No article"):
        read_page(deep.replace("<div>", "<div>" * 20), URL)
    lists = "<ul><li>" * 3_000 + "x"
    body = read_page(article(TEXT + lists), URL).body
    assert to_text(Markdown(body, Path("x.md"), 1))


def test_an_unclosed_page_of_a_megabyte_is_read_in_seconds():
    found = read_page("<html><body><article>" + "<p>Some words of a long text, again and again.<b><i>" * 4_000, URL)
    assert found.body.count("Some words") == 4_000
    assert parse("<p>x") is not None
