"""Takes off the top of an article what the issue shows itself: its title, byline, dates and reading time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from newsletter.content.importing.dates import without_dates
from newsletter.content.importing.titles import plain
from newsletter.content.importing.visible import any_of, drop, text_of

_TAGS = (
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "div", "span", "section", "header", "address", "time", "ul", "li"),
    *("em", "strong", "small", "font", "i", "b", "center", "a", "dl", "figcaption"),
)
_MARKS = re.compile(
    r"\b(?:by|von|par|por|text|words?|story|article|author|posted|published|written|created|updated|modified|revised|"
    r"reviewed|medically|clinically|fact[ -]?checked|edited|last|first|on|at|in|the|and|date|category|filed|under|"
    r"\d* ?min(?:ute)?s?|read(?:ing)?|time|comments?|no|\d+ comments?|shares?|views?|am|pm|utc|gmt|[ap]\.m\.|uhr|"
    r"mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)\b|\d+",
    re.IGNORECASE,
)
_STARTS = any_of(
    r"(?:(?:article|story|text|words|posted|written|published|medically|clinically)\s+)*(?:by|reviewed by)\b"
)


def strip_opening(body: Any, title: str, names: Sequence[str], words: Sequence[str] = ()) -> None:
    """Remove the title and lines about writer and date above the text; `words` are others known, as the category."""
    known = [each for each in (*names, *words) if each]
    looked_at = 0
    titled = False
    for element in list(body.iter(*_TAGS)):
        if element.getparent() is None or element is body:
            continue
        text = text_of(element)
        if not text:
            continue
        if len(text) > 220:
            if element.tag == "p":
                break
            continue
        looked_at += 1
        if looked_at > 30:
            break
        if not titled and _is_title(element, text, title):
            drop(element)
            titled = True
        elif _is_about_the_text(text, known):
            drop(element)


def _is_title(element: Any, text: str, title: str) -> bool:
    shown, wanted = plain(text), plain(title)
    if shown == wanted:
        return True
    return element.tag in {"h1", "h2"} and len(shown) > 15 and (shown in wanted or wanted in shown)


def _is_about_the_text(text: str, known: Sequence[str]) -> bool:
    """Whether a line is made of names, dates and the words around them, and nothing else."""
    rest, dated = without_dates(text)
    named = False
    for each in sorted(known, key=len, reverse=True):
        shorter = re.sub(re.escape(each), " ", rest, flags=re.IGNORECASE)
        named = named or shorter != rest
        rest = shorter
    if not (dated or named):
        return False
    rest = re.sub(r"\W+", "", _MARKS.sub(" ", rest))
    return len(rest) <= 12 or (bool(_STARTS.match(text)) and len(rest) <= 40 and len(text) < 160)
