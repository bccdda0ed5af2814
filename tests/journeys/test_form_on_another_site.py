"""The form pasted into somebody else's page, on another origin: in its place with JavaScript, page by page without."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from journeys.story import SETTINGS, fill_in, prepare
from journeys.visitor import Visitor
from served import ServedSite, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

Codes = dict[tuple[str, str], str]


@contextmanager
def blog(code: str) -> Iterator[str]:
    """A foreign page that holds `code`; gives its address."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f'<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Blog</title>{code}</html>'
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_words: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedSite]:
    with served(tmp_path_factory.mktemp("embed") / "site", prepare=prepare, **SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def codes(site: ServedSite) -> Codes:
    """What to paste, by kind and language."""
    return {
        (kind, language): site.command("embed", "--as", kind, "--lang", language)[kind]
        for kind in ("script", "html", "iframe")
        for language in ("en", "de")
    }


@contextmanager
def guest(browser: Browser, site: ServedSite, language: str, code: str, *, javascript: bool) -> Iterator[Visitor]:
    """Somebody on a page of another site that holds `code`."""
    with blog(code) as home:
        visitor = Visitor(browser, site, language, javascript=javascript, own=(home,))
        visitor.open(f"{home}/#")
        yield visitor
        assert visitor.complaints.found == []


EVERYBODY = pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
BOTH = pytest.mark.parametrize("language", ["en", "de"])


@BOTH
@EVERYBODY
def test_pasted_form_signs_somebody_up(
    browser: Browser, site: ServedSite, codes: Codes, language: str, javascript: bool
) -> None:
    address = f"ada-{language}-{int(javascript)}@example.net"
    with guest(browser, site, language, codes["script", language], javascript=javascript) as visitor:
        home = visitor.page.url
        fill_in(visitor, "ada@example")
        visitor.page.wait_for_timeout(3200 if javascript else 0)
        visitor.page.get_by_role("button").click()
        if javascript:  # a mistake is told in its place, and so are the thanks
            visitor.reads("That is not an e-mail address we can send to.")
            assert visitor.field("Your e-mail address").get_attribute("aria-invalid") == "true"
            visitor.field("Your e-mail address").fill(address)
            visitor.page.get_by_role("button").click()
            visitor.page.get_by_role("status").get_by_text(visitor.say("Check your inbox")).wait_for()
            assert visitor.page.url == home
            visitor.complaints.found.remove(f"400: {site.url}/subscribe")  # the mistake
        else:
            visitor.sees("Stand taller. Hurt less.", 400)
            visitor.field("Your e-mail address").fill(address)
            visitor.press("Yes, I want a steadier back")
            visitor.sees("One more click")
            visitor.press("Yes, I want a steadier back")
            visitor.sees("Check your inbox")
        assert visitor.mail(address, "Please confirm: %(name)s")


@BOTH
def test_plain_form_leads_to_our_pages(browser: Browser, site: ServedSite, codes: Codes, language: str) -> None:
    address = f"plain-{language}@example.net"
    with guest(browser, site, language, codes["html", language], javascript=True) as visitor:
        fill_in(visitor, address)
        visitor.page.get_by_role("button").click()
        visitor.sees("One more click")
        visitor.press("Yes, I want a steadier back")
        visitor.sees("Check your inbox")
        assert visitor.mail(address, "Please confirm: %(name)s")


@BOTH
@EVERYBODY
def test_framed_form_answers_in_a_window_beside(
    browser: Browser, site: ServedSite, codes: Codes, language: str, javascript: bool
) -> None:
    address = f"framed-{language}-{int(javascript)}@example.net"
    with guest(browser, site, language, codes["iframe", language], javascript=javascript) as visitor:
        frame = visitor.page.frame_locator("iframe")
        frame.get_by_label(visitor.say("Your e-mail address")).fill(address)
        frame.get_by_label(visitor.say("Patients in a week")).fill("7")
        with visitor.context.expect_page() as opened:
            frame.get_by_role("button").click()
        visitor.turn_to(opened.value)
        visitor.reads("One more click")
        visitor.press("Yes, I want a steadier back")
        visitor.sees("Check your inbox")
        assert visitor.mail(address, "Please confirm: %(name)s")


def test_no_other_page_can_be_framed(browser: Browser, site: ServedSite) -> None:
    with blog(f'<iframe src="{site.url}/"></iframe>') as home:
        visitor = Visitor(browser, site, "en", own=(home,))
        visitor.open(f"{home}/#")
        visitor.page.wait_for_load_state("networkidle")
        assert any("frame-ancestors" in each for each in visitor.complaints.found)
