"""What people cannot read, reach or hit on a page, measured in the browser that shows it.

WCAG 2.2: reflow (§1.4.10), contrast (§1.4.3), target size (§2.5.8, and 44 pixels for the one thing a page is for);
and for pages read from right to left, that they are mirrored and not merely translated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from chromium import overflow

if TYPE_CHECKING:
    from playwright.sync_api import Page

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
  const away = box.width < 2 || box.right < 0 || box.bottom < 0;
  const hidden = away || !each.checkVisibility() || each.closest('[aria-hidden=true]');
  const primary = each.matches('button, input:not([type=checkbox]), .button, .btn td');
  if (hidden || (inline && !primary)) return [];
  return Math.min(box.width, box.height) < (primary ? 44 : 24)
    ? [`${Math.round(box.width)} x ${Math.round(box.height)} ${(each.innerText || each.name).slice(0, 40)}`] : [];
})"""

ASTRAY = """() => {
  const middle = document.documentElement.clientWidth / 2;
  const textOf = element => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return range.getBoundingClientRect();
  };
  const found = [];
  const judge = (element, fine) => fine || found.push(element.outerHTML.slice(0, 80));
  for (const each of document.querySelectorAll('main :is(h1, h2, p, label, legend, li)')) {
    if (!each.checkVisibility() || each.closest('[dir=auto], [lang=en], .away') || !each.innerText.trim()) continue;
    const [box, text] = [each.getBoundingClientRect(), textOf(each)];
    judge(each, getComputedStyle(each).direction === 'rtl' && box.right - text.right < 40);
  }
  for (const each of document.querySelectorAll('.field-check input')) {
    judge(each, each.getBoundingClientRect().left > textOf(each.labels[0]).left);
  }
  for (const each of document.querySelectorAll('.address, .summary, .notice')) {
    const style = getComputedStyle(each);
    judge(each, parseFloat(style.borderRightWidth) > parseFloat(style.borderLeftWidth));
  }
  return found;
}"""


def faults(page: Page) -> Iterator[str]:
    """What is wrong with a page at the width it is shown at, in light and in dark."""
    beyond = overflow(page)
    if beyond:
        yield f"{beyond} px too wide"
    yield from (f"too small: {each}" for each in page.evaluate(SMALL))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        yield from (f"too faint when {scheme}: {each}" for each in page.evaluate(FAINT))


def astray(page: Page) -> list[str]:
    """What stands where it would in a page read from left to right, on one that is read from right to left."""
    return list(page.evaluate(ASTRAY))
