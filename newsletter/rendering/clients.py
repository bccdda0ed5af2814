"""Mail programs that cannot be run here, imitated: what they are known to ignore is taken out of the message.

The table is small on purpose: it holds what shapes a layout and is beyond doubt, not every gap somebody once
found. So a view made from it may look better than the program does; it never looks worse without a reason.
Facts: caniemail.com, hteumeuleu/email-bugs, and Word's own list of supported HTML and CSS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import lxml.html
import tinycss2

GMAIL_CLIPS_AT = 102 * 1024
"""Bytes of HTML after which Gmail shows a link instead of the rest (hteumeuleu/email-bugs #41)."""

CLIPPED = "<p style='padding:16px;font:14px Arial,sans-serif;color:#444746'>[Message clipped] View entire message</p>"


@dataclass(frozen=True)
class Client:
    """A mail program, described by what it ignores."""

    key: str
    title: str
    letter: str
    says: str
    is_word: bool = False
    """Whether Word lays it out: conditional comments speak to it, media queries do not."""
    ignores: frozenset[str] = frozenset()
    """Properties, wherever they stand."""
    ignores_values: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Values by property."""
    ignores_on: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Properties by element."""
    clips_at: int = 0


_MOVING = frozenset({"animation", "transform", "transition"})
_LAYERED = frozenset({"position", "top", "right", "bottom", "left", "z-index", "filter", "mix-blend-mode", "clip-path"})
_WORD_BOX = frozenset({"padding", "padding-top", "padding-right", "padding-bottom", "padding-left", "width", "height"})

CLIENTS = (
    Client(
        "gmail",
        "Gmail",
        "g",
        "Gmail on the web: no dark rules, nothing that moves or floats above, clipped at 102 KB.",
        ignores=_MOVING
        | _LAYERED
        | {"object-fit", "object-position", "aspect-ratio", "text-shadow", "background-image"},
        ignores_values={"display": frozenset({"grid", "inline-grid"})},
        clips_at=GMAIL_CLIPS_AT,
    ),
    Client(
        "outlook",
        "Outlook, classic",
        "o",
        "Outlook on Windows up to 2021, laid out by Word: ghost tables, square corners, no media queries.",
        is_word=True,
        ignores=_MOVING
        | _LAYERED
        | {"border-radius", "box-shadow", "text-shadow", "opacity", "float", "clear", "overflow", "aspect-ratio"}
        | {"max-width", "min-width", "max-height", "min-height", "object-fit", "box-sizing", "text-wrap"}
        | {"background-image", "flex", "grid", "gap", "word-break", "overflow-wrap"},
        ignores_values={"display": frozenset({"inline-block", "flex", "inline-flex", "grid", "inline-grid"})},
        ignores_on={
            "div": _WORD_BOX,
            "p": _WORD_BOX,
            "a": _WORD_BOX,
            "span": _WORD_BOX,
            "img": frozenset({"width", "height", "padding"}),
        },
    ),
    Client(
        "outlookweb",
        "Outlook, new",
        "w",
        "Outlook on the web and the new one on Windows: media queries, but none for dark mode.",
        ignores=_MOVING | _LAYERED | {"background-image", "object-fit", "aspect-ratio"},
    ),
    Client(
        "yahoo",
        "Yahoo and AOL",
        "y",
        "Yahoo Mail and AOL on the web: media queries, but none for dark mode.",
        ignores=_MOVING | _LAYERED | {"object-fit", "object-position", "aspect-ratio", "text-shadow"},
        ignores_values={"display": frozenset({"grid", "inline-grid"})},
    ),
)

_CONDITIONAL = re.compile(
    r"<!--\[if\s+(?P<test>[^\]]+)\]>(?:<!-->|-->)(?P<shown>.*?)<!--<!\[endif\]-->"
    r"|<!--\[if\s+(?P<hidden_test>[^\]]+)\]>(?P<hidden>.*?)<!\[endif\]-->",
    re.DOTALL | re.IGNORECASE,
)
_ISLAND = re.compile(r"<xml\b.*?</xml>", re.DOTALL | re.IGNORECASE)
"""Settings for Word, which browsers would show as text."""
_TEST = re.compile(
    r"\s*(?:(?P<mark>[()!|&])|(?:(?P<order>gte|gt|lte|lt|eq)\s+)?(?P<name>[a-z]+)(?:\s+(?P<version>[\d.]+))?)", re.I
)
_FOR_WORD = {"mso-padding-alt": "padding:{}", "mso-line-height-alt": "line-height:{}", "mso-hide": "display:none"}
"""What Word makes of properties of its own."""
_WORD_VERSION = 16.0
_WORD_IS = {"mso", "vml", "true"}


def as_client(html: str, client: Client) -> str:
    """The document `html` as `client` understands it."""
    if client.is_word:
        html = for_word(html)
    if client.clips_at and len(html.encode()) > client.clips_at:
        html = html.encode()[: client.clips_at].decode("utf-8", "ignore").rpartition("<")[0] + CLIPPED
    tree = lxml.html.document_fromstring(html)
    for element in tree.iter(lxml.etree.Element):
        if element.tag == "style":
            element.text = "".join(_rules(element.text or "", client))
        elif style := element.get("style"):
            element.set("style", _declarations(style, client, element.tag))
    return str(lxml.html.tostring(tree, encoding="unicode", doctype="<!DOCTYPE html>"))


def for_word(html: str) -> str:
    """`html` with its conditional comments decided as Word decides them: what is for it shows, the rest is gone."""

    def decided(found: re.Match[str]) -> str:
        test, content = (found["test"], found["shown"]) if found["test"] else (found["hidden_test"], found["hidden"])
        return content if applies_to_word(test) else ""

    return _ISLAND.sub("", _CONDITIONAL.sub(decided, html))


def applies_to_word(test: str) -> bool:
    """Whether a conditional comment's test (`mso`, `!mso`, `(gte mso 9)|(IE)`) holds for Outlook 2016 and later."""
    tokens = [found for found in _TEST.finditer(test.strip()) if found[0].strip()]
    value, _rest = _either(tokens)
    return value


_Tokens = list[re.Match[str]]


def _either(tokens: _Tokens) -> tuple[bool, _Tokens]:
    value, rest = _single(tokens)
    while rest and rest[0]["mark"] in {"|", "&"}:
        other, after = _single(rest[1:])
        value = (value or other) if rest[0]["mark"] == "|" else (value and other)
        rest = after
    return value, rest


def _single(tokens: _Tokens) -> tuple[bool, _Tokens]:
    if not tokens:
        return False, []
    first, rest = tokens[0], tokens[1:]
    if first["mark"] == "!":
        value, rest = _single(rest)
        return not value, rest
    if first["mark"] == "(":
        value, rest = _either(rest)
        return value, rest[1:] if rest and rest[0]["mark"] == ")" else rest
    return _holds(first), rest


def _holds(token: re.Match[str]) -> bool:
    if (token["name"] or "").lower() not in _WORD_IS:
        return False
    if not token["version"]:
        return True
    version = float(token["version"])
    return {
        "gte": version <= _WORD_VERSION,
        "gt": version < _WORD_VERSION,
        "lte": version >= _WORD_VERSION,
        "lt": version > _WORD_VERSION,
    }.get((token["order"] or "eq").lower(), version == _WORD_VERSION)


def _rules(css: str, client: Client) -> Iterator[str]:
    """The rules of a style sheet that reach the reader."""
    for rule in tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True):
        if rule.type == "qualified-rule":
            selector = tinycss2.serialize(rule.prelude)
            if not (client.is_word and re.search(r"[:\[]", selector)):
                yield f"{selector}{{{_declarations(tinycss2.serialize(rule.content), client)}}}"
        elif rule.type == "at-rule" and rule.lower_at_keyword == "media" and rule.content and not client.is_word:
            asked = tinycss2.serialize(rule.prelude)
            if "prefers-color-scheme" not in asked.lower():
                inner = "".join(_rules(tinycss2.serialize(rule.content), client))
                yield f"@media{asked}{{{inner}}}"


def _declarations(css: str, client: Client, tag: Any = "") -> str:
    """What of a list of declarations counts, on an element of that tag."""
    kept = []
    for each in tinycss2.parse_blocks_contents(css, skip_comments=True, skip_whitespace=True):
        if each.type == "declaration" and not _is_ignored(each, client, tag):
            meant = _FOR_WORD.get(each.lower_name) if client.is_word else None
            value = tinycss2.serialize(each.value).strip()
            kept.append(meant.format(value) if meant else tinycss2.serialize([each]).strip(" ;"))
    return ";".join(kept)


def _is_ignored(declaration: Any, client: Client, tag: Any) -> bool:
    name = declaration.lower_name
    family = name.partition("-")[0]
    value = tinycss2.serialize(declaration.value).strip().lower()
    return (
        name in client.ignores
        or (family in client.ignores and family in {"animation", "transition", "flex", "grid"})
        or "var(" in value
        or value in client.ignores_values.get(name, ())
        or name in client.ignores_on.get(str(tag), ())
    )
