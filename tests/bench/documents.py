"""The same issue for programs that are not ours: as Jinja templates whose variables are our slots."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stage
from stage import SLUG, Relay

from newsletter import starter
from newsletter.rendering.slots import TOKEN, Rendered
from newsletter.site import Site

_JINJA = re.compile(r"\{[{%#]")
_INLINED = '<style>{% include "issue/theme.css" %}</style>\n<style data-premailer="ignore">'
_LEFT_ALONE = '<style data-premailer="ignore">{% include "issue/theme.css" %}\n'


@dataclass(frozen=True)
class Document:
    """An issue as Jinja source; `{{ subscriber_first_name }}` and so on are its variables."""

    subject: str
    text: str
    html: str

    def values(self, number: int) -> dict[str, str]:
        """What the reader of that number sees in the variables."""
        return {
            "subscriber_email": f"reader{number}@example.net",
            "subscriber_name": f"Reader {number}",
            "subscriber_first_name": "Reader",
            "unsubscribe_url": f"https://news.example.org/u/{number:040d}",
            "preferences_url": f"https://news.example.org/preferences/{number:040d}",
        }


def final(folder: Path) -> Document:
    """The issue as it leaves us, CSS in style attributes."""
    with stage.opened(folder, Relay(25)) as site:
        return _as_jinja(_rendered(site))


def before_inlining(folder: Path) -> Document:
    """The issue with its CSS still in a `<style>`: by a theme that keeps it from being inlined."""
    own = folder / "templates" / "issue" / "shell.html"
    shell = (starter.templates() / "issue" / "shell.html").read_text("utf-8")
    assert _INLINED in shell, "the packaged theme has changed: say here where its styles are"
    own.parent.mkdir(exist_ok=True)
    own.write_text(shell.replace(_INLINED, _LEFT_ALONE), "utf-8")
    try:
        with stage.opened(folder, Relay(25)) as site:
            found = _as_jinja(_rendered(site))
    finally:
        shutil.rmtree(own.parent)
    return Document(found.subject, found.text, found.html.replace(' data-premailer="ignore"', ""))


def as_jinja(source: str, slots: dict[str, str]) -> str:
    """`source` as a template that prints it, with variables for the slot tokens."""
    safe = _JINJA.sub(lambda match: f"{{{{ '{match[0]}' }}}}", source)
    return TOKEN.sub(lambda match: f"{{{{ {slots[match[0]]} }}}}", safe)


def _as_jinja(rendered: Rendered) -> Document:
    slots = {slot.token: slot.name.replace(".", "_") for slot in rendered.slots}
    return Document(*(as_jinja(each, slots) for each in (rendered.subject, rendered.text, rendered.html)))


def _rendered(site: Site) -> Any:
    return site.render(site.load(SLUG))
