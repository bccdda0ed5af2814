"""What mail programs lack, and which of it an issue uses: a small table of our own, the public data set on request.

The whole truth about mail programs makes noise: a well-made newsletter gets hundreds of warnings from it.
So only what stands in the body counts, only what breaks a layout, and only in the programs a Site cares for.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from newsletter.checks.sheets import attribute

_FUNCTION = re.compile(r"([a-z-]+)\(")
_UNIT = re.compile(r"(?<![\w#.-])-?[0-9]*\.?[0-9]+([a-z]+)\b")
_SUFFIX = re.compile(r"\.([a-z0-9]{2,5})(?:[?#]|\Z)", re.IGNORECASE)


@dataclass(frozen=True)
class Feature:
    """Something a document may use: `("value", "display: grid")`."""

    kind: str
    """`property`, `value`, `function`, `unit`, `element`, `attribute` or `picture`."""
    name: str

    def __str__(self) -> str:
        shapes = {"function": "{}()", "element": "<{}>", "unit": "the unit {}", "picture": "a .{} picture"}
        shapes["attribute"] = "the attribute {}"
        return shapes.get(self.kind, "{}").format(self.name)


@dataclass(frozen=True)
class Fact:
    """Which mail programs lack a feature, and what to do instead."""

    feature: Feature
    lacking: frozenset[str]
    """Ids of `names()`."""
    instead: str
    source: str = ""
    """Where it is documented; empty for our own."""


@cache
def names() -> Mapping[str, str]:
    """Every mail program that can be chosen: id → what people call it."""
    return dict(_table()["clients"])


@cache
def our_facts() -> tuple[Fact, ...]:
    """The facts that `clients.toml` holds."""
    return tuple(
        Fact(Feature(entry["kind"], name), frozenset(entry["lacking"]), entry["instead"])
        for entry in _table()["facts"]
        for name in entry["names"]
    )


def used(elements: Iterable[Any]) -> dict[Feature, list[Any]]:
    """Every feature that these elements use by themselves, with the elements; `<style>` is left out."""
    found: dict[Feature, list[Any]] = {}
    by_style: dict[str, list[Any]] = {}
    for element in elements:
        found.setdefault(Feature("element", element.tag), []).append(element)
        for name, value in element.attrib.items():
            if name == "style":
                by_style.setdefault(value, []).append(element)
            else:
                found.setdefault(Feature("attribute", name), []).append(element)
        suffix = _SUFFIX.search(element.get("src") or "") if element.tag == "img" else None
        if suffix:
            found.setdefault(Feature("picture", suffix[1].lower()), []).append(element)
    for style, styled in by_style.items():
        for feature in _in_style(style):
            found.setdefault(feature, []).extend(styled)
    return found


def _in_style(style: str) -> set[Feature]:
    features = set()
    for each in attribute(style):
        value = each.value.lower()
        features |= {Feature("property", each.name), Feature("value", f"{each.name}: {value}")}
        features |= {Feature("function", name) for name in _FUNCTION.findall(value)}
        features |= {Feature("unit", name) for name in _UNIT.findall(value)}
    return features


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("newsletter.checks").joinpath("clients.toml").read_text("utf-8"))
