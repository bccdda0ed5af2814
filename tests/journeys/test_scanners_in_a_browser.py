"""Mail scanners open every link of every mail, some of them in a real browser with its scripts: nothing may change.

Everything a reader can be sent is sent; then each link is opened, fetched ahead and asked for, and the database has
to be the same as before, row by row.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from journeys.story import SETTINGS, choosing, confirming, disowning, leaving, prepare, publish, signing_up
from journeys.visitor import Visitor
from served import ServedSite, link, served

from newsletter.transport.sandbox import ParsedMail, messages, read

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

DOORS = {"confirm", "not-me", "u", "preferences", "new-address", "archive", "lists"}
"""Where links of mails lead to."""
ALIVE = 'INSERT INTO "workers"'
"""Senders say now and then that they live; nobody's looking causes it."""
AHEAD = {"Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender", "X-Purpose": "preview"}


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedSite]:
    with served(tmp_path_factory.mktemp("scanned") / "site", prepare=prepare, **SETTINGS) as running:
        yield running


def every_mail(visitor: Visitor) -> ParsedMail:
    """Have every mail sent that there is; returns the one that moves an address, the last of them."""
    publish(visitor.site)
    ada = "ada@example.net"
    for part in (signing_up, confirming, choosing, leaving):
        list(part(visitor, ada))
    list(disowning(visitor, "not-ada@example.net"))
    list(signing_up(visitor, "bea@example.net"))
    visitor.mail("bea@example.net", "Please confirm: %(name)s")
    visitor.open(link(visitor.mail(ada, "Your preferences: %(name)s"), "/preferences/"))
    visitor.field("Your new e-mail address").fill("new-ada@example.net")
    visitor.press("Write to this address")
    return visitor.mail("new-ada@example.net", "Is this your new address? %(name)s")


def links(site: ServedSite) -> list[str]:
    """Everything that can be followed in any mail."""
    folder = site.folder / "var" / "sandbox"
    found: list[str] = []
    for stored in messages(folder):
        mail = read(folder, stored.id)
        bodies = f"{mail.text or ''}\n{mail.html or ''}\n{mail.header('List-Unsubscribe')}".replace("&amp;", "&")
        found += re.findall(rf"{re.escape(site.url)}[^\s\"'<>)]*", bodies)
    return sorted(set(found))


def rows(site: ServedSite) -> list[str]:
    """The whole database as text, once nothing is being sent any more."""
    before: list[str] = []
    for _ in range(50):
        with closing(sqlite3.connect(f"file:{site.folder}/var/newsletter.db?mode=ro", uri=True)) as connection:
            now = [each for each in connection.iterdump() if not each.startswith(ALIVE)]
        if now == before:
            return now
        before = now
        time.sleep(0.3)
    raise AssertionError("the database does not come to rest")


def test_scanner_that_runs_scripts_changes_nothing_whatever_link_it_opens(browser: Browser, site: ServedSite) -> None:
    move = every_mail(Visitor(browser, site, "en"))
    addresses = links(site)
    opened = {each.removeprefix(site.url).split("/")[1] for each in addresses}
    assert opened >= DOORS
    before = rows(site)
    scanner = Visitor(browser, site, "en")
    for address in addresses:
        for method in ("HEAD", "GET", "OPTIONS"):
            scanner.context.request.fetch(address, method=method, headers=AHEAD)
        scanner.page.goto(address)
    scanner.page.wait_for_timeout(1000)
    assert rows(site) == before
    scanner.open(link(move, "/new-address/"))
    scanner.press("This is my address")
    assert rows(site) != before, "what was opened so often would have done nothing anyway"
