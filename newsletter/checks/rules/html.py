"""The HTML document: what mail programs drop, and what readers who listen need."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.checks.registry import Fault, error, rule
from newsletter.checks.subject import Subject

DOCTYPE = "<!DOCTYPE html>"
_FORBIDDEN = frozenset(
    {
        *("script", "form", "input", "button", "select", "textarea", "iframe", "frame", "object", "embed", "applet"),
        *("video", "audio", "svg", "math", "base", "link", "template"),
    }
)
_ADDRESSES = ("href", "src", "action", "formaction", "background", "poster", "xlink:href")
_THEME = "Take it out of the template; mail programs drop it or call the mail dangerous."


@rule("html.doctype")
def doctype(subject: Subject) -> Iterator[Fault]:
    """The HTML part begins with <!DOCTYPE html>."""
    if not subject.html.startswith(DOCTYPE):
        yield error(
            f"The HTML part does not begin with {DOCTYPE}, so some programs lay it out like a page of 1999.",
            "Let templates/issue/layout.html begin with it, before anything else.",
        )


@rule("html.forbidden")
def forbidden(subject: Subject) -> Iterator[Fault]:
    """No scripts, forms, frames, media, event attributes or javascript: addresses."""
    seen: set[str] = set()
    for element in subject.elements:
        if element.tag in _FORBIDDEN:
            seen.add(f"<{element.tag}>")
        elif element.tag == "meta" and (element.get("http-equiv") or "").lower() == "refresh":
            seen.add('<meta http-equiv="refresh">')
        for name, value in element.attrib.items():
            if name.lower().startswith("on"):
                seen.add(f"the attribute {name.lower()}")
            elif name.lower() in _ADDRESSES and _scheme(value) in {"javascript", "vbscript"}:
                seen.add("an address that runs a script")
    for what in sorted(seen):
        yield error(f"The HTML part holds {what}, which has no place in a mail.", _THEME)


@rule("a11y.lang")
def lang(subject: Subject) -> Iterator[Fault]:
    """The language is declared on <html> and again on an element around the content."""
    roots = subject.tree.get("lang")
    inside = any(element.get("lang") for element in subject.tree.iter("body", "div", "table", "main", "article"))
    if not (roots and inside):
        where = "<html>" if not roots else "an element around the content, which webmail keeps when it drops <html>"
        yield error(
            f"The language is not declared on {where}, so a screen reader may read with the wrong voice.",
            'Write lang="{{ language }}" there in templates/issue/shell.html.',
        )


@rule("a11y.title")
def title(subject: Subject) -> Iterator[Fault]:
    """The document has a <title>."""
    if not any((element.text or "").strip() for element in subject.every("title")):
        yield error(
            "The HTML part has no <title>, the name under which it opens in a browser.",
            "Write <title>{{ subject }}</title> in templates/issue/shell.html.",
        )


@rule("a11y.table-role")
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
        )


def _scheme(address: str) -> str:
    """The scheme as a lenient program reads it: control characters and spaces do not count."""
    return "".join(character for character in address.partition(":")[0] if character > " ").lower()
