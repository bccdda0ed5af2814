"""Slots: the places of a rendered message that differ from reader to reader.

Templates never see a subscriber. Merge tags in content (`{{ subscriber.first_name | default("friend") }}`)
and personal links in templates (`slot("unsubscribe_url")`) become alphanumeric tokens that Markdown,
Jinja and premailer carry unharmed; per recipient only the tokens are replaced, each escaped for the
context it stands in.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import overload

from newsletter import spelling
from newsletter.content.values import Fitted, Markdown
from newsletter.errors import ContentError, RenderError

TOKEN = re.compile(r"NLSLOT[0-9a-f]+X")
"""What any slot token looks like, whatever its nonce."""

ALWAYS_PRESENT = frozenset({"subscriber.email", "unsubscribe_url", "view_url"})
_OPTIONAL = ("subscriber.name", "subscriber.first_name")
_LIMIT = 1000

_QUOTED = r"""(?P<text>"(?:[^"\\\n]|\\["\\])*"|'(?:[^'\\\n]|\\['\\])*')"""
_DEFAULT = rf"\|[ \t]*default[ \t]*\([ \t]*{_QUOTED}[ \t]*\)[ \t]*"
_TAG = re.compile(rf"\{{\{{[ \t]*(?P<name>[A-Za-z_][A-Za-z0-9_.]*)[ \t]*(?:{_DEFAULT})?\}}\}}")
_OPENING = re.compile(r"\{\{|\{%")
_SLOT_NAME = re.compile(r"[a-z_][A-Za-z0-9_]*(?:\.[a-z_][A-Za-z0-9_]*)*")
_EXAMPLE = 'Write {{ subscriber.first_name | default("friend") }}.'
# C0 and C1 controls, DEL, and the two separators that Python and some mail programs take for line ends.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Slot:
    """One kind of personal content: `name` as in the merge tag, and what to say when it is empty."""

    token: str
    """`[A-Za-z0-9]+`, unique in its message, contains a nonce that the content does not."""
    name: str
    """`subscriber.first_name`, `subscriber.<field>`, `unsubscribe_url`, `confirm_url` …"""
    fallback: str | None
    """Text used when the value is missing or empty; None when the tag has no fallback."""


@dataclass(frozen=True)
class Rendered:
    """A message or issue rendered once for everybody, with slots. Serialised into a Snapshot."""

    subject: str
    preheader: str
    html: str
    text: str
    slots: tuple[Slot, ...]
    page: str = ""
    """The issue as a web page fragment (full articles), for the archive; empty for mails."""
    media: tuple[str, ...] = ()
    """Names under `/media/` of the pictures that mail and page show, sorted."""
    pictures: tuple[Fitted, ...] = field(default=(), compare=False, repr=False)
    """These pictures, while it is fresh; a stored rendering has their names only."""

    @property
    def files(self) -> dict[str, tuple[str, bytes]]:
        """Media type and bytes of each picture by its name."""
        return {each.media_name: (each.media_type, each.data) for each in self.pictures}


def derive_nonce(*parts: str) -> str:
    """Twelve hex digits that follow from `parts` alone, such that no part already holds a token made with them."""
    material = "\0".join(parts)
    nonce = _digest(material)
    while f"NLSLOT{nonce}" in material:
        nonce = _digest(nonce)
    return nonce


class SlotBook:
    """The slots of one message, handed out in order of appearance; the same (name, fallback) is the same token."""

    def __init__(self, nonce: str, known_fields: Mapping[str, bool], *, view_url: str | None = None) -> None:
        """`nonce` is hex (see `derive_nonce`); `known_fields` says of every declared field whether it is required.

        `view_url` is the address of the web version; without one `{{ view_url }}` is an error.
        """
        if not re.fullmatch(r"[0-9a-f]{4,32}", nonce):
            raise RenderError(f"{nonce!r} is not a usable nonce.", hint="Pass 4 to 32 lower-case hex digits.")
        self._nonce = nonce
        self._view_url = view_url
        self._needs_fallback = {name: name not in ALWAYS_PRESENT for name in (*ALWAYS_PRESENT, *_OPTIONAL)}
        self._needs_fallback |= {f"subscriber.{name}": not required for name, required in known_fields.items()}
        self._slots: dict[tuple[str, str | None], Slot] = {}

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Every slot handed out so far."""
        return tuple(self._slots.values())

    def slot(self, name: str, fallback: str | None = None) -> str:
        """The token for `name`, for templates. Raises `RenderError` on a name no reader can have."""
        if not _SLOT_NAME.fullmatch(name):
            raise RenderError(f"{name!r} is not a slot name.", hint='Write slot("unsubscribe_url").')
        if name.startswith("subscriber."):
            problem = self._problem(name, fallback)
            if problem:
                raise RenderError(problem[0], hint=problem[1])
        # A template hands over Markup, which would escape itself again when it is put in.
        key = (name, None if fallback is None else str(fallback))
        if key not in self._slots:
            if len(self._slots) >= _LIMIT:
                raise RenderError(f"More than {_LIMIT} different merge tags in one message.", hint="Use fewer of them.")
            self._slots[key] = Slot(f"NLSLOT{self._nonce}{len(self._slots):04d}X", *key)
        return self._slots[key].token

    @overload
    def tag(self, content: Markdown) -> Markdown: ...
    @overload
    def tag(self, content: str, *, path: Path, line: int = 0) -> str: ...

    def tag(self, content: Markdown | str, *, path: Path | None = None, line: int = 0) -> Markdown | str:
        """`content` with every merge tag replaced by its token; as many lines as before.

        `line` is the 1-based line of `path` on which a text starts (0: unknown). A tag looks like
        `{{ name }}` or `{{ name | default("text") }}`, on one line. Raises `ContentError` at the
        tag's own line for anything else that begins with `{{` or `{%`.
        """
        if isinstance(content, Markdown):
            return replace(content, source=self._tagged(content.source, content.path, content.line))
        return self._tagged(content, path or Path(), line)

    def _tagged(self, text: str, path: Path, line: int) -> str:
        done: list[str] = []
        position = 0
        while opening := _OPENING.search(text, position):
            start = opening.start()
            done.append(text[position:start])
            here = line + text.count("\n", 0, start) if line else 0
            match = _TAG.match(text, start)
            if match is None:
                message, hint = _diagnose(text[start:].split("\n", 1)[0])
                raise ContentError(message, path=path, line=here, hint=hint)
            name = match["name"]
            fallback = None if match["text"] is None else re.sub(r"\\(.)", r"\1", match["text"][1:-1])
            problem = self._problem(name, fallback)
            if problem:
                raise ContentError(problem[0], path=path, line=here, hint=problem[1])
            done.append(self.slot(name, fallback))
            position = match.end()
        done.append(text[position:])
        return "".join(done)

    def _problem(self, name: str, fallback: str | None) -> tuple[str, str] | None:
        """What is wrong with this use of `name`, and the remedy; None when it is fine."""
        if name not in self._needs_fallback:
            full = f"subscriber.{name}"
            near = full if full in self._needs_fallback else spelling.nearest(name, self._needs_fallback)
            known = ", ".join(sorted(self._needs_fallback))
            hint = f"Did you mean {near}?" if near else f"Known are {known}."
            return f"There is no merge tag {name}.", hint
        if name.endswith("_url"):
            if fallback is not None:
                return f"{name} is a link and takes no fallback.", f"Write {{{{ {name} }}}}."
            if name == "view_url" and self._view_url is None:
                return "There is no view_url, because this archive is private.", "Take the tag out."
            return None
        if fallback is None and self._needs_fallback[name]:
            return (
                f"{name} may be empty for some readers, so give it a fallback.",
                f'Write {{{{ {name} | default("friend") }}}}.',
            )
        return None


def without_surrogates(text: str) -> str:
    """`text` with lone surrogates, which no encoding can carry, as U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)


def as_text(value: str) -> str:
    """A slot value for plain text: control characters and line ends become spaces, lone surrogates U+FFFD."""
    if value.isascii() and value.isprintable():
        return value
    return without_surrogates(_CONTROLS.sub(" ", value))


def as_html(value: str) -> str:
    """A slot value for HTML text or a quoted attribute."""
    return html.escape(as_text(value), quote=True)


def resolve(slot: Slot, values: Mapping[str, str]) -> str:
    """What this reader sees in `slot`: the value, or the fallback when it is missing or blank.

    Raises `RenderError` when there is neither.
    """
    value = values.get(slot.name)
    if value and not value.isspace():
        return value
    if slot.fallback is not None:
        return slot.fallback
    raise RenderError(
        f"This reader has no {slot.name}, and the merge tag has no fallback.",
        hint=f'Write {{{{ {slot.name} | default("…") }}}} or fill in the field.',
    )


def fill_text(text: str, slots: Iterable[Slot], values: Mapping[str, str], escape: Callable[[str], str]) -> str:
    """`text` with every token replaced by its escaped value, in one pass: a value that looks like a token stays as is.

    `values` maps slot names to raw text. Raises `RenderError` for a slot in `text` with neither value nor fallback.
    """
    by_token = {slot.token: slot for slot in slots}

    def replacement(match: re.Match[str]) -> str:
        slot = by_token.get(match[0])
        return match[0] if slot is None else escape(resolve(slot, values))

    return TOKEN.sub(replacement, text)


def null_reader(slots: Iterable[Slot], home_url: str) -> dict[str, str]:
    """Values for a page that anybody may read: links lead home, the address is "you", all else is the fallback."""
    values: dict[str, str] = {}
    for slot in slots:
        if slot.name.endswith("_url"):
            values[slot.name] = home_url
        elif slot.name == "subscriber.email":
            values[slot.name] = "you"
        elif slot.fallback is None:
            values[slot.name] = "…"
    return values


def rendered_to_json(rendered: Rendered) -> str:
    """One line of JSON, the same for equal values; read it again with `rendered_from_json`."""
    stored = {key: value for key, value in vars(rendered).items() if key != "pictures"}
    stored["slots"] = [vars(slot) for slot in rendered.slots]
    return json.dumps(stored, sort_keys=True, separators=(",", ":"))


def rendered_from_json(document: str) -> Rendered:
    """The value that `rendered_to_json` wrote. Raises `RenderError` when the document is something else."""
    try:
        fields = json.loads(document)
        slots = tuple(Slot(**slot) for slot in fields.pop("slots"))
        return Rendered(slots=slots, media=tuple(fields.pop("media", ())), **fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RenderError("The stored issue cannot be read.", hint="It was written by another version.") from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _diagnose(rest: str) -> tuple[str, str]:
    """Message and hint for something that begins like a merge tag but is none; `rest` runs to the line's end."""
    if rest.startswith("{%"):
        return "Template statements ({% … %}) do not work in content.", "Only merge tags do: " + _EXAMPLE
    if "}}" not in rest:
        return "This merge tag is not closed with }} on the same line.", _EXAMPLE
    inside = rest[2 : rest.index("}}")].strip()
    if any(quote in inside for quote in "“”‘’„«»"):
        return f"The fallback in {{{{ {inside} }}}} stands in curly quotes.", "Use straight ones: \" or '."
    found = re.match(r"[\w.]+\s*\|\s*(\w+)", inside)
    if found and found[1] != "default":
        return f"The only filter of a merge tag is default, not {found[1]}.", _EXAMPLE
    return f"{{{{ {inside} }}}} is not a merge tag.", _EXAMPLE
