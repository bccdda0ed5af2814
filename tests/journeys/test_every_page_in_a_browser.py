"""Every page in a real browser: English and German, with JavaScript and without, and no complaint of the browser.

The same pages once more at 320 and 1200 pixels, light and dark, before axe and measured by eye; and from right to left.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import axe
import eyes
import pytest
from chromium import chromium, require
from journeys.story import SETTINGS, prepare, publish, story, workshop
from journeys.visitor import HEIGHT, Visitor
from served import ServedSite, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

SEVERAL = 35
"""Scenes there are at least."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require()
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedSite]:
    with served(tmp_path_factory.mktemp("every-page") / "site", prepare=prepare, **SETTINGS) as running:
        publish(running)
        yield running


@pytest.mark.parametrize(
    ("language", "javascript"),
    [("en", True), ("en", False), ("de", False)],
    ids=["en-javascript", "en-plain", "de-plain"],
)
def test_reader_meets_every_page_and_the_browser_has_nothing_against_it(
    browser: Browser, site: ServedSite, language: str, javascript: bool
) -> None:
    visitor = Visitor(browser, site, language, javascript=javascript)
    scenes = list(story(visitor, f"ada-{language}-{int(javascript)}"))
    assert len(scenes) == len(set(scenes)) >= SEVERAL
    assert visitor.complaints.found == []


def test_everybody_can_use_every_page(browser: Browser, site: ServedSite) -> None:
    axe.require()
    visitor = Visitor(browser, site, "de")
    copy = browser.new_page()
    found: list[str] = []
    for tale in (story(visitor, "ada-de-eyes"), workshop(visitor)):
        for scene in tale:
            is_mail = scene.startswith("mail-")
            if is_mail:  # the inbox lets mail run no script
                copy.set_content(visitor.page.content())
            for width in (1200, 320):
                for page in (visitor.page, copy):
                    page.set_viewport_size({"width": width, "height": HEIGHT})
                found += [f"{scene}, {width}: {fault}" for fault in eyes.faults(visitor.page)]
                judged = axe.violations(copy if is_mail else visitor.page, mail=is_mail)
                found += [f"{scene}, {width}: axe, {fault}" for fault in judged]
    assert found == []
    assert visitor.complaints.found == []


def test_page_read_from_right_to_left_is_mirrored(browser: Browser, site: ServedSite) -> None:
    visitor = Visitor(browser, site, "he", width=320)
    found = [
        f"{scene}: {element}"
        for scene in story(visitor, "ada-he")
        if not scene.startswith(("mail-", "archive"))
        for element in eyes.astray(visitor.page)
    ]
    assert found == []
    assert visitor.complaints.found == []
