"""Finds the element of a page that is the article, by asking three judges and taking the one to trust.

readability-lxml scores paragraphs and is best on plain pages, but drops siblings of the winner; the page's
own marks (`<article>`, `itemprop=articleBody`, `.entry-content`) are exact where they exist; trafilatura
finds text where both find none. All three see the page after the clutter went.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import re
from dataclasses import dataclass
from typing import Any

import lxml.html

from newsletter.content.importing.clutter import declutter
from newsletter.content.importing.visible import link_share, prepare, shallow, text_of

_MARKS = (
    "//*[contains(concat(' ', normalize-space(@itemprop), ' '), ' articleBody ')]",
    "//*[contains(concat(' ', normalize-space(@class), ' '), ' entry-content ')]",
    "//*[contains(concat(' ', normalize-space(@class), ' '), ' post-content ')]",
    "//*[contains(concat(' ', normalize-space(@class), ' '), ' gh-content ')]",
    "//*[contains(@class, 'article-body') or contains(@class, 'article__body') or contains(@class, 'articleBody')]",
    "//*[contains(@class, 'article-content') or contains(@class, 'article__content')]",
    "//*[contains(@class, 'post__content') or contains(@class, 'postContent') or contains(@class, 'post_content')]",
    "//*[contains(@class, 'post-body') or contains(@class, 'story-body') or contains(@class, 'entry__content')]",
    "//*[contains(concat(' ', normalize-space(@class), ' '), ' body ') and contains(@class, 'markup')]",
    "//article",
    "//main | //*[@role='main']",
    "//*[@id='content' or @id='main' or @id='article' or @id='main-content']",
)
_TEXT_BLOCKS = ("p", "li", "blockquote", "pre", "h2", "h3", "h4", "td", "dd", "dt")


@dataclass(frozen=True)
class Candidate:
    """An element that may be the article, free of clutter."""

    judge: str
    element: Any
    text: str
    paragraphs: frozenset[str]

    @property
    def length(self) -> int:
        """Characters of its text."""
        return len(self.text)


def find_body(tree: Any, url: str) -> Any:
    """The element that holds the article; `tree` is a parsed page and stays as it is."""
    page = copy.deepcopy(tree)
    prepare(page)
    source = lxml.html.tostring(page, encoding="unicode")
    marked = _marked(page)
    scored = _readability(source, url)
    chosen = _better(marked, scored) if marked and scored else marked or scored
    if chosen is None or chosen.length < 250:
        found = _trafilatura(source, url)
        if found is not None and (chosen is None or found.length > 2 * chosen.length):
            chosen = found
    if chosen is None or chosen.length < 250:  # a short note: nobody can tell text from clutter by its size
        body = page.find("body")
        rest = body if body is not None else page
        declutter(rest)
        everything = _candidate("rest", rest)
        if chosen is None or (everything.length > 1.2 * chosen.length and link_share(rest) < 0.3):
            chosen = everything
    return chosen.element


def _better(marked: Candidate, scored: Candidate) -> Candidate:
    """Take the page's own mark unless the scored text goes well beyond it or it is mostly something else."""
    if not marked.paragraphs:
        return scored
    shared = sum(map(len, marked.paragraphs & scored.paragraphs))
    of_marked = shared / max(1, sum(map(len, marked.paragraphs)))
    of_scored = shared / max(1, sum(map(len, scored.paragraphs)))
    if of_scored >= 0.85:  # all that was scored stands in the mark too
        return marked if marked.length < 2.2 * scored.length or of_marked > 0.5 else scored
    if of_marked >= 0.85:  # the mark is a part of what was scored: one card, one section, one page of many
        return scored
    return marked if marked.length >= scored.length * 0.8 else scored


def _candidate(judge: str, element: Any) -> Candidate:
    text = text_of(element)
    paragraphs = frozenset(
        words for block in element.iter(*_TEXT_BLOCKS) if len(words := text_of(block)) >= 40 and link_share(block) < 0.6
    )
    return Candidate(judge, element, text, paragraphs)


def _marked(page: Any) -> Candidate | None:
    """The first mark that holds a good part of what the best mark holds."""
    found: list[Candidate] = []
    for path in _MARKS:
        elements = [each for each in page.xpath(path) if each.tag not in {"body", "html", "a", "span", "p"}]
        elements = [each for each in elements if not _in_comments(each)]
        if not elements:
            continue
        outermost = [each for each in elements if not any(other in elements for other in each.iterancestors())]
        cleaned = []
        for element in sorted(outermost, key=lambda each: -len(text_of(each)))[:6]:
            part = copy.deepcopy(element)
            part.tail = None
            declutter(part)
            cleaned.append((element, _candidate("mark", part)))
        best = max(cleaned, key=lambda pair: sum(map(len, pair[1].paragraphs)))
        siblings = [
            (element, candidate)
            for element, candidate in cleaned
            if element.getparent() is best[0].getparent() and element.get("class") == best[0].get("class")
        ]
        if len(siblings) > 1 and "//article" not in path and all(len(each[1].paragraphs) for each in siblings):
            joined = lxml.html.Element("div")
            for _element, candidate in sorted(siblings, key=lambda pair: _position(pair[0])):
                joined.append(candidate.element)
            found.append(_candidate("mark", joined))
        else:
            found.append(best[1])
    sizes = [sum(map(len, each.paragraphs)) for each in found]
    most = max(sizes, default=0)
    if most < 200:
        return None
    return next(each for each, size in zip(found, sizes, strict=True) if size >= 0.7 * most)


def _position(element: Any) -> int:
    return len(list(element.itersiblings(preceding=True)))


def _in_comments(element: Any) -> bool:
    return any(
        re.search(
            r"comment|related|sidebar|widget|teaser", f"{each.get('class') or ''} {each.get('id') or ''}", re.IGNORECASE
        )
        for each in (element, *element.iterancestors())
        if each.tag not in {"body", "html", "main"}
    )


def _readability(source: str, url: str) -> Candidate | None:
    page = lxml.html.document_fromstring(source)
    body = page.find("body")
    root = body if body is not None else page
    declutter(root)
    scored = _scored(page, url)
    if scored is None or scored.length < 0.4 * len(text_of(root)):
        for element in page.iter():  # a builder's class such as "widget" makes it throw the article away
            for name in {"class", "id"} & set(element.attrib):
                del element.attrib[name]
        scored = max(filter(None, (scored, _scored(page, url))), key=lambda each: each.length, default=None)
    return None if scored is None else _whole(root, scored)


def _scored(page: Any, url: str) -> Candidate | None:
    from readability import Document

    logging.getLogger("readability").setLevel(logging.CRITICAL)
    try:
        document = Document(lxml.html.tostring(page, encoding="unicode"), url=url or None, min_text_length=20)
        element = lxml.html.fragment_fromstring(document.summary(html_partial=True), create_parent="div")
    except Exception:  # readability wraps whatever goes wrong inside it into an exception of its own
        return None
    shallow(element)
    declutter(element)
    return _candidate("readability", element) if text_of(element) else None


def _whole(root: Any, scored: Candidate) -> Candidate:
    """The part of the page that was scored, as it stands there: readability throws lists and captions away."""
    places = [
        (block, len(words)) for block in root.iter(*_TEXT_BLOCKS) if (words := text_of(block)) in scored.paragraphs
    ]
    wanted = 0.95 * sum(size for _block, size in places)
    holds: dict[Any, int] = {}
    for block, size in places:
        for each in block.iterancestors():
            holds[each] = holds.get(each, 0) + size
    within = [each for each, size in holds.items() if size >= wanted]
    if not within:
        return scored
    deepest = max(within, key=lambda each: len(list(each.iterancestors())))
    found = _candidate("readability", deepest)
    return found if scored.length <= found.length <= 1.6 * scored.length else scored


def _trafilatura(source: str, url: str) -> Candidate | None:
    import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    found = None
    with contextlib.suppress(Exception):  # a fallback that fails is no result, whatever the reason
        found = trafilatura.extract(
            source, url=url or None, output_format="html", include_comments=False, include_tables=True,
            include_links=True, include_images=True, favor_recall=True, deduplicate=False,
        )  # fmt: skip
    if not found:
        return None
    element = lxml.html.document_fromstring(found)
    declutter(element)
    return _candidate("trafilatura", element) if text_of(element) else None
