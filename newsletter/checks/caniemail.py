"""The public data set on mail programs (caniemail.com, MIT), read from a file that somebody downloaded.

Its titles are prose, so they are matched by their shape. Only a plain "no" of the newest version counts; "partly"
and "unknown" are no failures, and what degrades well is left out, as in our own table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from newsletter.checks.clients import Fact, Feature
from newsletter.errors import NewsletterError

PLATFORMS = {
    "gmail": ("gmail", None),
    "outlook": ("outlook", {"windows"}),
    "outlook-web": ("outlook", {"outlook-com"}),
    "apple-mail": ("apple-mail", None),
    "yahoo": ("yahoo", None),
    "thunderbird": ("thunderbird", None),
    "samsung-email": ("samsung-email", None),
}
"""Our ids → family and platforms (None: all) of the data set."""

DEGRADES_WELL = frozenset(
    {"border-radius", "max-width", "min-width", "max-height", "min-height", "width", "height", "overflow", "margin"}
    | {"padding", "letter-spacing", "line-height", "word-break", "word-spacing", "text-wrap", "hyphens", "box-shadow"}
    | {"text-shadow", "outline", "cursor", "float", "clear", "vertical-align", "background", "background-color"}
    | {"text-align", "text-decoration", "text-transform", "text-indent", "border", "box-sizing", "border-collapse"}
    | {"border-spacing", "white-space", "table-layout", "direction", "font", "font-size", "font-weight", "font-family"}
    | {"color", "display", "list-style", "list-style-type", "list-style-position", "display: none", "display: block"}
    | {"role", "lang", "dir", "align", "valign", "title", "target", "cellpadding", "cellspacing", "bgcolor", "class"}
    | {"body", "html", "div", "p", "span", "a", "img", "table", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl"}
    | {"strong", "em", "b", "i", "hr", "br", "pre", "code", "blockquote", "sup", "sub", "small", "del", "s", "mark"}
    | {"id", "aria-label", "aria-hidden", "aria-labelledby", "aria-describedby", "aria-roledescription", "font-style"}
)
"""What themes use and loses nothing that matters where it is missing."""

_SHAPES = (
    (re.compile(r"<([a-z][a-z0-9]*)>"), "element", {"html"}),
    (re.compile(r"([a-z-]+)\(\)"), "function", {"css"}),
    (re.compile(r"([a-z]+) unit"), "unit", {"css"}),
    (re.compile(r"([a-z-]+) attributes?"), "attribute", {"html"}),
    (re.compile(r"([a-z-]+: ?[a-z-]+)"), "value", {"css"}),
    (re.compile(r"([A-Za-z]{3,5})(?: image)?(?: format)?"), "picture", {"image"}),
    (re.compile(r"-?[a-z]+(?:-[a-z]+)*"), "property", {"css"}),
)
_BETWEEN = re.compile(r"\s*(?:,|&| and )\s*")
_AROUND = re.compile(r"^CSS (?=\w+\(\))| (?:element|function|property|(?:longhand )?properties)$")
_OTHERWISE = {
    "CSS Variables (Custom Properties)": (Feature("function", "var"),),
    "Embedded <svg> image": (Feature("element", "svg"),),
    "css column properties": (Feature("property", "columns"), Feature("property", "column-width")),
    "grid-template-* properties": tuple(
        Feature("property", f"grid-template-{name}") for name in ("columns", "rows", "areas")
    ),
}
"""Titles that no shape fits."""


def read(file: Path) -> tuple[Fact, ...]:
    """Every feature of the data set that some known program lacks. Raises `NewsletterError` for other files."""
    try:
        document = json.loads(file.read_text("utf-8"))
        entries = document["data"] if "data" in document else document["features"]
        return tuple(_facts(entries.values() if isinstance(entries, Mapping) else entries))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NewsletterError(
            f"{file} is not the data set of caniemail.com.",
            hint="Take data/caniemail.json of the npm package caniemail, or api/data.json of caniemail.com.",
        ) from error


def _facts(entries: Any) -> Iterator[Fact]:
    for entry in entries:
        lacking = frozenset(_lacking(entry["stats"]))
        for feature in _features(str(entry["title"]), str(entry.get("category", ""))):
            if lacking and feature.name not in DEGRADES_WELL:
                source = str(entry.get("url") or f"https://www.caniemail.com/features/{entry.get('slug', '')}/")
                yield Fact(feature, lacking, "Do without it where the layout depends on it.", source)


def _features(title: str, category: str) -> Iterator[Feature]:
    """What a title speaks of: `gap, column-gap, row-gap` are three; nothing for selectors, at-rules and prose."""
    yield from _OTHERWISE.get(title, ())
    parts = _BETWEEN.split(_AROUND.sub("", title.strip()))
    if parts[-1].endswith(" attributes"):
        parts = [f"{part.removesuffix(' attributes')} attribute" for part in parts]
    for part in parts:
        for shape, kind, categories in _SHAPES:
            found = shape.fullmatch(part) if category in categories else None
            if found is not None:
                name = found[found.lastindex or 0].lower()
                yield Feature(kind, re.sub(r":\s*", ": ", name) if kind == "value" else name)
                break


def _lacking(stats: Mapping[str, Mapping[str, Mapping[str, str]]]) -> Iterator[str]:
    for client, (family, wanted) in PLATFORMS.items():
        platforms = stats.get(family, {})
        newest = [
            # The newest version stands last; sorting would put "16.80" before "2016".
            list(versions.values())[-1]
            for platform, versions in platforms.items()
            if versions and (wanted is None or platform in wanted)
        ]
        if newest and all(each.strip().lower().startswith("n") for each in newest):
            yield client
