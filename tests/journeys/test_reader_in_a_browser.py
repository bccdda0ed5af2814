"""A reader's whole life in a real browser: asked, confirmed, read, left; with JavaScript and without."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import Complaints, broken_pictures, overflow
from served import ServedSite, link, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

ISSUE = "001-why-your-back-hurts"
FILLING_IN = 3200
"""Milliseconds a person needs at least for the form; who is quicker is asked for one more click."""


@pytest.fixture
def site(browser: Browser, tmp_path: Path) -> Iterator[ServedSite]:
    with served(tmp_path / "site") as running:
        yield running


def test_a_reader_signs_up_reads_and_leaves(browser: Browser, site: ServedSite) -> None:
    reader = Reader(browser, site, "ada@example.net", javascript=True)
    reader.fill_in("Ada Byron")
    reader.page.wait_for_timeout(FILLING_IN)
    reader.press("Yes, I want a steadier back")
    reader.live_on()
    assert reader.complaints.found == []


def test_a_reader_without_javascript_who_is_quick_needs_one_more_click(browser: Browser, site: ServedSite) -> None:
    reader = Reader(browser, site, "grace@example.net", javascript=False)
    reader.fill_in("Grace Hopper")
    reader.press("Yes, I want a steadier back")
    reader.sees("One more click")
    reader.press("Yes, I want a steadier back")
    reader.live_on()
    assert reader.complaints.found == []


class Reader:
    """A person with a browser who has only what everybody has: the form, and the links in their mail."""

    def __init__(self, browser: Browser, site: ServedSite, address: str, *, javascript: bool) -> None:
        self.context = browser.new_context(java_script_enabled=javascript, viewport={"width": 375, "height": 740})
        self.context.set_default_timeout(15_000)
        self.complaints = Complaints(self.context, site.url, site.inbox_url)
        self.page: Page = self.context.new_page()
        self._site = site
        self._address = address

    def fill_in(self, name: str) -> None:
        """Type into the form on the start page, as a keyboard does."""
        self.page.goto(self._site.url + "/")
        self.sees("Stand taller. Hurt less.")
        self.page.get_by_label("Your e-mail address").press_sequentially(self._address)
        self.page.get_by_label("Your name").press_sequentially(name)

    def press(self, button: str) -> None:
        """Press the one button of the page."""
        buttons = self.page.get_by_role("button")
        assert buttons.count() == 1
        assert buttons.inner_text() == button
        buttons.click()

    def sees(self, title: str) -> None:
        """The page's one main heading is `title`, and the page fits the screen."""
        headings = self.page.get_by_role("heading", level=1)
        headings.get_by_text(title, exact=True).wait_for()
        assert headings.count() == 1
        assert overflow(self.page) == 0

    def status(self) -> str:
        """The state of the reader's subscription."""
        shown = self._site.command("subscriber", "show", self._address)
        return str(shown["subscriptions"][0]["status"])

    def live_on(self) -> None:
        """Everything after the form was sent."""
        self.sees("Check your inbox")
        assert self.page.url == f"{self._site.url}/check-inbox"

        confirmation = self._site.mail(self._address, "Please confirm")
        self.page.goto(link(confirmation, "/confirm/"))
        self.sees("Please confirm")
        assert self.status() == "pending", "opening the link has confirmed somebody"
        self.press("Confirm my subscription")
        self.sees("You are in")
        assert self.status() == "confirmed"

        report = self._site.command("send", ISSUE, "--yes", "--expect", "1")
        assert (report["audience"], report["sent"]) == (1, 1)
        self.read_the_mail()
        self.read_the_page()
        self.leave()

    def read_the_mail(self) -> None:
        """Open the copy in the sandbox's inbox and follow its "view in browser" link with a click."""
        copy = self._site.mail(self._address, "Why your back hurts")
        assert link(copy, f"/archive/{ISSUE}/").startswith(self._site.url)
        self.page.goto(self._site.inbox_url + "/")
        self.page.get_by_role("link", name="Why your back hurts, and where to begin").click()
        mail = self.page.frame_locator("iframe")
        mail.get_by_role("heading", level=2).first.wait_for()
        with self.context.expect_page() as opened:
            mail.get_by_role("link", name="View in browser").first.click()
        self.page.close()
        self.page = opened.value

    def read_the_page(self) -> None:
        """The issue in full, pictures included, at the address the mail has named."""
        self.sees("Why your back hurts, and where to begin")
        assert self.page.url == f"{self._site.url}/archive/{ISSUE}/"
        for article in sorted((self._site.folder / "issues" / ISSUE).glob("0*.md")):
            title = re.search(r"^title: (.+)$", article.read_text("utf-8"), re.MULTILINE)
            assert title, article
            self.page.get_by_role("heading", level=2, name=title[1].strip("\"'")).wait_for()
        assert self.page.locator("img").count() >= 3
        assert broken_pictures(self.page) == []

    def leave(self) -> None:
        """Open the unsubscribe link of the copy and press the button."""
        copy = self._site.mail(self._address, "Why your back hurts")
        self.page.goto(link(copy, "/u/"))
        self.sees("Leave this newsletter?")
        assert self.status() == "confirmed", "opening the link has unsubscribed somebody"
        self.press("Unsubscribe")
        self.sees("You are unsubscribed")
        assert self.status() == "unsubscribed"
