"""The title of a page as readers see it: a heading that the page's data speaks of as well, or else the data."""

from __future__ import annotations

import re
from collections.abc import Sequence

from newsletter.content.importing.structured import Told, clean
from newsletter.content.importing.visible import View, names_of, text_of

_SEPARATOR = re.compile(r"\s+(?:[|\-–—·•»«:/\\>~]|::)\s+|\s*[|»]\s*")
_MASTHEAD = re.compile(r"site-?(?:title|name|logo|branding)|\blogo\b|\bbrand\b|masthead", re.IGNORECASE)
_MARKED = re.compile(r"(?:entry|post|article)[-_]*(?:title|headline|heading)|\bheadline\b|p-name", re.IGNORECASE)
_UNNAMED = {
    "",
    "home",
    "untitled",
    "untitled document",
    "blog",
    "article",
    "articles",
    "news",
    "index",
    "page",
    "welcome",
}


def find_title(view: View, told: Sequence[Told], meta: dict[str, list[str]], publisher: str) -> str:
    """The title without the name of the site; empty when the page has none."""
    names = site_names(view, publisher)
    page = clean(next((text_of(each) for each in view.tree.iter("title")), ""))
    data = [source.headline for source in told]
    data += [meta[key][0] for key in ("og:title", "twitter:title", "citation_title", "parsely-title") if meta.get(key)]
    data = [clean(each) for each in data if plain(each) not in {*names, *_UNNAMED}]
    headings = [
        text
        for heading in view.tree.iter("h1")
        if (text := text_of(heading)) and plain(text) not in names and not view.within(heading, _is_masthead)
    ]
    for heading in headings:
        if any(_speaks_of(each, heading) for each in (*data, page)):
            return heading
    if data:
        return without_site(data[0], publisher)
    shortened = _twin(view, page) or without_site(page, publisher, names)
    if plain(shortened) not in {*names, *_UNNAMED}:
        second = [text for each in view.tree.iter("h2") if (text := text_of(each)) and plain(text) == plain(shortened)]
        return second[0] if second else shortened
    marked = [text_of(each) for each in view.tree.iter("h1", "h2") if _MARKED.search(names_of(each))]
    inside = [text_of(each) for part in view.tree.iter("article", "main") for each in part.iter("h1", "h2")]
    return next((each for each in (*marked, *inside, *headings) if each), "")


def site_names(view: View, publisher: str) -> frozenset[str]:
    """What the site calls itself, in the form of `plain`."""
    return frozenset(plain(name) for name in (publisher, *_mastheads(view)) if plain(name))


def without_site(title: str, publisher: str, names: frozenset[str] = frozenset()) -> str:
    """A title without the " | Name of the site" behind or before it."""
    cuts = list(_SEPARATOR.finditer(title))
    if not cuts:
        return title
    known = {plain(publisher), *names} - {""}
    first, last = title[: cuts[0].start()], title[cuts[-1].end() :]
    if plain(last) in known or any(name in plain(last) and len(plain(last)) < len(name) + 14 for name in known):
        return without_site(title[: cuts[-1].start()].strip(), publisher, names)
    if plain(first) in known:
        return title[cuts[0].end() :].strip()
    if not known or re.search(r"[|»]", cuts[-1][0]):
        kept = title[: cuts[-1].start()].strip()
        is_site = bool(re.search(r"[|»·•–—:-]", cuts[-1][0])) and len(last.split()) <= 5
        if is_site and len(kept.split()) >= 3 and len(kept.split()) >= len(last.split()):
            return kept
    return title


def plain(text: str) -> str:
    """A text for comparing: words only, lower case."""
    return re.sub(r"\W+", " ", text).strip().casefold()


def _twin(view: View, page: str) -> str:
    """The part of the page's title that stands on the page by itself, when it is no link."""
    parts = {plain(each): each for each in _SEPARATOR.split(page) if len(each.split()) >= 3}
    if len(parts) < 1 or not _SEPARATOR.search(page):
        return ""
    for element in view.tree.iter("h1", "h2", "h3", "b", "font", "strong", "div", "span", "p", "td", "center"):
        if 0 < view.sizes[element] <= 200 and element.getparent() is not None:
            text = text_of(element)
            if plain(text) in parts and next(element.iter("a"), None) is None:
                return text
    return ""


def _speaks_of(told: str, heading: str) -> bool:
    """Whether a title is that heading, or has it as one of its parts."""
    if plain(told) == plain(heading):
        return True
    if len(heading.split()) < 3:
        return plain(heading) in {plain(part) for part in re.split(r"\s*[|»]\s*|\s+[-–—·•]\s+", told)[:1]}
    return len(plain(heading)) >= 12 and plain(heading) in plain(told)


def _is_masthead(_view: View, element: object) -> bool:
    return bool(_MASTHEAD.search(names_of(element)))


def _mastheads(view: View) -> list[str]:
    """What the site calls itself on the page: its masthead, or an early link to a front page."""
    found = []
    links = 0
    for element in view.tree.iter("a", "div", "span", "p", "h1", "h2", "strong", "header"):
        links += element.tag == "a"
        if 0 < view.sizes[element] <= 80:
            href = element.get("href") or ""
            is_home = element.tag == "a" and (
                re.fullmatch(r"/|index\.html?", href) or (links <= 5 and re.fullmatch(r"https?://[^/]+/?", href))
            )
            is_banner = element.get("role") == "banner" and next(element.iter("h1"), None) is None
            if is_home or is_banner or _MASTHEAD.search(names_of(element)):
                found.append(text_of(element))
    return [each for each in found if 2 < len(each) <= 60][:8]
