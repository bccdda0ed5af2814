"""Photographs of every view, taken by the system's own Chromium: what the studio shows, as files to keep or compare.

The browser gets every document and every picture from here, by interception; it is offline and runs no scripts.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsletter.errors import NewsletterError
from newsletter.rendering.related import Media
from newsletter.rendering.views import View

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

ORIGIN = "http://preview.invalid"
"""A host that never exists (RFC 2606 §2), so nothing can be loaded from it by mistake."""
HEIGHT = 800
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ("--disable-gpu", "--font-render-hinting=none", "--disable-lcd-text", "--hide-scrollbars")
"""The same pixels on every machine that has the same fonts."""


def photograph(
    documents: Mapping[str, str],
    views: Sequence[View],
    media: Media,
    *,
    out: Path,
    slug: str,
    tell: Callable[[int], None],
) -> list[Path]:
    """`SLUG.<view>.png` of each view in `out`, at its own width and full height; `documents` are those of the views.

    Tells after each how many are done. Raises `NewsletterError` when there is no browser to be had.
    """
    executable = require()
    from playwright.sync_api import Error, sync_playwright

    # Chromium's own sandbox does not work for root; what it is shown is ours, and runs nothing.
    arguments = [*ARGUMENTS, "--no-sandbox"] if os.geteuid() == 0 else list(ARGUMENTS)
    made = []
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable, args=arguments)
            page = browser.new_context(java_script_enabled=False, color_scheme="light").new_page()
            page.route("**/*", lambda route: _answer(route, documents, media))
            for number, view in enumerate(views, 1):
                made.append(_shot(page, view, out / f"{slug}.{view.key}.png"))
                tell(number)
            browser.close()
    except Error as error:
        first = str(error).strip().splitlines()[0]
        raise NewsletterError(f"Chromium gave up: {first}", hint="Does `chromium --version` work?") from error
    return made


def require() -> str:
    """Where Chromium is. Raises `NewsletterError` with what is missing, and how to get it."""
    if importlib.util.find_spec("playwright") is None:
        raise NewsletterError(
            "Pictures of the views need playwright, which is not installed.",
            hint="pip install 'newsletter-pipeline[browser]'; `preview --serve` and `--open` work without it.",
        )
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise NewsletterError(
            "Pictures of the views need Chromium, and there is none on this machine.",
            hint="Install it (on Debian: apt-get install chromium); `preview --serve` and `--open` work without it.",
        )
    return found


def _shot(page: Page, view: View, path: Path) -> Path:
    page.set_viewport_size({"width": view.width, "height": HEIGHT})
    page.goto(f"{ORIGIN}/view/{view.key}", wait_until="load")
    page.screenshot(path=path, full_page=True, animations="disabled")
    return path


def _answer(route: Route, documents: Mapping[str, str], media: Media) -> None:
    kind, _, name = route.request.url.removeprefix(f"{ORIGIN}/").partition("/")
    answer: dict[str, Any] | None = None
    if kind == "view" and name in documents:
        answer = {"body": documents[name], "content_type": "text/html; charset=utf-8"}
    elif kind == "media" and (found := media.get(name)) is not None:
        answer = {"body": found[1], "content_type": found[0]}
    if answer is None:
        route.abort()
    else:
        route.fulfill(**answer)
