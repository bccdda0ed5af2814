"""Footnotes are numbered as they are called, and stand on their own feet where links do not work."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

import pytest

from newsletter.content.markdown import to_html, to_text
from newsletter.content.values import Image, Markdown
from newsletter.errors import ContentError

PATH = Path("issues/a/02-Sitting.md")
IMAGES = {"p.jpg": Image(PATH.with_name("p.jpg"), 1072, 603, "image/jpeg", "d1", "jpg")}


def html(source: str, path: Path = PATH, line: int = 1) -> str:
    return to_html(Markdown(source, path, line), IMAGES, lambda *_: "https://x").replace("\n", "")


def text(source: str) -> str:
    return to_text(Markdown(source, PATH, 1))


def failure(source: str, line: int = 1) -> ContentError:
    with pytest.raises(ContentError) as caught:
        html(source, line=line)
    assert caught.value.path == PATH
    assert caught.value.hint
    return caught.value


def test_note_has_its_number_in_the_text_and_before_itself() -> None:
    assert html("Sit.[^a]\n\n[^a]: A *study*.") == (
        '<p>Sit.<sup class="fn"><a href="#fn-02-sitting-1" id="fnref-02-sitting-1" role="doc-noteref">1</a></sup></p>'
        '<div class="footnotes"><p id="fn-02-sitting-1"><sup class="fn">'
        '<a href="#fnref-02-sitting-1" role="doc-backlink">1</a></sup> A <em>study</em>.</p></div>'
    )
    assert text("Sit.[^a]\n\n[^a]: A *study*.") == "Sit.[1]\n\n[1] A study."


def test_notes_of_two_articles_never_collide() -> None:
    source = "Sit.[^1]\n\n[^1]: A study."
    both = html(source, Path("01-a.md")) + html(source, Path("02-a.md")) + html(source, Path("issue.md"))
    ids = re.findall(r'id="([^"]+)"', both)
    assert len(ids) == len(set(ids)) == 6
    assert set(re.findall(r'href="#([^"]+)"', both)) == set(ids)


def test_numbers_follow_the_text_and_not_the_names() -> None:
    source = "[^z]: Zed.[^m]\n[^a]: Ay.\n[^m]: Em.\n\nOne[^a], two[^z], three[^a].\n\n- four[^z]"
    assert text(source) == "One[1], two[2], three[1].\n\n- four[2]\n\n[1] Ay.\n\n[2] Zed.[3]\n\n[3] Em."
    shown = html(source)
    assert shown.count('id="fnref-02-sitting-1"') == 1
    assert shown.count('href="#fn-02-sitting-1"') == 2


def test_note_may_have_several_blocks() -> None:
    source = "A[^1] b[^2]\n\n[^1]: One\n    more.\n\n    - x\n\n    Two.\n\n[^2]:\n    - only a list\n\nEnd."
    assert text(source) == "A[1] b[2]\n\nEnd.\n\n[1] One more.\n\n    - x\n\n    Two.\n\n[2] - only a list"
    assert html(source).count("<p id=") == 2


def test_notes_of_containers_stand_at_the_end_of_the_article() -> None:
    source = "::: tip See[^1]\nx[^2]\n\n[^2]: Two.\n:::\n\n::: quote Ada[^3]\ny\n:::\n\n[^1]: One.\n\n[^3]: Three."
    shown = html(source)
    assert shown.index("</blockquote>") < shown.index('<div class="footnotes">')
    assert text(source).endswith("[1] One.\n\n[2] Two.\n\n[3] Three.")


def test_long_notes_hang_behind_their_numbers() -> None:
    lines = text(f"A[^1]\n\n[^1]: {'word ' * 40}").split("\n")[2:]
    assert lines[0].startswith("[1] word")
    assert all(line.startswith("    word") for line in lines[1:])
    assert max(map(len, lines)) <= 72


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("one\ntwo[^x]", 2, "no footnote"),
        ("one\n\n[^x]: never", 3, "never called"),
        ("one[^x]\n\n[^x]: a\n\n[^x]: b", 5, "twice"),
        ("one[^x]\n\n[^x]:", 3, "empty"),
        ("one\n[two[^x]](https://example.org)\n\n[^x]: a", 2, "within a link"),
        ("one\n[two[^x] *or* three](https://example.org)\n\n[^x]: a", 2, "within a link"),
        ("one ![two[^x]](p.jpg)\n\n[^x]: a", 1, "within the description"),
        ("one[^x]\n\n[^x]: a\n    b [c](about.html)", 4, "nowhere but here"),
        ("one[^x]\n\n[^x]: [^x]: a", 3, "twice"),
    ],
)
def test_note_that_is_not_right_is_an_error_at_its_line(source: str, line: int, words: str) -> None:
    error = failure(source, line=21)
    assert error.line == line + 20
    assert words in error.message


def test_escaped_mark_is_text() -> None:
    assert html("a\\[^1] `[^1]`") == "<p>a[^1] <code>[^1]</code></p>"


@pytest.mark.parametrize(
    "source",
    [
        *("[^" * 20_000, "[^a" * 15_000, "[^a]: " * 8_000, "[^a]:\n" * 8_000, "x[^a]" * 8_000 + "\n\n[^b]: x"),
        *("[^" + "a" * 40_000 + "]", "".join(f"[^{i}]: [^{i + 1}]\n\n" for i in range(2_000))),
    ],
    ids=lambda source: repr(source[:12]),
)
def test_hostile_notes_end_soon(source: str) -> None:
    started = time.process_time()
    with contextlib.suppress(ContentError):
        html(source)
    assert time.process_time() - started < 3
