"""Readers who listen, zoom, or read in another direction: what they need from the document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from newsletter.checks.looks import Colour, Run, Style, as_hex
from newsletter.checks.phrases import empty_links
from newsletter.checks.registry import ERROR, INFO, WARNING, Fault, error, info, rule, warning
from newsletter.checks.sheets import attribute
from newsletter.checks.sources import Place
from newsletter.checks.subject import Subject, hidden, short, shown
from newsletter.rendering.palette import contrast

READABLE = 4.5
READABLE_LARGE = 3.0
LARGE, LARGE_BOLD = 24.0, 18.66
"""CSS pixels from which text counts as large (WCAG 2.2 §1.4.3: 18 and 14 points)."""
TALL = 44
"""Pixels a button needs to be hit with a thumb (WCAG 2.2 §2.5.5)."""
_ARROWS = " \t\u00a0\n.…:!»›→>"
_PIXELS = re.compile(r"([0-9.]+)px")
_VML = re.compile(
    r"<v:(?P<name>rect|roundrect|oval|shape|image)\b(?P<attributes>[^>]*?)(?:/>|>(?P<inside>.*?)</v:(?P=name)\s*>)",
    re.DOTALL | re.IGNORECASE,
)


@rule("a11y.lang", ERROR)
def lang(subject: Subject) -> Iterator[Fault]:
    """The language is declared on <html> and again on an element around the content."""
    roots = subject.tree.get("lang")
    inside = any(element.get("lang") for element in subject.tree.iter("body", "div", "table", "main", "article"))
    if not (roots and inside):
        where = "<html>" if not roots else "an element around the content, which webmail keeps when it drops <html>"
        yield error(
            f"The language is not declared on {where}, so a screen reader may read with the wrong voice.",
            'Write lang="{{ language }}" there in templates/issue/shell.html.',
            subject.theme.find("<html" if not roots else "<body"),
        )


@rule("a11y.title", ERROR)
def title(subject: Subject) -> Iterator[Fault]:
    """The document has a <title>."""
    if not any((element.text or "").strip() for element in subject.every("title")):
        yield error(
            "The HTML part has no <title>, the name under which it opens in a browser.",
            "Write <title>{{ subject }}</title> in templates/issue/shell.html.",
            subject.theme.find("<title", "<head"),
        )


@rule("a11y.table-role", ERROR)
def table_role(subject: Subject) -> Iterator[Fault]:
    """Layout tables have role="presentation", tables of data have header cells."""
    bare = [
        table
        for table in subject.every("table")
        if (table.get("role") or "").lower() not in {"presentation", "none"} and table.find(".//th") is None
    ]
    if bare:
        count = "A table has" if len(bare) == 1 else f"{len(bare)} tables have"
        yield error(
            f'{count} neither role="presentation" nor header cells, so screen readers count out rows and columns.',
            'Add role="presentation" to tables that only arrange things.',
            subject.made_by(bare[0]),
        )


@rule("a11y.dir", ERROR, WARNING)
def direction(subject: Subject) -> Iterator[Fault]:
    """The direction of the text is declared on <html> and on an element around the content.

    Webmail drops <html>. An error in a language that runs from right to left, where the layout falls apart.
    """
    root = subject.tree.get("dir")
    inside = any(element.get("dir") for element in subject.tree.iter("body", "div", "table", "main", "article"))
    if root and inside:
        return
    make = error if subject.config.language[:2] in {"ar", "dv", "fa", "he", "ps", "ur", "yi"} else warning
    where = "<html>" if not root else "an element around the content, which webmail keeps when it drops <html>"
    yield make(
        f"The direction of the text is not declared on {where}.",
        'Write dir="{{ direction }}" there in templates/issue/shell.html.',
        subject.theme.find("<html" if not root else 'role="article"', "<body"),
    )


@rule("a11y.contrast", ERROR, WARNING)
def readable(subject: Subject) -> Iterator[Fault]:
    """Text stands out from its ground in light and in dark mode: 4.5:1, large text 3:1 (WCAG 2.2 §1.4.3).

    Below 3:1 (large text: 2:1) it is an error, because many will see nothing at all.
    """
    seen: set[tuple[Colour, Colour, bool]] = set()
    for run in subject.looks.runs:
        for mode, look in (("light", run.light), ("dark", run.dark)):
            large = look.size >= LARGE or (look.bold and look.size >= LARGE_BOLD)
            ratio = contrast(as_hex(look.colour), as_hex(look.ground))
            needed = READABLE_LARGE if large else READABLE
            if round(ratio, 2) >= needed or (look.colour, look.ground, large) in seen:
                continue
            seen.add((look.colour, look.ground, large))
            make = error if ratio < needed * 2 / 3 else warning
            yield make(
                f'In {mode} mode "{short(run.text, 40)}" is {as_hex(look.colour)} on {as_hex(look.ground)}: a contrast '
                f"of {ratio:.1f}:1, where {needed:g}:1 is needed.",
                "Choose a darker or a lighter colour; head.css holds those of dark mode.",
                _painted(subject, run, look),
            )


@rule("a11y.heading-order", WARNING)
def heading_order(subject: Subject) -> Iterator[Fault]:
    """There is one <h1>, and no level is skipped on the way down: headings are how one leafs by ear."""
    headings = [each for each in subject.every("h1", "h2", "h3", "h4", "h5", "h6") if shown(each)]
    levels = [int(each.tag[1]) for each in headings]
    if levels.count(1) != 1:
        yield warning(
            f"The mail has {levels.count(1)} headings of the first level instead of one.",
            "Make the masthead <h1>, titles of articles <h2>; in Markdown begin with ##.",
            subject.theme.find("<h1", "<h2"),
        )
        return
    for before, level, heading in zip([1, *levels], levels, headings, strict=False):
        if level > before + 1:
            words = short(heading.text_content(), 50)
            yield warning(
                f'The heading "{words}" is of level {level}, right after one of level {before}.',
                "Use the next level; what it looks like is the theme's business.",
                subject.find(f"# {words}", words),
            )
            return


@rule("a11y.link-text", WARNING)
def link_text(subject: Subject) -> Iterator[Fault]:
    """No link says only "click here", "read more" or "here": read alone, as screen readers list them, it is empty."""
    empty = empty_links(subject.config.language)
    for link in subject.every("a"):
        name = _name(link)
        if link.get("href") and name.lower().strip(_ARROWS) in empty:
            yield warning(
                f'The link "{short(name, 40)}" does not say where it leads.',
                "Name the target: the exercise for the train, not here.",
                subject.find(f"[{name}]", link.get("href"), f">{name}<"),
            )


@rule("a11y.label-mismatch", WARNING)
def label_mismatch(subject: Subject) -> Iterator[Fault]:
    """An aria-label holds the words one sees, so that voice control finds the link by them (WCAG 2.2 §2.5.3)."""
    for element in subject.every("a", "button"):
        label, seen = _flat(element.get("aria-label") or ""), _flat(element.text_content())
        if label and seen and seen not in label:
            yield warning(
                f'"{short(element.text_content(), 40)}" is read aloud as "{short(element.get("aria-label"), 40)}".',
                "Let the label begin with the visible words, or take it out.",
                subject.theme.find(f'aria-label="{element.get("aria-label")}', "aria-label="),
            )


@rule("a11y.target-size", INFO)
def target_size(subject: Subject) -> Iterator[Fault]:
    """Buttons are 44 pixels high, as far as line height and padding tell: a thumb needs that much."""
    for link in subject.every("a"):
        values = {each.name: each.value for each in attribute(link.get("style") or "")}
        if values.get("display") not in {"block", "inline-block"} or "padding" not in values or not shown(link):
            continue
        sides = [float(each) for each in _PIXELS.findall(values["padding"])]
        height = _PIXELS.match(values.get("line-height", ""))
        if not sides or height is None:
            continue
        tall = float(height[1]) + sides[0] + sides[2 if len(sides) > 2 else 0]
        if tall < TALL:
            yield info(
                f'The button "{short(link.text_content(), 40)}" is {tall:g} pixels high; a thumb needs {TALL}.',
                "Give it more padding in theme.css.",
                subject.made_by(link),
            )


@rule("a11y.vml", WARNING)
def vml(subject: Subject) -> Iterator[Fault]:
    """Shapes for Outlook (VML) have alt="…" and hold no links or headings: screen readers cannot reach them."""
    for part in subject.conditional:
        for shape in _VML.finditer(part):
            held = re.search(r"<(a|h[1-6])\b", shape["inside"] or "", re.IGNORECASE)
            if held:
                problem = f"holds <{held[1].lower()}>, which screen readers do not reach"
            elif not re.search(r"\balt\s*=", shape["attributes"], re.IGNORECASE):
                problem = "has no alt text"
            else:
                continue
            yield warning(
                f"The shape <v:{shape['name']}> for Outlook {problem}.",
                'Put the link around the shape (href="…" on it), and give it alt="…".',
                subject.theme.find(f"<v:{shape['name']}"),
            )


def _painted(subject: Subject, run: Run, look: Style) -> Place:
    place = subject.theme.find(as_hex(look.colour))
    return place if place.path else subject.made_by(run.element)


def _name(link: Any) -> str:
    """What a screen reader calls a link."""
    if link.get("aria-label"):
        return str(link.get("aria-label")).strip()
    words = [link.text_content(), *(image.get("alt") or "" for image in link.iter("img") if not hidden(image))]
    return " ".join("".join(words).split())


def _flat(text: str) -> str:
    return " ".join(text.lower().split())
