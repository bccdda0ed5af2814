"""How every piece of text looks, in light and in dark mode: colour, ground, size, weight.

A small cascade of our own over the final HTML: style attributes, and the rules of `<style>` that beat them.
Only what the rules of `rules/` ask for is computed, for a window of 600 pixels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import tinycss2.color3
from lxml.cssselect import CSSSelector, ExpressionError, SelectorSyntaxError

from newsletter.checks.sheets import Declared, Sheet, StyleRule, attribute

Colour = tuple[int, int, int]
BLACK, WHITE, LINK = (0, 0, 0), (255, 255, 255), (0, 0, 238)
UNSEEN = frozenset({"head", "script", "style", "title", "template", "meta", "link"})

_LOOKED_AT = frozenset(
    {"background", "background-color", "color", "display", "font-size", "font-weight", "text-align", "text-transform"}
    | {"visibility"}
)
_SIZES = {"small": 13.0, "medium": 16.0, "large": 18.0, "x-small": 10.0, "x-large": 24.0, "xx-large": 32.0}
_OWN_SIZE = {"h1": 2.0, "h2": 1.5, "h3": 1.17, "h5": 0.83, "h6": 0.67, "small": 0.83, "sub": 0.83, "sup": 0.83}
_BOLD = frozenset({"b", "strong", "th", "h1", "h2", "h3", "h4", "h5", "h6"})
_LENGTH = re.compile(r"([0-9]*\.?[0-9]+)(px|pt|em|rem|%)?")
_PIXELS = {"px": 1.0, "": 1.0, "pt": 4 / 3, "rem": 16.0}
_WORD = re.compile(r"\w")


@dataclass(frozen=True)
class Style:
    """What one element's text is shown with."""

    colour: Colour = BLACK
    ground: Colour = WHITE
    size: float = 16.0
    """CSS pixels."""
    bold: bool = False
    align: str = ""
    transform: str = ""
    hidden: bool = False


@dataclass(frozen=True)
class Run:
    """The text directly inside one element (or the alt text of a picture), and its two looks."""

    element: Any
    text: str
    light: Style
    dark: Style


class Looks:
    """The looks of a whole document."""

    def __init__(self, elements: Sequence[Any], sheets: Iterable[Sheet]) -> None:
        self._elements = elements
        rules = [rule for sheet in sheets for rule in sheet.rules]
        self.light = _computed(elements, _matched(elements, rules, dark=False))
        self.dark = _computed(elements, _matched(elements, rules, dark=True))
        self.runs = list(self._runs())
        """Every visible piece of text that holds a letter or digit, in document order."""

    def _runs(self) -> Iterator[Run]:
        for element in self._elements:
            light = self.light[element]
            if light.hidden or element.tag in UNSEEN:
                continue
            text = element.get("alt") or "" if element.tag == "img" else _own_text(element)
            if _WORD.search(text):
                yield Run(element, " ".join(text.split()), light, self.dark[element])


def as_hex(colour: Colour) -> str:
    """`#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


@lru_cache(maxsize=512)
def parse_colour(value: str) -> tuple[Colour, float] | None:
    """Colour and opacity of a CSS value; None for anything else, `inherit` and `transparent` words among it."""
    found = tinycss2.color3.parse_color(value)
    if found is None or isinstance(found, str):
        return None
    return (round(found.red * 255), round(found.green * 255), round(found.blue * 255)), found.alpha


def in_force(conditions: Iterable[str], *, dark: bool) -> bool:
    """Whether these conditions hold in a window of 600 pixels, on a screen, in that mode."""
    for condition in conditions:
        if not condition.startswith("@media"):
            return False
        if "prefers-color-scheme" in condition:
            if ("dark" in condition) is not dark:
                return False
        elif "screen" not in condition and "all" not in condition and "min-width" not in condition:
            return False
        if "max-width" in condition or "print" in condition:
            return False
    return True


_Matched = dict[Any, list[tuple[tuple[int, int, int, int], tuple[Declared, ...]]]]


def _matched(elements: Sequence[Any], rules: Iterable[StyleRule], *, dark: bool) -> _Matched:
    """The declarations that concern us, for each element that a selector matches."""
    found: _Matched = {}
    for order, rule in enumerate(rules):
        declared = tuple(each for each in rule.declared if each.name in _LOOKED_AT)
        if not declared or not elements or not in_force(rule.conditions, dark=dark):
            continue
        for selector in rule.selector.split(","):
            compiled = _compiled(selector.strip())
            if compiled is None:
                continue
            chosen: Any = compiled[0](elements[0])
            for element in chosen:
                found.setdefault(element, []).append(((*compiled[1], order), declared))
    return found


@lru_cache(maxsize=1024)
def _compiled(selector: str) -> tuple[CSSSelector, tuple[int, int, int]] | None:
    """A selector ready for use with its specificity; None for what cannot match in a mail that stands still."""
    from cssselect import parse

    try:
        return CSSSelector(selector, translator="html"), parse(selector)[0].specificity()
    except (ExpressionError, SelectorSyntaxError, IndexError):
        return None


def _computed(elements: Sequence[Any], matched: _Matched) -> dict[Any, Style]:
    styles: dict[Any, Style] = {}
    for element in elements:
        above = styles.get(element.getparent(), Style())
        written = element.get("style")
        from_rules = matched.get(element)
        bare = not (written or from_rules or element.get("bgcolor") or element.get("align"))
        if bare and element.tag not in _BOLD and element.tag not in _OWN_SIZE and element.tag not in {"a", "center"}:
            styles[element] = above if element.get("hidden") is None else replace(above, hidden=True)
            continue
        styles[element] = _styled(element, above, _cascade(written, from_rules))
    return styles


def _cascade(written: str | None, from_rules: list[Any] | None) -> dict[str, str]:
    """The winning value of each property: rules, then the attribute, then whatever is important."""
    values: dict[str, str] = {}
    ranked = [declared for _, declared in sorted(from_rules, key=lambda each: each[0])] if from_rules else []
    own = attribute(written) if written else ()
    for important in (False, True):
        for group in (*ranked, own):
            values.update((each.name, each.value) for each in group if each.important is important)
    return values


def _styled(element: Any, above: Style, values: dict[str, str]) -> Style:
    tag = element.tag
    # The longhand comes second: in a cascade this small, whoever writes both means the longhand.
    ground = values.get("background-color") or values.get("background") or element.get("bgcolor") or ""
    colour = values.get("color") or (as_hex(LINK) if tag == "a" and element.get("href") else "")
    weight = values.get("font-weight", "").lower()
    seen = _painted(above.ground, ground)
    return Style(
        colour=_painted(above.colour, colour) if _opaque(colour) else _mixed(seen, colour, above.colour),
        ground=seen,
        size=_size(values.get("font-size", ""), above.size, tag),
        bold=weight in {"bold", "bolder", "600", "700", "800", "900"} or (not weight and (tag in _BOLD or above.bold)),
        align=values.get("text-align") or _aligned(element) or above.align,
        transform=values.get("text-transform") or above.transform,
        hidden=above.hidden
        or element.get("hidden") is not None
        or values.get("display") == "none"
        or values.get("visibility") == "hidden",
    )


def _aligned(element: Any) -> str:
    if element.tag == "center":
        return "center"
    return str(element.get("align") or "").lower() if element.tag in {"td", "th", "div", "p", "h1", "h2", "h3"} else ""


def _opaque(value: str) -> bool:
    found = parse_colour(value) if value else None
    return found is None or found[1] >= 1


def _painted(under: Colour, value: str) -> Colour:
    """`under` with this colour laid over it; unchanged when the value is none."""
    found = parse_colour(value.strip()) if value else None
    if found is None:
        return under
    (red, green, blue), alpha = found
    return (_over(red, under[0], alpha), _over(green, under[1], alpha), _over(blue, under[2], alpha))


def _mixed(ground: Colour, value: str, otherwise: Colour) -> Colour:
    """A translucent text colour as it looks on its ground."""
    return _painted(ground, value) if parse_colour(value) else otherwise


def _over(top: int, under: int, alpha: float) -> int:
    return round(top * alpha + under * (1 - alpha))


def _size(value: str, above: float, tag: str) -> float:
    value = value.strip().lower()
    if value in _SIZES:
        return _SIZES[value]
    found = _LENGTH.fullmatch(value)
    if found is None:
        return above * _OWN_SIZE.get(tag, 1.0)
    number, unit = float(found[1]), found[2] or ""
    if unit == "em":
        return number * above
    return number * above / 100 if unit == "%" else number * _PIXELS[unit]


def _own_text(element: Any) -> str:
    return " ".join(filter(None, [element.text, *(child.tail for child in element)]))
