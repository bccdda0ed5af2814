"""Reading a Site's configuration: one file, then the environment; a misspelt key is an error.

Configuration is a file plus the environment, never rows in the database. Order, strongest first:
`NEWSLETTER_<SECTION>__<KEY>` (or `…_FILE`, a path whose content is the value), the same names in
`.env` beside the file, then `newsletter.toml`. A misspelt key or variable is an error that names
the nearest one there is, because a setting that is silently ignored is worse than none.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from newsletter.config.model import Config, Section, nearest
from newsletter.errors import ConfigError

FILE_NAME = "newsletter.toml"
ENV_PREFIX = "NEWSLETTER_"
ENV_OUTSIDE_CONFIG = ("NEWSLETTER_INSTANCE_ID", "NEWSLETTER_TEST_")

_Override = tuple[str, str, str]
"""Source, variable, value."""


class Origins(dict[str, str]):
    """Where each value came from: dotted key → `newsletter.toml`, `.env` or a variable's name."""


def load(folder: Path, environ: Mapping[str, str] | None = None) -> tuple[Config, Origins]:
    """Read the configuration of a Site, or raise `ConfigError` that names file, key and remedy."""
    environ = os.environ if environ is None else environ
    path = folder / FILE_NAME
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(f"There is no {path}.", hint="Run `newsletter init DIR` to make a Site.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error}).") from error
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    origins = Origins(dict.fromkeys(_flatten(values), FILE_NAME))
    for source, variables in ((".env", _read_dotenv(folder / ".env")), ("environment", environ)):
        for variable in sorted(variables):
            if variable.upper().startswith(ENV_PREFIX) and not variable.startswith(ENV_OUTSIDE_CONFIG):
                _apply(values, origins, (source, variable, variables[variable]), folder)
    try:
        return Config(**values), origins
    except ValidationError as error:
        raise ConfigError(_explain(error, path, origins), hint=_hint(error)) from error


def settable() -> dict[str, FieldInfo]:
    """Every scalar key by its dotted name, for overrides and for the documentation."""
    found: dict[str, FieldInfo] = {}
    for name, info in Config.model_fields.items():
        section = _section_of(info)
        if section is None:
            found[name] = info
        elif name not in {"lists", "fields"}:
            found.update({f"{name}.{key}": field for key, field in section.model_fields.items()})
    return found


def variable_for(key: str) -> str:
    """`smtp.password` → `NEWSLETTER_SMTP__PASSWORD`."""
    return ENV_PREFIX + key.replace(".", "__").upper()


def _section_of(info: FieldInfo) -> type[Section] | None:
    for candidate in (info.annotation, *get_args(info.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Section):
            return candidate
    return None


def _apply(values: dict[str, Any], origins: Origins, override: _Override, folder: Path) -> None:
    source, variable, value = override
    known = {variable_for(key): key for key in settable()}
    key, from_file = known.get(variable), False
    if key is None and variable.endswith("_FILE"):
        key, from_file = known.get(variable.removesuffix("_FILE")), True
    if key is None:
        raise ConfigError(f"{source}: {variable} is not a setting.", hint=nearest(variable, known))
    if from_file:
        try:
            value = (folder / value).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{source}: the file named by {variable} cannot be read ({error}).") from error
    *sections, leaf = key.split(".")
    table = values
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{FILE_NAME}: {section} must be a table.", hint=f"Write it as [{section}].")
    table[leaf] = value.split(",") if leaf in {"trusted_proxies", "ignore"} else value
    origins[key] = variable if source == "environment" else f".env ({variable})"


def _read_dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        return {key: value or "" for key, value in dotenv_values(path, interpolate=False).items()}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error}).") from error


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterable[str]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _worst(error: ValidationError) -> ErrorDetails:
    """The fault to speak of: a misspelt key before the key that is therefore missing."""
    faults = error.errors(include_url=False)
    return next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])


def _explain(error: ValidationError, path: Path, origins: Origins) -> str:
    first = _worst(error)
    key = ".".join(str(part) for part in first["loc"])
    place = origins.get(key, FILE_NAME)
    where = str(path) if place == FILE_NAME else place
    message = {"extra_forbidden": "is not a setting", "missing": "is missing"}.get(
        first["type"], first["msg"].removeprefix("Value error, ")
    )
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {key or 'the file'} {message}{more}." if key else f"{where}: {message}{more}."


def _hint(error: ValidationError) -> str:
    first = _worst(error)
    if first["type"] != "extra_forbidden":
        return "`newsletter config show` lists every setting."
    *parents, leaf = [part for part in first["loc"] if isinstance(part, str)]
    if parents:
        section = _section_of(Config.model_fields[parents[0]]) if parents[0] in Config.model_fields else None
        known = list(section.model_fields) if section else []
    else:
        known = list(Config.model_fields)
    return nearest(leaf, known)
