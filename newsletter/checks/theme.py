"""The theme's own files: the way back from a fault in the rendered mail to the template that made it.

Templates are programs, so what they print is not what stands in them; but a line of CSS or a class name
usually survives, and is found again here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, TemplateNotFound

from newsletter.checks.sources import NOWHERE, Passage, Place

ENTRANCES = ("issue/layout.html", "issue/layout.txt")
"""Where rendering an issue begins; everything else is named in these."""

_REFERENCE = re.compile(r"""\{%-?\s*(?:include|extends|import|from)\s+["']([^"']+)["']""")
_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_BRANCH = re.compile(r"\{%[-+]?\s*(if|for|elif|else|endif|endfor)\b")
_BEFORE_VALUE = re.compile(r":[^{};:]*\Z")


@dataclass(frozen=True)
class File:
    """One template of the theme."""

    name: str
    """As templates call it: `issue/theme.css`."""
    path: Path
    source: str

    @property
    def is_css(self) -> bool:
        """Whether it holds a style sheet."""
        return self.name.endswith(".css")

    @cached_property
    def plain(self) -> str:
        """`source` without Jinja, line by line and character by character where it was.

        What prints a value becomes a harmless one, everything else blank.
        """
        done, position = "", 0
        for found in _JINJA.finditer(self.source):
            done += self.source[position : found.start()]
            done += _stand_in(found[0], done[-200:], self.source[found.end() : found.end() + 1])
            position = found.end()
        return done + self.source[position:]

    @cached_property
    def one_way(self) -> str:
        """`plain` as it comes out when every condition holds: what stands under `else` is blank."""
        done, position, skipping, around = "", 0, False, []
        for found in _BRANCH.finditer(self.source):
            done += _blank(self.plain[position : found.start()]) if skipping else self.plain[position : found.start()]
            position = found.start()
            if found[1] in {"if", "for"}:
                around.append(skipping)
            elif found[1] in {"elif", "else"}:
                skipping = True
            elif around:
                skipping = around.pop()
        return done + self.plain[position:]

    def at(self, line: int) -> Place:
        """The place of one 1-based line."""
        return Place(self.path, line)


@dataclass(frozen=True)
class Theme:
    """All templates an issue is made with."""

    files: tuple[File, ...] = ()

    def find(self, *needles: str, templates: str = "") -> Place:
        """Where the first of `needles` that occurs in any template occurs first; nowhere when none does.

        `templates` narrows down which templates: the end of their names.
        """
        for needle in needles:
            for file in self.files:
                offset = file.source.find(needle) if needle and file.name.endswith(templates) else -1
                if offset >= 0:
                    return Passage(file.source, file.at(1)).at(offset)
        return NOWHERE

    def file(self, name: str) -> Place:
        """The whole of one template; nowhere when there is none of that name."""
        return next((Place(file.path) for file in self.files if file.name == name), NOWHERE)

    def find_line(self, rendered: str) -> Place:
        """The template line that printed this line of CSS, as well as can be known; nowhere when none could."""
        wanted = rendered.strip()
        for file in self.files:
            for number, line in enumerate(file.source.split("\n"), 1) if file.is_css and wanted else ():
                if _prints(line.strip(), wanted):
                    return file.at(number)
        return NOWHERE

    @property
    def style_sheets(self) -> Iterator[File]:
        """The files that hold CSS."""
        return (file for file in self.files if file.is_css)


NO_THEME = Theme()


def theme_of(env: Environment) -> Theme:
    """The templates that rendering an issue in `env` reads, found by following their references."""
    found: dict[str, File] = {}
    waiting = list(reversed(ENTRANCES))
    while waiting:
        name = waiting.pop()
        if name in found or env.loader is None:
            continue
        try:
            source, path, _ = env.loader.get_source(env, name)
        except (TemplateNotFound, UnicodeDecodeError):
            continue  # rendering says so, and better
        found[name] = File(name, Path(path or name), source)
        waiting += reversed(_REFERENCE.findall(source))
    return Theme(tuple(found.values()))


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _stand_in(text: str, before: str, after: str) -> str:
    blank = _blank(text)
    if not text.startswith("{{") or "\n" in text or not _BEFORE_VALUE.search(before):
        return blank
    value = "1" if re.match(r"[a-z%]", after) else "inherit" if len(blank) >= len("inherit") else "0"
    return value.rjust(len(blank))


def _prints(template: str, wanted: str) -> bool:
    if not _JINJA.search(template):
        return template == wanted
    fixed = [re.escape(part) for part in _JINJA.split(template)]
    # A line that is all Jinja could print anything, so it proves nothing.
    return len("".join(fixed)) > len(wanted) // 3 and re.fullmatch(".*?".join(fixed), wanted) is not None
