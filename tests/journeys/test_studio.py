"""The studio in a real browser: it follows what is saved, keys reach every view, everybody can use it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import axe
import pytest
from chromium import Complaints, chromium, overflow, require
from eyes import FAINT, SMALL
from journeys.studio import ISSUE, studio
from served import run

from newsletter.rendering.views import VIEWS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require()
    with chromium() as found:
        yield found


@pytest.fixture
def site(tmp_path: Path) -> Path:
    assert run("init", str(tmp_path / "site")).returncode == 0
    return tmp_path / "site"


def opened(page: Page, url: str, views: str = "desktop,phone") -> None:
    page.goto(f"{url}#views={views}")
    page.reload()
    until(page, "document.querySelectorAll('iframe:not(.incoming)').length > 0")
    until(page, "document.getElementById('pulse').dataset.is === 'live'")


def until(page: Page, condition: str) -> None:
    """Wait for something to be true; the page's own policy forbids the browser to evaluate it by itself."""
    deadline = time.monotonic() + 10
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(5)


def objections(complaints: Complaints) -> list[str]:
    """What the browser objected to; what it gave up itself, because the window was closed or renewed, is none."""
    return [each for each in complaints.found if "ERR_ABORTED" not in each]


def frame_text(page: Page, view: str) -> str:
    return page.frame_locator(f"[data-view={view}] iframe:not(.incoming)").locator("body").inner_text()


def test_what_is_saved_is_seen_at_once_and_in_its_place(site: Path, browser: Browser) -> None:
    letter = site / "issues" / ISSUE / "issue.md"
    text = letter.read_text("utf-8")
    with studio(site) as url:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        complaints = Complaints(context, url)
        page = context.new_page()
        opened(page, url)
        assert "Dear Ada," in frame_text(page, "desktop")
        page.evaluate("document.querySelector('[data-view=phone] iframe').contentWindow.scrollTo(0, 300)")
        took = []
        for number in range(7):
            began = time.perf_counter()
            letter.write_text(text.replace("Read one piece", f"Take number {number}"), "utf-8")
            until(
                page,
                "[...document.querySelectorAll('.panel iframe:not(.incoming)')]"
                f".every(each => each.contentDocument.body.innerText.includes('Take number {number}'))",
            )
            took.append(time.perf_counter() - began)
            page.wait_for_timeout(1000)  # nobody saves again before the checks are through
        print("seconds from saving to seeing:", [round(each, 3) for each in took])
        place = page.evaluate("document.querySelector('[data-view=phone] iframe').contentWindow.scrollY")
        assert place == 300
        assert objections(complaints) == []
        context.close()


def test_a_mistake_shows_with_its_line_and_goes_when_it_is_mended(site: Path, browser: Browser) -> None:
    letter = site / "issues" / ISSUE / "issue.md"
    text = letter.read_text("utf-8")
    with studio(site) as url:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        complaints = Complaints(context, url)
        page = context.new_page()
        opened(page, url)
        letter.write_text(text.replace("subscriber.first_name", "subscriber.frist_name"), "utf-8")
        page.get_by_text("There is no merge tag subscriber.frist_name.").wait_for()
        assert "Did you mean subscriber.first_name?" in page.locator("#trouble").inner_text()
        assert "frist_name" in page.locator("#trouble-excerpt .aim").inner_text()
        page.locator("#trouble-place").click()
        page.locator(".lines .aim").wait_for()
        assert "frist_name" in page.locator(".lines .aim").inner_text()
        letter.write_text(text, "utf-8")
        page.locator("#trouble").wait_for(state="hidden")
        assert "Dear Ada," in frame_text(page, "desktop")
        assert objections(complaints) == []
        context.close()


def test_a_finding_leads_to_its_line(site: Path, browser: Browser) -> None:
    letter = site / "issues" / ISSUE / "issue.md"
    letter.write_text(letter.read_text("utf-8").replace("Read one piece", "Lorem ipsum dolor sit amet"), "utf-8")
    with studio(site) as url:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        opened(page, url, "checks,desktop")
        finding = page.locator("button.finding", has_text="issue.md:").first
        finding.wait_for()
        finding.focus()
        page.keyboard.press("Enter")
        page.locator(".lines .aim").wait_for()
        assert "Lorem ipsum" in page.locator(".lines .aim").inner_text()
        assert page.evaluate("document.activeElement.classList.contains('aim')")
        page.close()


def test_keys_reach_every_view_the_readers_and_the_help(site: Path, browser: Browser) -> None:
    with studio(site) as url:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        complaints = Complaints(context, url)
        page = context.new_page()
        opened(page, url)
        shown = "[...document.querySelectorAll('.panel')].map(each => each.dataset.view)"
        for letter, view in [*((each.letter, each.key) for each in VIEWS), ("u", "source"), ("c", "checks")]:
            page.keyboard.press(letter)
            assert page.evaluate(shown) == [view]
        page.keyboard.press("1")
        page.keyboard.press("Shift+K")
        assert page.evaluate(shown) == ["desktop", "phone", "dark"]
        page.keyboard.press("Shift+P")
        assert page.evaluate(shown) == ["desktop", "dark"]
        until(page, "document.querySelectorAll('iframe:not(.incoming)').length === 2")
        page.locator("[data-view=desktop] iframe").focus()  # keys work from inside a mail as well
        page.keyboard.press("p")
        assert page.evaluate(shown) == ["phone"]
        page.keyboard.press("?")
        assert page.locator("#help").is_visible()
        page.keyboard.press("Escape")
        assert not page.locator("#help").is_visible()
        until(page, "document.activeElement.id !== 'keys-on'")
        page.keyboard.press("r")
        assert page.evaluate("document.activeElement.id") == "reader"
        page.locator("#reader").select_option("nameless")
        until(
            page,
            "document.querySelector('[data-view=phone] iframe:not(.incoming)')"
            "?.contentDocument.body.innerText.includes('Dear friend,')",
        )
        page.locator("#reader").select_option("@")
        page.locator("#address").fill("nobody@example.net")
        page.keyboard.press("Enter")
        page.get_by_text("nobody@example.net is not on file.").wait_for()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement !== document.body")
        assert objections(complaints) == []
        context.close()


def test_it_begins_with_the_copy_that_was_asked_for(site: Path, browser: Browser) -> None:
    letter = site / "issues" / ISSUE / "issue.md"
    letter.write_text(letter.read_text("utf-8") + "\n::: only tag=board\nWords for the board.\n:::\n", "utf-8")
    done = run("--site", str(site), "subscriber", "add", "grace@example.net", "--name", "Grace", "--tag", "board")
    assert done.returncode == 0, done.stderr
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    for words in (("--tag", "Board"), ("--as", "grace@example.net")):
        with studio(site, *words) as url:
            page.goto(url)
            until(page, "document.querySelectorAll('iframe:not(.incoming)').length === 2")
            assert "Words for the board." in frame_text(page, "phone")
            greeting = "Dear Grace," if "--as" in words else "Dear Ada,"
            assert greeting in frame_text(page, "desktop")
    page.close()


def test_everybody_can_use_it(site: Path, browser: Browser) -> None:
    views = ",".join([*(each.key for each in VIEWS), "source", "checks"])
    # A desk is used with a mouse or a keyboard: 24 pixels (WCAG 2.2 §2.5.8), not the 44 of readers' pages.
    small = SMALL.replace("primary ? 44 : 24", "24")
    found = []
    with studio(site) as url:
        for width in (320, 1440):
            page = browser.new_page(viewport={"width": width, "height": 900})
            opened(page, url, views)
            page.locator(".findings").wait_for()
            if overflow(page):
                found.append(f"{width}: {overflow(page)} px too wide")
            found += [f"{width}: too small: {each}" for each in page.evaluate(small)]
            found += [f"{width}: without a name: {each}" for each in page.evaluate(NAMELESS)]
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                found += [f"{width}: too faint when {scheme}: {each}" for each in page.evaluate(FAINT)]
            page.close()
    assert found == []


def test_axe_finds_nothing_against_it(site: Path, browser: Browser) -> None:
    axe.require()
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    with studio(site) as url:
        opened(page, url, ",".join([*(each.key for each in VIEWS), "source", "checks"]))
        page.locator(".findings").wait_for()
        # Mail in frames runs no scripts, so axe cannot look into it; the themes are looked at on their own.
        found = axe.violations(page)
        page.keyboard.press("?")
        found += axe.violations(page, within="document.getElementById('help')")
        page.close()
    assert found == []


NAMELESS = """() => {
  const words = each => each?.innerText?.trim();
  const named = each => each.getAttribute('aria-label') || each.title || words(each)
    || [...(each.labels || [])].some(words)
    || (each.getAttribute('aria-labelledby') || '').split(' ').some(id => words(document.getElementById(id)));
  const ids = [...document.querySelectorAll('[id]')].map(each => each.id);
  return [
    ...[...document.querySelectorAll(
      'a, button, input, select, iframe, [role=group], [role=meter], section:not([hidden]), nav'
    )].filter(each => each.checkVisibility() && !named(each)).map(each => each.outerHTML.slice(0, 80)),
    ...ids.filter((id, place) => ids.indexOf(id) !== place).map(id => `two elements are called ${id}`),
    ...(document.documentElement.lang ? [] : ['html without lang']),
    ...(document.querySelectorAll('h1').length === 1 ? [] : ['not one h1']),
    ...(document.querySelectorAll('main').length === 1 ? [] : ['not one main']),
  ];
}"""


def test_the_matrix_is_a_picture_of_every_view(site: Path) -> None:
    require()
    from PIL import Image

    out = site / "matrix"
    done = run("--site", str(site), "preview", ISSUE, "--matrix", "--out", str(out), "--json", timeout=120)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)["files"]
    assert made[-1] == str(out / "index.html")
    sheet = (out / "index.html").read_text("utf-8")
    for view in VIEWS:
        assert f'src="{ISSUE}.{view.key}.png"' in sheet
        with Image.open(out / f"{ISSUE}.{view.key}.png") as picture:
            assert picture.width == view.width
            assert picture.height >= 800
    with Image.open(out / f"{ISSUE}.dark.png") as dark, Image.open(out / f"{ISSUE}.desktop.png") as light:
        assert dark.convert("L").getpixel((3, 700)) < 60  # type: ignore[operator]
        assert light.convert("L").getpixel((3, 700)) > 200  # type: ignore[operator]
