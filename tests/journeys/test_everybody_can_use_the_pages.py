"""Every page and mail at 320 pixels, light and dark: nothing runs off, nothing is too faint, nothing too small to hit.

WCAG 2.2: reflow (§1.4.10), contrast (§1.4.3), target size (§2.5.8, and 44 pixels for the one thing a page is for).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import axe
import pytest
from chromium import chromium, overflow, require
from journeys.pictures import story
from served import served

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

FAINT = """() => {
  const parse = text => {
    const found = text.match(/[\\d.]+/g).map(Number);
    return text.startsWith('color(srgb') ? [...found.slice(0, 3).map(c => c * 255), found[3] ?? 1] : [...found, 1];
  };
  const over = (top, ground) => top.slice(0, 3).map((c, i) => c * top[3] + ground[i] * (1 - top[3]));
  const light = colour => {
    const [r, g, b] = colour.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      layers.push(parse(getComputedStyle(each).backgroundColor).slice(0, 4));
    }
    const canvas = matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
    return layers.reverse().reduce((below, layer) => over(layer, below), canvas);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const style = getComputedStyle(element);
    if (!walker.currentNode.data.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (/^(STYLE|SCRIPT|TITLE)$/.test(element.tagName) || style.fontSize === '0px') continue;
    const below = ground(element);
    const [a, b] = [light(over(parse(style.color).slice(0, 4), below)), light(below)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) found.push(`${ratio.toFixed(2)}:1 ${walker.currentNode.data.trim().slice(0, 40)}`);
  }
  return found;
}"""

SMALL = """() => [...document.querySelectorAll(
  'a[href], button, input:not([type=hidden]), summary, .btn td'
)].flatMap(each => {
  const box = each.getBoundingClientRect();
  const inline = each.tagName === 'A' && getComputedStyle(each).display === 'inline';
  const hidden = box.width < 2 || box.right < 0 || box.bottom < 0 || each.closest('[aria-hidden=true]');
  const primary = each.matches('button, input:not([type=checkbox]), .button, .btn td');
  if (hidden || (inline && !primary)) return [];
  return Math.min(box.width, box.height) < (primary ? 44 : 24)
    ? [`${Math.round(box.width)} x ${Math.round(box.height)} ${(each.innerText || each.name).slice(0, 40)}`] : [];
})"""


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What is wrong with any scene of the story."""
    require()
    axe.require()
    found: list[str] = []
    with served(tmp_path_factory.mktemp("story") / "site") as site, chromium() as browser:
        page, copy = (browser.new_page(viewport={"width": 320, "height": 640}) for _ in range(2))
        for scene in story(page, site):
            found += [f"{scene}: {fault}" for fault in _faults(page)]
            mail = scene.startswith("mail-")
            if mail:  # the inbox lets mail run no script
                copy.set_content(page.content())
            found += [f"{scene}: axe, {fault}" for fault in axe.violations(copy if mail else page, mail=mail)]
    return found


def _faults(page: Page) -> Iterator[str]:
    beyond = overflow(page)
    if beyond:
        yield f"{beyond} px too wide"
    yield from (f"too small: {each}" for each in page.evaluate(SMALL))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        yield from (f"too faint when {scheme}: {each}" for each in page.evaluate(FAINT))


def test_nothing_is_too_wide_too_faint_or_too_small_and_axe_is_content(faults: list[str]) -> None:
    assert faults == []
