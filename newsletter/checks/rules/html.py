"""The document: what mail programs drop, what a lenient parser hides, and what only Outlook reads."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.checks.markup import mismatches
from newsletter.checks.registry import ERROR, WARNING, Fault, error, rule, warning
from newsletter.checks.subject import Subject, short

DOCTYPE = "<!DOCTYPE html>"
_FORBIDDEN = frozenset(
    {
        *("script", "form", "input", "button", "select", "textarea", "iframe", "frame", "object", "embed", "applet"),
        *("video", "audio", "svg", "math", "template"),
    }
)
_ADDRESSES = ("href", "src", "action", "formaction", "background", "poster", "xlink:href")
_THEME = "Take it out of the template; mail programs drop it or call the mail dangerous."
_OPENING = re.compile(r"<!--\[if\b[^\]]*\]>", re.IGNORECASE)
_CLOSING = re.compile(r"<!\[endif\]", re.IGNORECASE)
_HREF = re.compile(r"""<a\b[^>]*?\shref\s*=\s*["']?([^"'\s>]*)""", re.IGNORECASE)


@rule("html.doctype", ERROR)
def doctype(subject: Subject) -> Iterator[Fault]:
    """The HTML part begins with <!DOCTYPE html>."""
    if not subject.html.startswith(DOCTYPE):
        yield error(
            f"The HTML part does not begin with {DOCTYPE}, so some programs lay it out like a page of 1999.",
            "Let templates/issue/layout.html begin with it, before anything else.",
            subject.theme.find("<!doctype", "<!DOCTYPE", "<html"),
        )


@rule("html.forbidden", ERROR)
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
        name = what.strip("<>").rpartition(" ")[2]
        place = subject.find(f"<{name}", f"{name}=", "javascript:")
        yield error(f"The HTML part holds {what}, which has no place in a mail.", _THEME, place)


def _scheme(address: str) -> str:
    """The scheme as a lenient program reads it: control characters and spaces do not count."""
    return "".join(character for character in address.partition(":")[0] if character > " ").lower()


@rule("html.nesting", WARNING)
def nesting(subject: Subject) -> Iterator[Fault]:
    """Every element that begins ends, in the right order: programs guess otherwise, each in its own way.

    In the templates as well, because the inliner mends what it is given, and not always as it was meant.
    """
    for found in mismatches(subject.html):
        yield warning(f"{found.words}.", "Close it in the template.", subject.find(found.tag))
        return
    for file in subject.theme.files:
        for found in mismatches(file.one_way) if file.name.endswith(".html") else ():
            yield warning(f"{found.words}.", "Close it in the template.", file.at(found.line))
            return


@rule("html.mso-comments", ERROR)
def mso_comments(subject: Subject) -> Iterator[Fault]:
    """Conditional comments for Outlook are balanced, and their links are those that all others see.

    What stands in `<!--[if mso]>` is read by Outlook alone, so a fault in it shows nowhere else.
    """
    html = subject.html
    if len(_OPENING.findall(html)) != len(_CLOSING.findall(html)):
        yield error(
            f"{len(_OPENING.findall(html))} conditional comments begin and {len(_CLOSING.findall(html))} end.",
            "Close each <!--[if mso]> with <![endif]--> in the template.",
            subject.theme.find("[if mso]"),
        )
        return
    if "<![if" in html.lower() or "<!--[if !mso]-->" in html.lower():
        yield error(
            "A <![if !mso]> comes out as a comment that hides nothing.",
            "Write <!--[if !mso]><!--> … <!--<![endif]-->.",
            subject.theme.find("<![if", "[if !mso]-->"),
        )
    broken = next(mismatches("".join(subject.conditional)), None)
    if broken is not None:
        yield error(
            f"In what only Outlook reads, {broken.words}, which breaks the layout there.",
            "Open and close the tables of the conditional comments in pairs.",
            subject.theme.find(broken.tag),
        )
    others = {(link.get("href") or "").strip() for link in subject.every("a")}
    for address in dict.fromkeys(address for part in subject.conditional for address in _HREF.findall(part)):
        if address.replace("&amp;", "&") not in others:
            yield error(
                f"Readers in Outlook are led to {short(address) or 'nothing'}, where nobody else is.",
                "Print the same address in the conditional comment as in the link beside it.",
                subject.theme.find(address, "[if mso]"),
            )
