"""Merge tags: none left over for readers to see, none that could leave a hole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from newsletter.checks.registry import ERROR, Fault, error, rule
from newsletter.checks.subject import Subject, short
from newsletter.rendering.slots import ALWAYS_PRESENT, TOKEN

_STYLE = re.compile(r"<style\b.*?</style\s*>", re.DOTALL | re.IGNORECASE)
_LEFTOVER = re.compile(
    r"\{\{(?:[^{}\n]{0,60}\}\})?|\{%(?:[^%\n]{0,60}%\})?|%7B%7B|%%[A-Za-z_][\w.]*(?:%%)?"
    rf"|\*\|[A-Za-z_:]+(?:\|\*)?|{TOKEN.pattern}",
    re.IGNORECASE,
)


@rule("slot.unknown", ERROR)
def unknown(subject: Subject) -> Iterator[Fault]:
    """No leftover merge tags or template code ({{, {%, %%NAME, *|NAME) in the final message."""
    views = (subject.subject_line, *map(str, subject.mail.values()), subject.text, _STYLE.sub("", subject.html))
    # Addresses may carry the same tag percent-encoded.
    found = (tag[0] for view in views for tag in _LEFTOVER.finditer(view))
    for tag in dict.fromkeys(unquote(tag) for tag in found):
        yield error(
            f"Readers would see {short(tag)!r} as it stands.",
            'Merge tags such as {{ subscriber.first_name | default("friend") }} work in the letter, in articles, '
            "titles, excerpts, subject and preheader; take it out elsewhere.",
            subject.find(tag),
        )


@rule("slot.fallback", ERROR)
def fallback(subject: Subject) -> Iterator[Fault]:
    """Merge tags of what a reader may not have told us need a fallback."""
    required = {f"subscriber.{field.name}" for field in subject.config.fields if field.required}
    for slot in subject.rendered.slots:
        personal = slot.name.startswith("subscriber.") and slot.name not in ALWAYS_PRESENT | required
        if personal and slot.fallback is None:
            yield error(
                f"{slot.name} may be empty for some readers, and the merge tag has no fallback.",
                f'Write {{{{ {slot.name} | default("friend") }}}}.',
                subject.find(slot.name),
            )
