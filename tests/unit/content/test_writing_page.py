"""What docs/writing.md promises to editors is what they get."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsletter.content.blocks import CALLOUTS
from newsletter.content.loader import ARTICLE_KEYS, ISSUE_KEYS
from newsletter.content.markdown import to_html, to_text
from newsletter.content.values import Image, Markdown
from newsletter.rendering.slots import SlotBook, as_text, derive_nonce, fill_text

PAGE = (Path(__file__).parents[3] / "docs" / "writing.md").read_text("utf-8")
PAIRS = re.findall(r"```markdown\n(.*?)```\n\n```text\n(.*?)\n```", PAGE, re.DOTALL)
IMAGES = {"path.jpg": Image(Path("path.jpg"), 1072, 603, "image/jpeg", "d1", "jpg")}
VIEW = "https://news.example.org/archive/spring"


@pytest.mark.parametrize(("source", "text"), PAIRS, ids=[source.split("\n")[0][:30] for source, _ in PAIRS])
def test_documented_markdown_makes_the_documented_text(source: str, text: str) -> None:
    book = SlotBook(derive_nonce(source), {}, view_url=VIEW)
    tagged = book.tag(Markdown(source, Path("issue.md"), 1, typography=True))
    assert fill_text(to_text(tagged), book.slots, {"view_url": VIEW}, as_text) == text
    assert to_html(tagged, IMAGES, lambda image, _width: f"https://x/{image.media_name}")


def test_every_construct_has_its_pair() -> None:
    assert PAGE.count("```markdown") == len(PAIRS)
    written = "".join(source for source, _ in PAIRS)
    for name in ({*CALLOUTS} - {"callout", "note"}) | {"button", "digest", "events", "quote"}:
        assert f"::: {name}" in written


def test_every_key_of_front_matter_is_named() -> None:
    rows = {row.split("|")[1].strip(): row for row in PAGE.split("\n") if row.startswith("| ")}
    assert set(re.findall(r"`(\w+)`", rows["`issue.md`"])) == set(ISSUE_KEYS)
    assert set(re.findall(r"`(\w+)`", rows["articles"])) == set(ARTICLE_KEYS)
