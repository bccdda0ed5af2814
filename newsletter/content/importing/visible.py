"""What a reader of a page sees: its text, and how much of it stands where; everything that judges pages asks here.

Sizes are counted once for a whole page, because asking every element for its text again and again makes a
long page take seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from newsletter.content.importing.structured import clean

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_SILENT = {"script", "style", "noscript", "template", "svg"}
_SPACED = {
    *("p", "div", "br", "li", "td", "th", "tr", "section", "dt", "dd", "figcaption", "ul", "ol", "time"),
    *HEADINGS,
}
_NEVER_TEXT = {
    *("script", "style", "template", "svg", "canvas", "iframe", "object", "embed", "audio", "video", "map"),
    *("link", "meta", "nav", "dialog", "select", "option", "textarea", "button", "input", "datalist", "progress"),
    "meter",
}
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def any_of(*alternatives: str) -> re.Pattern[str]:
    """One pattern of many, capitals aside."""
    return re.compile("|".join(alternatives), re.IGNORECASE)


def named(*alternatives: str) -> re.Pattern[str]:
    """A pattern for whole words of a class or an id: `share` is in "post-share", not in "shared-roof"."""
    return re.compile(rf"(?:^|[\s_-])(?:{'|'.join(alternatives)})(?:$|[\s_-])", re.IGNORECASE)


def text_of(element: Any) -> str:
    """The text of an element on one line."""
    parts: list[str] = []
    for node in element.iter():
        tag = node.tag
        if isinstance(tag, str):
            if node is not element and tag in _SPACED:
                parts.append(" ")
            if node.text and tag not in _SILENT:
                parts.append(node.text)
        if node.tail and node is not element:
            parts.append(" " + node.tail if tag in _SPACED else node.tail)
    return " ".join("".join(parts).split())


def text_lines(element: Any) -> str:
    """The text of an element with a line break wherever a block begins or ends."""
    parts: list[str] = []
    for node in element.iter():
        tag = node.tag
        if isinstance(tag, str):
            if node is not element and tag in _SPACED:
                parts.append("\n")
            if node.text and tag not in _SILENT:
                parts.append(node.text.replace("\n", " "))
        if node.tail and node is not element:
            parts.append(("\n" if tag in _SPACED and tag != "br" else "") + node.tail.replace("\n", " "))
    lines = [clean(line) for line in "".join(parts).split("\n")]
    return "\n".join(line for line in lines if line)


def names_of(element: Any) -> str:
    """Class and id of an element."""
    return f"{element.get('class') or ''} {element.get('id') or ''}"


def link_share(element: Any) -> float:
    """How much of an element's text stands in links, 0 to 1."""
    length = len(text_of(element))
    linked = sum(len(text_of(link)) for link in element.iter("a"))
    return min(1.0, linked / length) if length else 0.0


class Sizes:
    """Characters of text in every element of a tree, as they were when this was made."""

    def __init__(self, root: Any) -> None:
        self._sizes: dict[Any, int] = {}
        total: list[Any] = list(root.iter())
        for node in reversed(total):
            own = len(node.text) if node.text and isinstance(node.tag, str) and node.tag not in _SILENT else 0
            if own and node.text.isspace():
                own = 0
            for child in node:
                own += self._sizes[child]
                if child.tail and not child.tail.isspace():
                    own += len(child.tail)
            self._sizes[node] = own
        self.whole = self._sizes.get(root, 0)

    def __getitem__(self, element: Any) -> int:
        return self._sizes.get(element, 0)


class View:
    """A page without what nobody sees, and the sizes of its parts; it is only looked at, never changed."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree
        self.sizes = Sizes(tree)
        self._verdicts: dict[tuple[object, Any], bool] = {}

    def within(self, element: Any, judge: Callable[[View, Any], bool]) -> bool:
        """Whether `judge` says yes to an element or to anything around it; each is asked once."""
        chain = []
        verdict = False
        for each in (element, *element.iterancestors()):
            key = (judge, each)
            if key in self._verdicts:
                verdict = self._verdicts[key]
                break
            chain.append(key)
            if judge(self, each):
                verdict = True
                break
        for key in chain:
            self._verdicts[key] = verdict
        return verdict


def drop(element: Any) -> None:
    """Take an element out, leaving the text behind it."""
    if element.getparent() is not None:
        element.drop_tree()


def shallow(tree: Any, limit: int = 90) -> None:
    """Replace what is nested deeper than any real page by its text, so that nothing can recurse too far."""
    stack = [(tree, 0)]
    deep = []
    while stack:
        element, depth = stack.pop()
        if depth >= limit and isinstance(element.tag, str) and len(element):
            deep.append(element)
            continue
        stack.extend((child, depth + 1) for child in element)
    for element in deep:
        text = " ".join(element.itertext(with_tail=False))
        for child in list(element):
            element.remove(child)
        element.text = text


def prepare(tree: Any, keep: frozenset[str] = frozenset()) -> None:
    """Make a parsed page fit to be searched: what is never text or never seen goes, but for the tags in `keep`."""
    shallow(tree)
    for element in list(tree.iter()):
        if element.getparent() is None:
            continue
        if not isinstance(element.tag, str):
            drop(element)
        elif element.tag == "noscript":
            _reveal_picture(element)
        elif (element.tag in _NEVER_TEXT and element.tag not in keep) or (
            element.tag not in {"html", "body"} and _is_hidden(element)
        ):
            drop(element)


def _is_hidden(element: Any) -> bool:
    hidden = element.get("hidden")
    return (hidden is not None and hidden != "until-found") or bool(_HIDDEN.search(element.get("style") or ""))


def _reveal_picture(noscript: Any) -> None:
    """Lazy pictures have their real address in a noscript; a parser without scripts sees it already."""
    image = next(noscript.iter("img"), None)
    before = noscript.getprevious()
    if image is not None and before is not None and before.tag == "img" and image.get("src"):
        before.set("src", image.get("src"))
        for name in ("data-src", "data-lazy-src", "srcset", "data-srcset"):
            before.attrib.pop(name, None)
    drop(noscript)
