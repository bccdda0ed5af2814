"""Feeds, WordPress exports, plain texts and Markdown become the same kind of article as a page."""

from pathlib import Path

import pytest

from newsletter.content.importing import feeds, texts
from newsletter.errors import NewsletterError

SOURCES = Path(__file__).parent / "sources"
RSS = (SOURCES / "feed.rss").read_text("utf-8")

ATOM = (SOURCES / "feed.atom").read_text("utf-8")

WXR = (SOURCES / "wordpress.xml").read_text("utf-8")


def entries(source):
    return feeds.read_entries(source.encode())


def test_an_rss_entry_is_an_article():
    found = feeds.as_found(feeds.choose(entries(RSS), "1"))
    assert found.as_json() == {
        "title": "Rest & recovery",
        "category": "Sleep",
        "author": {"name": "Nora Feld", "credentials": ["PT", "DPT"], "bio": None},
        "written_at": "2026-09-01",
        "updated_at": None,
        "image": "https://example.org/a.jpg",
        "body": "Rest is **work**, see [more](https://example.org/more).",
    }
    assert found.notes == ()


def test_a_summary_is_said_to_be_one():
    found = feeds.as_found(feeds.choose(entries(RSS), "second"))
    assert (found.author.name, found.link, found.body) == ("Ada Brook", "https://example.org/second", "Only a summary.")
    assert "summary" in found.notes[0]


def test_an_atom_entry_is_an_article():
    found = feeds.as_found(feeds.choose(entries(ATOM), ""))
    assert (found.title, found.category, found.author.name) == ("One entry", "Sleep", "Nora Feld")
    assert (str(found.written_at), str(found.updated_at)) == ("2026-09-01", "2026-09-03")
    assert (found.link, found.body) == ("https://example.org/one", "Inline *markup*.")


def test_a_wordpress_export_holds_its_published_posts_only():
    assert [choice.title for choice in feeds.choices(entries(WXR))] == ["Classic post", "Block post"]


def test_a_classic_wordpress_post_gets_the_paragraphs_its_readers_see():
    found = feeds.as_found(feeds.choose(entries(WXR), "classic"))
    assert (found.author.byline, found.category, found.image, found.image_alt) == (
        *("Nora Feld, PT", "Sleep", "https://example.org/hero.jpg", "A bench"),
    )
    assert (str(found.written_at), str(found.updated_at)) == ("2026-09-01", "2026-09-04")
    assert found.body == (
        "First paragraph\\\nwith a line.\n\n![B](https://example.org/b.jpg)\n\n*What B shows*\n\n- one\n\n"
        "Last paragraph."
    )


def test_a_block_post_has_no_trace_of_its_blocks():
    assert feeds.as_found(feeds.choose(entries(WXR), "2")).body == "Blocks."


@pytest.mark.parametrize("wanted", ["3", "0", "post", "nothing"])
def test_a_choice_that_fits_none_or_several_is_refused(wanted):
    with pytest.raises(NewsletterError, match="no single article"):
        feeds.choose(entries(WXR), wanted)


def test_among_several_nothing_is_chosen_unasked():
    assert feeds.choose(entries(WXR), "") is None


@pytest.mark.parametrize("source", ["<rss/>", "<feed/>", "no xml", ""])
def test_a_feed_without_articles_is_said_to_be_one(source):
    with pytest.raises(NewsletterError, match=r"no article|cannot be read"):
        entries(source)


def test_entities_are_not_expanded_and_no_file_is_read():
    bomb = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>'
    source = f"{bomb}<rss><channel><item><title>T &b; &c;</title><description>d</description></item></channel></rss>"
    found = feeds.choose(entries(source), "").found
    assert "aaaa" not in found.title
    assert "root:" not in found.title


def test_a_plain_text_has_title_byline_and_dates_on_top():
    found = texts.read_text((SOURCES / "manuscript.txt").read_text("utf-8"))
    assert (found.title, found.author.byline, str(found.written_at), found.category) == (
        *("A short night", "Nora Feld, PT", "2026-09-01", "Sleep"),
    )
    assert found.body == "First { { line }} of it.\n\n## The list\n\n- one\n- two\n\n1. a\n2. b"


def test_a_text_that_begins_with_prose_has_no_title():
    prose = "This is the first line of a long letter that goes on and on,\nand it has no title at all.\n\nNor has this."
    found = texts.read_text(prose)
    assert found.title == ""
    assert found.body.startswith("This is the first line")


def test_markdown_with_foreign_front_matter_is_read():
    found = texts.read_markdown((SOURCES / "foreign.md").read_text("utf-8"))
    assert (found.title, found.author.byline, found.category) == ("Rest: a guide", "Nora Feld, PT", "Sleep")
    assert (str(found.written_at), str(found.updated_at)) == ("2026-09-01", "2026-09-02")
    assert found.body == (
        "Text with **HTML**, a [link](https://example.org) and { { x }}.\n\n| A | B |\n| --- | --- |\n| 1 | 2 |"
    )


def test_markdown_without_front_matter_takes_its_first_heading_and_byline():
    found = texts.read_markdown("# Rest\n\n*By Nora Feld, PT*\n\n## Why\n\nBecause.\n")
    assert (found.title, found.author.byline, found.body) == ("Rest", "Nora Feld, PT", "## Why\n\nBecause.")


def test_broken_front_matter_is_read_line_by_line():
    found = texts.read_markdown('---\ntitle: Rest: a guide\nauthor: "Nora Feld\n---\nText.\n')
    assert (found.title, found.author.name, found.body) == ("Rest: a guide", "Nora Feld", "Text.")


@pytest.mark.parametrize("source", ["", "\n\n", "---\ntitle: x\n---\n"])
def test_a_source_without_text_is_refused(source):
    for read in (texts.read_markdown, texts.read_text):
        if read is texts.read_text and source.startswith("---"):
            continue
        with pytest.raises(NewsletterError, match="no text"):
            read(source)
