"""Every page in a real browser: English and German, with JavaScript and without, and no complaint of the browser.

The same pages once more at 320 and 1200 pixels, light and dark, before axe and measured by eye; and from right to left.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import axe
import eyes
import pytest
from chromium import overflow
from journeys.story import ISSUE, SETTINGS, prepare, publish, story, workshop
from journeys.visitor import HEIGHT, Visitor
from served import ServedSite, link, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

SEVERAL = 35
"""Scenes there are at least."""


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


@pytest.mark.parametrize("language", ["en", "de"])
def test_keyboard_alone_signs_up_and_sets_preferences(browser: Browser, site: ServedSite, language: str) -> None:
    visitor, address = Visitor(browser, site, language), f"keys-{language}@example.net"
    keys = visitor.page.keyboard
    visitor.open("/")
    visitor.reach(visitor.page.get_by_role("link", name=visitor.say("Skip to the content")))
    keys.press("Enter")
    for label, text in (("Your e-mail address", address), ("Your name", "Ada"), ("Patients in a week", "3")):
        visitor.reach(visitor.field(label))
        keys.type(text)
    visitor.reach(visitor.field("Clinic Notes"))
    keys.press("Space")
    keys.press("Enter")
    visitor.sees("One more click")
    visitor.reach(visitor.page.get_by_role("button"))
    keys.press("Enter")
    visitor.sees("Check your inbox")
    visitor.open(link(visitor.mail(address, "Please confirm: %(name)s"), "/confirm/"))
    visitor.reach(visitor.page.get_by_role("button"))
    keys.press("Enter")
    visitor.sees("You are in")
    visitor.open(link(visitor.mail(address, "Welcome to %(name)s", visitor.say("Clinic Notes")), "/preferences/"))
    visitor.reach(visitor.field("Clinic Notes"))
    keys.press("Space")
    visitor.reach(visitor.field("Pause"))
    keys.press("ArrowDown")
    visitor.reach(visitor.page.get_by_role("button", name=visitor.say("Save")))
    keys.press("Enter")
    visitor.reads("Saved.")
    assert not visitor.field("Clinic Notes").is_checked()
    assert visitor.field("Pause").locator("option").count() == 6
    assert visitor.complaints.found == []


@pytest.mark.parametrize("language", ["en", "de"])
def test_approved_reply_stands_under_its_issue(browser: Browser, site: ServedSite, language: str) -> None:
    visitor, words = Visitor(browser, site, language), f"I walk, and I write <b>{language}</b>."
    visitor.open(f"/archive/{ISSUE}/")
    page = visitor.page  # an issue, and the form under it, are in the language of the Site
    page.get_by_label("Your name, as it will be shown").fill("Grace")
    page.get_by_label("Your e-mail address, for the editor only").fill("grace@example.net")
    page.get_by_label("Your reply").fill(words)
    page.get_by_role("button", name="Send my reply").click()
    visitor.sees("One more click")
    visitor.press("Send my reply")
    visitor.sees("Thank you for your reply")
    visitor.open(f"/archive/{ISSUE}/")
    assert page.get_by_text(words).count() == 0
    waiting = site.command("replies", "list", "--status", "pending")
    site.command("replies", "approve", str(next(each["reply"] for each in waiting if each["words"] == words)))
    page.reload()
    page.get_by_text(words).wait_for()
    assert "grace@example.net" not in page.content()
    assert visitor.complaints.found == []


@pytest.mark.parametrize("language", ["en", "de"])
def test_api_is_tried_on_its_page_with_scripts_and_read_without(
    browser: Browser, site: ServedSite, language: str
) -> None:
    key = site.command("api-key", "create", "--name", f"page {language}", "--scope", "lists:read")["key"]
    visitor = Visitor(browser, site, language)
    visitor.open("/api/v1/")
    visitor.page.get_by_label("Key").fill(key)
    operation = visitor.page.locator("[data-method=GET][data-path='/api/v1/lists']")
    operation.locator("summary").click()
    operation.get_by_role("button", name="Send").click()
    operation.get_by_text("clinic-notes").wait_for()
    assert operation.locator("output").inner_text().startswith("200")
    reader = Visitor(browser, site, language, javascript=False)
    reader.open("/api/v1/")
    reader.page.get_by_text("Without JavaScript this page is a reference").wait_for()
    assert reader.page.locator("form").first.is_hidden()
    for each in (visitor, reader):
        assert overflow(each.page) == 0
        assert each.page.locator("h1").evaluate("each => each.closest('[lang]').lang") == "en"
        assert each.complaints.found == []
    if language == "en":
        axe.require()
        assert axe.violations(visitor.page) == []
        assert list(eyes.faults(visitor.page)) == []
