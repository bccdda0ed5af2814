"""A real headless Chromium, the system's own, that talks to this machine only."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

REQUIRED = "NEWSLETTER_TEST_REQUIRE_ALL"
"""Set to 1 where a missing browser is a failure and no reason to skip, as in CI."""

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--font-render-hinting=none", "--disable-lcd-text"),  # the same pixels on every machine
)


def executable() -> str | None:
    """Where Chromium is, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def require() -> None:
    """Skip the test where there is no browser to be had, loudly; fail it where one is required."""
    if importlib.util.find_spec("playwright") is None:
        reason = "playwright is not installed (pip install playwright)"
    elif executable() is None:
        reason = "there is no Chromium on this machine (apt-get install chromium)"
    else:
        return
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{REQUIRED}=1, but {reason}")
    pytest.skip(f"BROWSER JOURNEY NOT RUN: {reason}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, until the block ends."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


TELL = """addEventListener('securitypolicyviolation', event =>
  console.error(`${event.effectiveDirective} violated by ${event.blockedURI}`))"""
"""Run on every page before its own scripts: what a policy refuses goes where complaints are read."""


class Complaints:
    """Everything a browser objects to while it shows our pages: refused by policy, missing, broken, foreign."""

    def __init__(self, context: BrowserContext, *own: str, judge_pages: bool = True) -> None:
        """`own` are the addresses (scheme, host and port) that pages may load from.

        Without `judge_pages` a page itself may be an error page, because its visitor looks at the status.
        """
        self.found: list[str] = []
        self._own = {urlsplit(address).netloc for address in own}
        self._judge_pages = judge_pages
        context.add_init_script(TELL)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.found.append(f"script error: {error.error}"))
        context.on("request", self._request)
        context.on("response", self._response)
        context.on("requestfailed", lambda request: self.found.append(f"failed: {request.url} {request.failure}"))

    def _console(self, message: ConsoleMessage) -> None:
        if not self._judge_pages and message.text.startswith("Failed to load resource"):
            return  # counted as a response
        if message.type in {"error", "warning"}:
            self.found.append(f"console {message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc not in self._own:
            self.found.append(f"foreign: {request.url}")

    def _response(self, response: Response) -> None:
        is_page = response.request.is_navigation_request()
        if response.status >= 400 and (self._judge_pages or not is_page):
            self.found.append(f"{response.status}: {response.url}")


def overflow(page: Page) -> int:
    """CSS pixels by which the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def broken_pictures(page: Page) -> list[str]:
    """Addresses of pictures that did not load; `loading=lazy` ones are scrolled to first."""
    for picture in page.locator("img").all():
        picture.scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    script = "[...document.images].filter(i => !i.complete || i.naturalWidth === 0).map(i => i.src)"
    return list(page.evaluate(script))
