"""Both themes in a browser: pixel for pixel as they were approved, and fit for everybody who reads them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import axe
import pytest
from chromium import overflow
from eyes import FAINT, SMALL
from golden.shots import (
    SHOTS,
    Shot,
    difference,
    html_of,
    is_the_same_painter,
    photographs,
    reduced,
    show,
    showcase,
)
from PIL import Image

from newsletter.content.values import Issue

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

TOLERANCE = 0
"""Pixels that may differ. The same Chromium with the same fonts paints the same; `make golden` renews for a new one."""

THEMES = sorted({shot.theme for shot in SHOTS})


@pytest.fixture(scope="module")
def issue(tmp_path_factory: pytest.TempPathFactory) -> Issue:
    return showcase(tmp_path_factory.mktemp("showcase"))


@pytest.fixture(scope="module")
def taken(browser: Browser, issue: Issue) -> dict[Shot, Image.Image]:
    if not is_the_same_painter(browser):
        pytest.skip(
            "GOLDEN PICTURES NOT COMPARED: this Chromium, its fonts or its decoder paint even a plain page otherwise "
            "than those that made the pictures; `make golden` makes new ones, to be looked at."
        )
    return dict(photographs(browser, issue))


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
def test_a_theme_looks_as_it_was_approved(shot: Shot, taken: dict[Shot, Image.Image], tmp_path: Path) -> None:
    changed, box = difference(Image.open(shot.path), taken[shot])
    if changed > TOLERANCE:
        now = tmp_path / shot.path.name
        reduced(taken[shot]).save(now)
        pytest.fail(f"{changed} pixels differ within {box}; now it looks like {now}. If it was meant: `make golden`.")


def test_golden_pictures_stay_small() -> None:
    assert all(shot.path.stat().st_size < 100 * 1024 for shot in SHOTS)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("choices", [{}, {"fonts": "sans", "density": "compact", "accent": "#757575"}], ids=str)
def test_every_reader_can_read_and_hit_everything(
    browser: Browser, issue: Issue, theme: str, choices: dict[str, str]
) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 640})
    show(page, issue, html_of(issue, theme, **choices))
    found = [f"{overflow(page)} px too wide"] if overflow(page) else []
    found += page.evaluate(SMALL)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found += page.evaluate(FAINT)
    page.close()
    assert found == []


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_against_a_theme(browser: Browser, issue: Issue, theme: str) -> None:
    axe.require()
    page = browser.new_page(viewport={"width": 600, "height": 900})
    show(page, issue, html_of(issue, theme))
    found = axe.violations(page, mail=True)
    page.close()
    assert found == []


@pytest.mark.parametrize("theme", THEMES)
def test_without_pictures_their_descriptions_are_seen(browser: Browser, issue: Issue, theme: str) -> None:
    page = browser.new_page(viewport={"width": 600, "height": 900})
    show(page, issue, html_of(issue, theme), bare=True)
    sizes = page.evaluate("[...document.images].filter(i => i.alt).map(i => parseFloat(getComputedStyle(i).fontSize))")
    page.close()
    assert all(size >= 12 for size in sizes)
