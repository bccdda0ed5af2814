"""The proof of work in a real browser: done by our own script under the strict policy, and by waiting without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import Complaints
from served import ServedSite, served

from newsletter.subscribers.gate import PAUSE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

BUTTON = "Yes, I want a steadier back"
SCRIPT = Path(__file__).parents[2] / "templates" / "web" / "static" / "proof.js"


@pytest.fixture
def site(browser: Browser, tmp_path: Path) -> Iterator[ServedSite]:
    with served(tmp_path / "site", NEWSLETTER_SIGNUPS__PROOF="always") as running:
        yield running


def asked_for_work(page: Page, site: ServedSite, address: str) -> None:
    page.goto(site.url)
    page.get_by_label("Your e-mail address").fill(address)
    page.wait_for_timeout(3200)
    page.get_by_role("button", name=BUTTON).click()
    page.wait_for_selector("form[data-challenge]")


def test_browser_works_and_the_reader_presses(browser: Browser, site: ServedSite) -> None:
    context = browser.new_context()
    complaints = Complaints(context, site.url)
    page = context.new_page()
    asked_for_work(page, site, "ada@example.net")
    button = page.locator("form[data-challenge] button")
    page.locator("#pause").wait_for(state="hidden")
    page.wait_for_selector("form[data-challenge] button:enabled")
    assert len(page.locator("input[name=altcha]").input_value()) > 100
    assert button.inner_text() == BUTTON
    assert page.locator("#pause").is_hidden()
    assert page.url.endswith("/subscribe"), "nothing is submitted by itself"
    button.click()
    page.wait_for_url("**/check-inbox*")
    site.mail("ada@example.net", "")
    assert complaints.found == []


def test_without_javascript_the_button_counts_after_a_pause(browser: Browser, site: ServedSite) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    asked_for_work(page, site, "grace@example.net")
    assert page.locator("#pause").is_visible()
    page.get_by_role("button", name=BUTTON).click()
    page.wait_for_selector("form[data-challenge]")
    page.wait_for_timeout(1000 * PAUSE.total_seconds())
    page.get_by_role("button", name=BUTTON).click()
    page.wait_for_url("**/check-inbox*")


def test_solver_is_small() -> None:
    assert len(SCRIPT.read_bytes()) < 4096
