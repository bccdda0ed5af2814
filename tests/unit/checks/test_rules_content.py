"""Rules about HTML, pictures, links and words: each fires on its own fault, at the place that can be mended."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from unit.checks.bench import (
    FOLDER,
    HOME,
    article,
    author,
    check,
    config,
    image,
    issue,
    letter,
    local,
    only,
    rendered,
    said,
    within,
)

from newsletter.checks import Severity
from newsletter.content.values import Markdown
from newsletter.rendering.slots import Slot


def with_body(fragment: str) -> list[str]:
    return said(check(html=lambda html: within(html, fragment)))


# -- the document ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("<!DOCTYPE html>", "<!doctype HTML PUBLIC>", "html.doctype"),
        ('<html lang="en"', "<html", "a11y.lang"),
        ('aria-label="Spring for stiff necks" lang="en"', "", "a11y.lang"),
        ("<title>Spring for stiff necks</title>", "<title> </title>", "a11y.title"),
        ('<table role="presentation" width="100%"', "<table", "a11y.table-role"),
        ('alt="Somebody practising sitting"', "", "img.alt"),
        ('alt="Somebody practising sitting"', 'alt=""', "img.alt-quality"),
        ('width="600"', 'width="100%"', "img.size-attrs"),
        (f'src="{HOME}/media/', 'src="/media/', "img.https"),
        (f'src="{HOME}/media/', 'src="http://cdn.org/media/', "img.https"),
        (f'src="{HOME}/media/', 'src="data:image/png;base64,', "img.https"),
    ],
)
def test_a_theme_that_breaks_the_document_is_an_error(old: str, new: str, rule: str) -> None:
    def spoil(html: str) -> str:
        assert old in html
        return html.replace(old, new)

    assert set(said(check(html=spoil))) == {f"error {rule}"}


@pytest.mark.parametrize(
    "fragment",
    [
        *("<script>1</script>", "<form></form>", "<iframe></iframe>", "<svg></svg>", '<p onclick="go()">x</p>'),
        *('<a href="java\tscript:go()">x</a>', '<meta http-equiv="Refresh" content="0">', '<input type="text">'),
    ],
)
def test_what_has_no_place_in_a_mail_is_an_error(fragment: str) -> None:
    assert "error html.forbidden" in with_body(fragment)


def test_a_table_of_data_with_header_cells_needs_no_role() -> None:
    assert with_body("<table><tr><th>a</th></tr></table>") == []


# -- pictures --------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["image", "IMG_2041.jpeg", "x" * 126])
def test_alt_text_that_says_nothing_is_warned_of(text: str) -> None:
    finding = only(check(issue(article(image_alt=text))), "img.alt-quality")
    assert (finding.severity, finding.path) == (Severity.WARNING, FOLDER / "sitting.md")


def test_a_squeezed_picture_is_warned_of() -> None:
    finding = only(check(html=lambda html: html.replace('height="338"', 'height="300"')), "img.size-attrs")
    assert finding.severity is Severity.WARNING
    assert "sitting.jpg (1200 × 675) is squeezed into 600 × 300" in finding.message


@pytest.mark.parametrize(
    ("size", "expected"),
    [(200 * 1024, []), (200 * 1024 + 1, ["warning img.weight"]), (1024 * 1024, ["warning img.weight"])],
)
def test_heavy_pictures_are_warned_of(tmp_path: Path, size: int, expected: list[str]) -> None:
    (tmp_path / "big.jpg").write_bytes(b"x" * size)
    assert said(check(issue(article(image=image(tmp_path / "big.jpg"))))) == expected


def test_a_picture_over_one_megabyte_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "big.jpg").write_bytes(b"x" * (1024 * 1024 + 1))
    assert said(check(issue(article(image=image(tmp_path / "big.jpg")))))[0] == "error img.weight"


def test_webp_is_warned_of() -> None:
    assert said(check(issue(article(image=image(FOLDER / "new.webp", "image/webp"))))) == ["warning img.format"]


def test_a_long_gif_is_warned_of_and_a_short_one_is_not(tmp_path: Path) -> None:
    moving = image(tmp_path / "moving.gif", "image/gif")
    moving.path.write_bytes(b"x" * 1000)
    assert check(issue(article(image=moving))) == []
    moving.path.write_bytes(b"x" * 1024 * 1025)
    assert "warning img.format" in said(check(issue(article(image=moving))))


# -- links -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link", ["<a>x</a>", *(f'<a href="{href}">x</a>' for href in ("", "#", "/", "file:///etc", "page"))]
)
def test_a_link_to_nowhere_is_an_error(link: str) -> None:
    assert with_body(link) == ["error link.empty"]


@pytest.mark.parametrize(
    "host", ["localhost:3000", "127.0.0.1", "example.com", "www.example.org", "draft.test", "10.0.0.7"]
)
def test_a_link_no_reader_can_open_stops_real_mail_only(host: str) -> None:
    source = issue(letter=letter(f"Hello,\n\nsee [this page](https://{host}/a)."))
    finding = only(check(source), "link.empty")
    assert (finding.severity, finding.path, finding.line) == (Severity.ERROR, FOLDER / "issue.md", 11)
    assert said(check(source, local())) == ["warning link.empty"]


def test_links_to_one_impossible_host_are_reported_together() -> None:
    source = issue(letter=letter("[a](https://example.com/a) and [b](https://example.com/b)"))
    assert only(check(source), "link.empty").message.startswith("2 links lead to example.com")


def test_a_link_into_the_page_needs_its_target() -> None:
    source = issue(letter=letter("Hello.\n\nSee [below](#routine)."))
    finding = only(check(source), "link.empty")
    assert (finding.severity, finding.line) == (Severity.WARNING, 11)
    assert with_body('<a href="#here">x</a><p id="here">y</p>') == []


@pytest.mark.parametrize("url", ["http://steadyspine.org/a", "https://93.184.216.34/a"])
def test_unencrypted_and_numeric_links_are_warned_of(url: str) -> None:
    finding = only(check(issue(letter=letter(f"Hello.\n\n[a]({url})"))), "link.http")
    assert (finding.severity, finding.line) == (Severity.WARNING, 11)


def test_mail_and_telephone_links_are_fine() -> None:
    assert with_body('<a href="mailto:us@steadyspine.org">a</a><a href="tel:+4711">b</a>') == []


# -- merge tags ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["{{ first_name }}", "{% if x %}", "%%name%%", "*|FNAME|*", "NLSLOT00ff0003X", "{{"])
def test_a_leftover_merge_tag_is_an_error(tag: str) -> None:
    assert "error slot.unknown" in with_body(f"<p>{tag}</p>")
    assert "error slot.unknown" in said(check(text=lambda text: text + tag))
    assert "error slot.unknown" in said(check(subject=f"For {tag} and friends"))


def test_a_leftover_is_found_where_it_was_written() -> None:
    source = issue(article(author=author(bio="Writes to {{ name }}.")))
    finding = only(check(source), "slot.unknown")
    assert finding.path == Path("issues/authors.toml")


def test_a_merge_tag_in_an_address_of_the_front_matter_is_an_error() -> None:
    source = issue(article(link="https://steadyspine.org/?for={{ subscriber.email }}"))
    assert only(check(source), "slot.unknown").path == FOLDER / "sitting.md"


def test_braces_of_style_sheets_and_percentages_are_no_merge_tags() -> None:
    style = "<style>@media print{p{margin:0}}</style>"
    assert check(html=lambda html: html.replace("</head>", f"{style}</head>")) == []
    assert check(issue(letter=letter("At 100% or 50 %% of it, 2 *| 3."))) == []


@pytest.mark.parametrize(("name", "expected"), [("dog", ["error slot.fallback"]), ("city", []), ("email", [])])
def test_only_what_may_be_empty_needs_a_fallback(name: str, expected: list[str]) -> None:
    slots = (Slot("NLSLOTab120000X", f"subscriber.{name}", None),)
    made = rendered(issue(), config())
    assert said(check(slots=(*made.slots, *slots))) == expected


# -- subject and preheader -------------------------------------------------------------------------


@pytest.mark.parametrize("subject", ["Necks", "A long one " * 8])
def test_a_subject_too_short_or_too_long_is_warned_of(subject: str) -> None:
    assert said(check(issue(subject=subject.strip()))) == ["warning subj.length"]


@pytest.mark.parametrize(
    "subject",
    [
        *(
            "STIFF NECKS ARE OVER",
            "Stiff necks no more!!",
            "Save $$ on pillows",
            "Re: your stiff neck",
            "[TEST] stiff necks",
        ),
        *("Stiff 🎉 necks 🎉 no more 🎉", "Stiff\u200b necks no more"),
    ],
)
def test_a_subject_that_shouts_or_pretends_is_warned_of(subject: str) -> None:
    assert said(check(issue(subject=subject))) == ["warning subj.shout"]


@pytest.mark.parametrize(
    "subject", ["Ihr Rücken, erklärt für Anfänger", "Why Mr. Rea: a short story", "Warm up! Then rest!"]
)
def test_ordinary_subjects_are_fine(subject: str) -> None:
    assert check(issue(subject=subject)) == []


@pytest.mark.parametrize("preheader", ["", "Too short.", "Spring for stiff necks", "x" * 131])
def test_a_preheader_missing_short_long_or_repeating_is_warned_of(preheader: str) -> None:
    assert said(check(issue(preheader=preheader))) == ["warning pre.present"]


def test_a_preheader_counts_with_its_fallback() -> None:
    tag = '{{ subscriber.first_name | default("friend") }}'
    assert check(issue(preheader=f"{tag}, three movements for people who sit.")) == []
    assert said(check(issue(preheader=f"{tag}, three movements."))) == ["warning pre.present"]


# -- words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["Lorem ipsum", "TODO", "TK", "XXX", "FIXME"])
def test_a_placeholder_is_an_error_at_its_line(word: str) -> None:
    finding = only(check(issue(letter=letter(f"Hello.\n\nMore: {word} here."))), "content.placeholder")
    assert (finding.severity, finding.path, finding.line) == (Severity.ERROR, FOLDER / "issue.md", 11)


def test_placeholders_are_found_in_front_matter_and_articles() -> None:
    assert said(check(issue(subject="Spring for stiff TK"))) == ["error content.placeholder"]
    body = Markdown("One.\n\nTwo TK three.\n", FOLDER / "sitting.md", 12)
    assert only(check(issue(article(body=body))), "content.placeholder").line == 14


@pytest.mark.parametrize("words", ["size XXXL", "a todo list", "ATKINS", "see <https://steadyspine.org/TK/XXX>"])
def test_parts_of_words_and_addresses_are_no_placeholders(words: str) -> None:
    assert check(issue(letter=letter(words))) == []


def test_todo_is_a_word_in_spanish() -> None:
    assert check(issue(letter=letter("TODO va bien.")), config(language="es")) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"updated_at": date(2026, 9, 1)}, "before it was written"),
        ({"updated_at": date(2026, 9, 16)}, "updated_at is after 2026-09-15"),
        ({"written_at": date(2026, 9, 16), "updated_at": None}, "written_at is after 2026-09-15"),
    ],
)
def test_dates_that_cannot_be_are_warned_of(changes: dict[str, object], words: str) -> None:
    finding = only(check(issue(article("sitting", **changes))), "content.dates")
    assert finding.severity is Severity.WARNING
    assert words in finding.message


def test_an_issue_dated_long_ago_is_warned_of() -> None:
    old = article(written_at=date(2025, 1, 1), updated_at=None)
    assert said(check(issue(old, date=date(2025, 9, 14)))) == ["warning content.dates"]
    assert check(issue(old, date=date(2025, 9, 15))) == []


@pytest.mark.parametrize(("part", "nothing"), [("credentials", ()), ("avatar", None), ("bio", "")])
def test_an_author_without_standing_is_warned_of(part: str, nothing: object) -> None:
    finding = only(check(issue(article(author=author(**{part: nothing})))), "content.author")
    assert finding.message.startswith(f"Nora Feld has no {part},")
    assert finding.path == Path("issues/authors.toml")
