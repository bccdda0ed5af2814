"""What is wrong with a configuration, in the words of its file and not of the library that checks it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from newsletter import spelling
from newsletter.config.model import Config
from newsletter.config.section import Section
from newsletter.errors import ConfigError

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
MANUAL = "All settings are explained in docs/configuration.md."
SHOWN = 60
"""Characters of a wrong value that are repeated to its author."""

PLAIN = {
    "extra_forbidden": "is not a setting",
    "missing": "is missing",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}

WORDS = {
    "int": "must be a whole number",
    "float": "must be a number",
    "finite": "must be a number",
    "bool": "must be true or false",
    "string": "must be text in quotes",
    "path": "must be a path in quotes",
    "tuple": "must be a list in brackets",
    "list": "must be a list in brackets",
    "literal": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
}
"""Sentences by the beginning of pydantic's error type; the value follows."""


def refusal(error: ValidationError, path: Path, origins: Mapping[str, str], values: Mapping[str, Any]) -> ConfigError:
    """The error to raise: the worst fault with its place, its remedy, and how many more there are."""
    fault = _worst(error)
    place = origins.get(_dotted(fault["loc"]), path.name)
    subject = _subject(fault["loc"], values)
    predicate = _predicate(fault)
    joint = " " if re.match(r"(must|is) ", predicate) else ": "
    sentence = f"{subject}{joint}{predicate}" if subject else predicate
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    where = str(path) if place == path.name else place
    return ConfigError(f"{where}: {sentence}{more}.", hint=_hint(fault))


def section_of(info: FieldInfo) -> type[Section] | None:
    """The model of a table, or of each table of an array; None for a plain setting."""
    for candidate in (info.annotation, *get_args(info.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Section):
            return candidate
    return None


def _worst(error: ValidationError) -> ErrorDetails:
    """The fault to speak of: a misspelt key before the key that is therefore missing."""
    faults = error.errors(include_url=False)
    return next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])


def _dotted(location: Sequence[int | str]) -> str:
    """The setting a fault is in: an item of a list belongs to the list."""
    return ".".join(part for part in location if isinstance(part, str))


def _subject(location: Sequence[int | str], values: Mapping[str, Any]) -> str:
    """`smtp.port`; `the second [[lists]] (clinic-notes): button`; `the first value of server.trusted_proxies`."""
    index = location[1] if len(location) > 1 else None
    if not isinstance(index, int):
        *outer, last = location or ("",)
        return f"the {_ordinal(last)} value of {_dotted(outer)}" if isinstance(last, int) else _dotted(location)
    table, rest, name = location[0], location[2:], ""
    try:
        row = values[str(table)][index]
        name = str(row.get("slug") or row.get("name") or "")
    except (KeyError, IndexError, TypeError, AttributeError):
        pass
    which = f"the {_ordinal(index)} [[{table}]]" + (f" ({_short(name)})" if name else "")
    return f"{which}: {_dotted(rest)}" if rest else which


def _ordinal(index: int) -> str:
    return ORDINALS[index] if index < len(ORDINALS) else f"{index + 1}th"


def _predicate(fault: ErrorDetails) -> str:
    kind, value = fault["type"], fault["input"]
    info = _setting(fault["loc"])
    if kind in PLAIN:
        return PLAIN[kind]
    if kind == "value_error":
        return fault["msg"].removeprefix("Value error, ").rstrip(".")
    if info is not None and section_of(info) is not None:
        name = fault["loc"][0]
        return f"must be a table, written as {f'[[{name}]]' if get_origin(info.annotation) is tuple else f'[{name}]'}"
    context = {key: _listed(str(text)) for key, text in fault.get("ctx", {}).items()}
    for beginning, words in WORDS.items():
        if kind.startswith(beginning):
            return words.format(**context) + _instead(value, info)
    return "cannot be used" + _instead(value, info)


def _listed(expected: str) -> str:
    """pydantic's `'a', 'b' or 'c'` with the quotes of TOML."""
    return expected.replace("'", '"')


def _instead(value: Any, info: FieldInfo | None) -> str:
    """`, not 'abc'`; silent about secrets and whole tables."""
    if info is None or SecretStr in (info.annotation, *get_args(info.annotation)) or isinstance(value, dict | list):
        return ""
    return f", not {_short(repr(value) if isinstance(value, str) else str(value).lower())}"


def _short(text: str) -> str:
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _setting(location: Sequence[int | str]) -> FieldInfo | None:
    """The setting a fault is about, None for one that does not exist."""
    model: type[Section] | None = Config
    info = None
    for part in location:
        if isinstance(part, int):
            continue
        if model is None or part not in model.model_fields:
            return None
        info = model.model_fields[part]
        model = section_of(info)
    return info


def _hint(fault: ErrorDetails) -> str:
    *parents, leaf = [part for part in fault["loc"] if isinstance(part, str)] or [""]
    if fault["type"] == "extra_forbidden":
        parent = _setting(parents) if parents else None
        model = section_of(parent) if parent is not None else Config
        return spelling.hint(leaf, model.model_fields if model else ())
    info = _setting(fault["loc"])
    if info is None or not info.description:
        return MANUAL
    return f"{leaf}: {info.description} {MANUAL}"
