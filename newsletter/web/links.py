"""Links of a page, rewritten for wherever else the page is read: in a feed reader, from a disk, on another host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import lxml.html

ADDRESSES = ("href", "src", "poster", "cite")

Rewrite = Callable[[str], str]


def in_fragment(html: str, rewrite: Rewrite) -> str:
    """An HTML fragment in a `<div>`, every address in it as `rewrite` says."""
    root = lxml.html.fragment_fromstring(html, create_parent="div")
    _apply(root, rewrite)
    return str(lxml.html.tostring(root, encoding="unicode"))


def in_page(html: str, rewrite: Rewrite) -> str:
    """The same for a whole page; what it calls its canonical address stays."""
    root = lxml.html.document_fromstring(html)
    _apply(root, rewrite)
    return str(lxml.html.tostring(root, encoding="unicode", doctype="<!doctype html>")) + "\n"


def _apply(root: Any, rewrite: Rewrite) -> None:
    for element in root.iter():
        if not isinstance(element.tag, str) or element.get("rel") == "canonical":
            continue
        for name in ADDRESSES:
            if element.get(name) is not None:
                element.set(name, rewrite(element.get(name).strip()))
        if element.get("srcset"):
            element.set("srcset", ", ".join(_candidates(element.get("srcset"), rewrite)))


def _candidates(srcset: str, rewrite: Rewrite) -> Iterator[str]:
    """Each candidate of a `srcset`: an address, and a width or density (HTML, §4.8.4.2.1)."""
    for candidate in srcset.split(","):
        address, _space, descriptor = candidate.strip().partition(" ")
        yield f"{rewrite(address)} {descriptor}".strip()
