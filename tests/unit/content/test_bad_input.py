"""What an editor can get wrong in an article is answered with file, line and remedy, and soon."""

from __future__ import annotations

import time
from pathlib import Path

import PIL.Image
import pytest

from newsletter.content.loader import load_issue
from newsletter.content.markdown import to_html
from newsletter.errors import ContentError
from newsletter.rendering.slots import SlotBook

HEAD = "---\ntitle: Posture\nauthor: nora\ncategory: Movement\nwritten_at: 2026-09-01\n"
TEXT = "---\nStand tall.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "issues" / "001-hello"
    found.mkdir(parents=True)
    (found.parent / "authors.toml").write_text('[nora]\nname = "Nora Feld"\n')
    (found / "issue.md").write_text("---\nsubject: Hello\ndate: 2026-09-15\n---\nDear reader\n")
    PIL.Image.radial_gradient("L").save(found / "whole.jpg")
    (found / "cut.jpg").write_bytes((found / "whole.jpg").read_bytes()[:700])
    (found / "huge.jpg").write_bytes((found / "whole.jpg").read_bytes() + b"\0" * 20_000_001)
    return found


def read(folder: Path, data: str | bytes) -> str:
    """HTML of an article with these bytes."""
    (folder / "01-posture.md").write_bytes(data.encode() if isinstance(data, str) else data)
    article = load_issue(folder.parent, folder.name).articles[0]
    return to_html(SlotBook("7f3a", {}).tag(article.body), article.images, lambda image, _width: image.media_name)


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        ("\ufeff\ufeff" + HEAD + TEXT, 1, "U+FEFF"),
        ((HEAD + TEXT).encode("utf-16"), 1, "UTF-8"),
        (HEAD + "excerpt:\tShort\n" + TEXT, 6, "Use spaces instead of the tab"),
        ("\t" + HEAD + TEXT, 1, "no front matter"),
        (HEAD + "\texcerpt: Short\n" + TEXT, 6, "Use spaces instead of the tab"),
        (HEAD + "title: Other\n" + TEXT, 6, "given twice, first in line 2"),
        (HEAD.replace("Posture", "A: B") + TEXT, 2, "quotes"),
        (HEAD + "exerpt: x\n" + TEXT, 6, 'Did you mean "excerpt"'),
        (HEAD + "typography: perhaps\n" + TEXT, 6, "yes or no"),
        (HEAD.replace("2026-09-01", "01234") + TEXT, 5, "2026-09-15"),
        (HEAD, 1, "never ends"),
        ("Stand tall.", 1, "no front matter"),
        (HEAD.replace("nora", "norma") + TEXT, 3, 'Did you mean "nora"'),
        (HEAD + "image: none.jpg\nimage_alt: x\n" + TEXT, 6, "does not exist"),
        (HEAD + "image: huge.jpg\nimage_alt: x\n" + TEXT, 6, "20 MB"),
        (HEAD + "image: cut.jpg\nimage_alt: x\n" + TEXT, 6, "damaged or incomplete"),
        (HEAD + TEXT + "\n![x](cut.jpg)\n", 9, "damaged or incomplete"),
        (HEAD + TEXT + "\n{{ subscriber.frist_name | default('x') }}\n", 9, "subscriber.first_name"),
        (HEAD + TEXT + "\n{{ subscriber.first_name }}\n", 9, "default"),
        (HEAD + TEXT + "\n{{ subscriber.first_name\n", 9, "}}"),
        (HEAD + TEXT + "\n<script>alert(1)</script>\n", 9, "cannot carry <script>"),
        (HEAD + TEXT + "\n<style>\np { margin: 0 }\n</style>\n", 9, "cannot carry <style>"),
        (HEAD + TEXT + "\n" + "> " * 500_000, 9, "200 KB"),
        (HEAD + TEXT + "\n" + "> " * 90_000, 9, "nested"),
        (HEAD + TEXT + "\n" + "[^1]" * 40_000, 7, "square brackets"),
        (HEAD + TEXT + "\n" + "::: tip\n" * 20_000, 22, "nested"),
        (HEAD + TEXT + "\n" + "::: tip\n" * 20 + ":::\n" * 20, 22, "nested"),
        (HEAD + TEXT + "\n::: tipp\nx\n:::\n", 9, 'Did you mean "tip"'),
        (HEAD + TEXT + "\nx[^1]\n", 9, "no footnote"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 and "\n" not in value else "",
)
def test_mistake_is_answered_with_file_line_and_remedy(folder: Path, data: str | bytes, line: int, words: str) -> None:
    started = time.process_time()
    with pytest.raises(ContentError) as caught:
        read(folder, data)
    assert time.process_time() - started < 3
    assert caught.value.path == folder / "01-posture.md"
    assert caught.value.line == line
    assert caught.value.hint
    assert words in str(caught.value)


@pytest.mark.parametrize("typed", ["no", "01234", "1.10", "null", "2026-09-01", "0x1F"])
def test_title_is_what_was_typed(folder: Path, typed: str) -> None:
    read(folder, HEAD.replace("Posture", typed) + TEXT)
    assert load_issue(folder.parent, folder.name).articles[0].title == typed


def test_byte_order_mark_and_windows_line_ends_harm_nothing(folder: Path) -> None:
    assert read(folder, "\ufeff" + (HEAD + TEXT).replace("\n", "\r\n")) == "<p>Stand tall.</p>\n"
