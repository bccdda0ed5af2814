"""Typewriter characters become those of print, in prose and nowhere else."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.content.markdown import to_html, to_text
from newsletter.content.typography import LANGUAGES, typeset
from newsletter.content.values import Image, Markdown
from newsletter.errors import ContentError

PATH = Path("issues/a/01-b.md")
IMAGES = {"p.jpg": Image(PATH.with_name("p.jpg"), 1072, 603, "image/jpeg", "d1", "jpg")}
TOKEN = "NLSLOT7f3a9c0002X"


def text(source: str, language: str = "en") -> str:
    return to_text(Markdown(source, PATH, 1, language, typography=True))


def html(source: str, language: str = "en") -> str:
    return to_html(Markdown(source, PATH, 1, language, typography=True), IMAGES, lambda *_: "https://x")


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ('"Yes," she said.', "“Yes,” she said."),
        ("\"He said 'no'.\"", "“He said ‘no’.”"),
        ("'She said \"no\"'", "‘She said “no”’"),
        ("It's the dogs' bowl, isn't it?", "It’s the dogs’ bowl, isn’t it?"),
        ("'Tis rock 'n' roll of the '60s", "’Tis rock ’n’ roll of the ’60s"),
        ('5\'10" tall, 6" wide', '5\'10" tall, 6" wide'),
        ('("Yes")', "(“Yes”)"),
        ('"I was going to--" --- "What?"', "“I was going to–” — “What?”"),
        ("one -- two --- three - four", "one – two — three – four"),
        ("pages 3--7, a---b", "pages 3–7, a—b"),
        ("run it with --help or -h, well-known 2026-10-12", "run it with --help or -h, well-known 2026-10-12"),
        ("----", "----"),
        ("Well... so....", "Well… so...."),
        ('"...and so on"', "“…and so on”"),
        ('"One paragraph', "“One paragraph"),
        ("“already” ‘set’ – so", "“already” ‘set’ – so"),
        ("", ""),
    ],
)
def test_english(typed: str, printed: str) -> None:
    assert typeset(typed, "en") == printed
    assert typeset(typed, "en-GB") == printed


@pytest.mark.parametrize(
    ("language", "typed", "printed"),
    [
        ("de", "\"Sie sagte 'nein'\", so Klaus' Rad.", "„Sie sagte ‚nein‘“, so Klaus’ Rad."),
        ("de-CH", "\"Sie sagte 'nein'\".", "«Sie sagte ‹nein›»."),
        ("fr", 'Il dit "l\'été" !', "Il dit «\u00a0l’été\u00a0»\u00a0!"),
        ("fr", 'l\'"école" : « ici »', "l’«\u00a0école\u00a0»\u00a0: «\u00a0ici\u00a0»"),
        ("es", "Dijo \"un 'no' claro\"...", "Dijo «un “no” claro»…"),
        ("es", '¿"Sí"?', "¿«Sí»?"),
        ("sv", '"Ja" -- det\'s...', '"Ja" – det\'s…'),
    ],
)
def test_other_languages(language: str, typed: str, printed: str) -> None:
    assert typeset(typed, language) == printed


def test_marks_open_in_one_piece_of_markup_and_close_in_another() -> None:
    assert text('"*Yes*, [she](https://example.org) said" and "**no**"[^1]\n\n[^1]: "x"') == (
        "“Yes, she <https://example.org> said” and “no”[1]\n\n[1] “x”"
    )
    assert text('"one\ntwo" `x`\'s') == "“one two” x’s"


@pytest.mark.parametrize(
    "piece",
    [
        *('`"a" -- b...`', '```\n"a" -- b...\n```', '    "a" -- b...', "<https://example.org/a--b...'c'>"),
        *("https://example.org/a---b...?c='d'&e", "www.example.org/a--b", "o'neill--x@example.org"),
        *("[x](https://example.org/a--b...'c')", f"{TOKEN}", '\\"a\\" \\-- \\.\\.\\.', "a <b title=\"c\" x='--'> d"),
        *("&quot;a&quot;", "![It's](p.jpg)"),
    ],
)
def test_what_a_machine_reads_stays_as_it_is(piece: str) -> None:
    plain = Markdown(piece, PATH, 1)
    for language in LANGUAGES:
        assert text(piece, language) == to_text(plain)
        assert html(piece, language) == to_html(plain, IMAGES, lambda *_: "https://x")


def test_merge_tags_in_front_matter_keep_their_quotation_marks() -> None:
    tag = "{{ subscriber.first_name | default('you') }}"
    assert typeset(f'"Dear {tag}"', "en") == f"“Dear {tag}”"
    assert text(f'"Dear {TOKEN}\'s"') == f"“Dear {TOKEN}’s”"


def test_titles_captions_and_cells_are_prose_too() -> None:
    source = '::: tip It\'s "so"\nx\n:::\n\n![A](p.jpg "Ada\'s")\n\n| "A" |\n|---|\n| b\'s |\n\n'
    source += "::: button https://x.org Let's"
    for word in ("It’s “so”", "Ada’s", "“A”", "b’s", "Let’s"):
        assert word in text(source)
        assert word in html(source)


def test_nothing_changes_unless_asked() -> None:
    assert to_text(Markdown('"it\'s" -- so...', PATH, 1)) == '"it\'s" -- so...'


PROSE = st.lists(
    st.sampled_from(['"', "'", "--", "---", "...", " - ", " ", "a", "é", "5", ",", ".", "(", ")", "*", "\n"])
)
FIXED = st.sampled_from(
    [
        *("`\"x\" -- y...'z'`", "<https://example.org/'a'--b...>", "https://example.org/a--b...?q='x'y", TOKEN),
        *("[t](https://example.org/--'a'...)", "me--'x@example.org"),
    ]
)
MIXED = st.lists(st.tuples(PROSE.map("".join), FIXED), max_size=5)


@settings(deadline=None, derandomize=True)
@given(MIXED, st.sampled_from(LANGUAGES))
@example([('"', "https://example.org/a--b...?q='x'y")], "fr")
def test_code_addresses_and_tokens_never_change(pieces: list[tuple[str, str]], language: str) -> None:
    source = "".join(f"{prose} {fixed} " for prose, fixed in pieces)
    kept = re.compile(r"<code>.*?</code>|href=\"[^\"]*\"|NLSLOT\w+X|https://[^\s<\"]*|[\w.'-]+@[\w.]+", re.DOTALL)
    try:
        before = to_html(Markdown(source, PATH, 1), IMAGES, lambda *_: "")
    except ContentError:
        return
    assert kept.findall(html(source, language)) == kept.findall(before)


@settings(deadline=None, derandomize=True)
@given(st.text(alphabet="\"'-. a5,(\n<>{}@:/é", max_size=60), st.sampled_from(LANGUAGES))
def test_only_marks_dashes_dots_and_french_spaces_ever_change(source: str, language: str) -> None:
    done = typeset(source, language)
    bare = str.maketrans(dict.fromkeys("\"'-.…–—“”‘’„‚«»‹› \u00a0"))
    assert done.translate(bare) == source.translate(bare)
    assert typeset(done, language).translate(bare) == done.translate(bare)


@pytest.mark.parametrize(
    "unit",
    [
        '"',
        "'",
        '"a ',
        "'a ",
        'a" ',
        "\"'",
        "--",
        "- ",
        ".",
        "a",
        "{{",
        "<a",
        "http://",
        "www.",
        "a@",
        "x:",
        "a://'",
        "<",
    ],
)
def test_hostile_text_is_set_soon(unit: str) -> None:
    started = time.process_time()
    typeset(unit * (60_000 // len(unit)), "fr")
    assert time.process_time() - started < 3
