"""The form pasted into somebody else's page, on another origin: in its place with JavaScript, page by page without."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from chromium import Complaints, chromium, require
from served import ServedSite, served

pytestmark = pytest.mark.browser


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
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedSite]:
    require()
    with served(tmp_path_factory.mktemp("embed") / "site", NEWSLETTER_LANGUAGES="en,de") as running:
        yield running


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_pasted_form_signs_somebody_up(site: ServedSite, javascript: bool) -> None:
    address = f"ada{int(javascript)}@example.net"
    code = site.command("embed", "--lang", "de")["script"]
    with blog(code) as home, chromium() as browser:
        context = browser.new_context(java_script_enabled=javascript)
        complaints = Complaints(context, site.url, home)
        page = context.new_page()
        page.goto(home)
        page.get_by_label("Ihre E-Mail-Adresse").press_sequentially(address)
        page.wait_for_timeout(3200)
        page.get_by_role("button").click()
        if javascript:
            page.get_by_role("status").get_by_text("Sehen Sie in Ihrem Postfach nach").wait_for()
            assert page.url.startswith(home)
        else:
            page.get_by_role("heading", name="Noch ein Klick").wait_for()
            page.get_by_role("button").click()
            page.get_by_role("heading", name="Sehen Sie in Ihrem Postfach nach").wait_for()
        assert complaints.found == []
    assert site.mail(address, "Bitte bestätigen")


def test_framed_form_is_shown_and_no_other_page_is(site: ServedSite, tmp_path: Path) -> None:
    code = site.command("embed", "--as", "iframe")["iframe"]
    with blog(code) as home, chromium() as browser:
        context = browser.new_context()
        complaints = Complaints(context, site.url, home)
        page = context.new_page()
        page.goto(home)
        page.frame_locator("iframe").get_by_label("Your e-mail address").wait_for()
        assert complaints.found == []
    with blog(f'<iframe src="{site.url}/"></iframe>') as home, chromium() as browser:
        context = browser.new_context()
        complaints = Complaints(context, site.url, home)
        page = context.new_page()
        page.goto(home)
        page.wait_for_load_state("networkidle")
        assert any("frame-ancestors" in each for each in complaints.found)
