"""Reading a Site's configuration: one file, then the environment; a misspelt key is an error.

Configuration is a file plus the environment, never rows in the database. Order, strongest first:
`NEWSLETTER_<SECTION>__<KEY>` (or `…_FILE`, a path whose content is the value), the same names in
`.env` beside the file, then `newsletter.toml`. A misspelt key or variable is an error that names
the nearest one there is, because a setting that is silently ignored is worse than none. A variable
that is empty counts as unset: that is how most machinery says that it has no value to give.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from newsletter import spelling
from newsletter.config import dotenv
from newsletter.config.faults import refusal, section_of
from newsletter.config.model import Config
from newsletter.errors import ConfigError

FILE_NAME = "newsletter.toml"
ENV_PREFIX = "NEWSLETTER_"
ENV_OUTSIDE_CONFIG = ("NEWSLETTER_INSTANCE_ID", "NEWSLETTER_TEST_")

_Override = tuple[str, str, str]
"""Source, variable, value."""

_LISTS = frozenset({"trusted_proxies", "ignore", "languages", "clients", "disposable", "ses_topics"})
"""Keys whose variables hold several values with commas between them."""


SMTP_LOGIN = frozenset({"username", "password"})


class Origins(dict[str, str]):
    """Where each value came from: dotted key → `newsletter.toml`, `.env` or a variable's name."""

    def __init__(self, *origins: Mapping[str, str]) -> None:
        super().__init__(*origins)
        self.warnings: list[str] = []
        """What `config check` should tell, though the configuration can be used; whole sentences."""


def load(folder: Path, environ: Mapping[str, str] | None = None) -> tuple[Config, Origins]:
    """Read the configuration of a Site, or raise `ConfigError` that names file, key and remedy."""
    environ = os.environ if environ is None else environ
    path = folder / FILE_NAME
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(f"There is no {path}.", hint="Run `newsletter init DIR` to make a Site.") from error
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}.", hint="Let the user who runs this command read it."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text.", hint="Save it in the encoding UTF-8.") from error
    return parse(text, folder, environ)


def parse(text: str, folder: Path, environ: Mapping[str, str] | None = None) -> tuple[Config, Origins]:
    """Like `load`, for a `newsletter.toml` of this text in `folder`, whether or not it is written yet."""
    environ = os.environ if environ is None else environ
    path = folder / FILE_NAME
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path} is not valid TOML: {str(error).rstrip('.')}.",
            hint='Text stands in "quotes" and every key stands once; docs/configuration.md shows all of them.',
        ) from error
    origins = Origins(dict.fromkeys(_flatten(values), FILE_NAME))
    secrets = dotenv.read_dotenv(folder / dotenv.NAME)
    if warning := dotenv.exposed(folder / dotenv.NAME, secrets):
        origins.warnings.append(warning)
    for source, variables in ((dotenv.NAME, secrets), ("environment", environ)):
        for variable, value in sorted(variables.items()):
            if value and variable.upper().startswith(ENV_PREFIX) and not variable.startswith(ENV_OUTSIDE_CONFIG):
                _apply(values, origins, (source, variable, value), folder)
    _drop_login_without_relay(values, origins)
    try:
        return Config(**values), origins
    except ValidationError as error:
        raise refusal(error, path, origins, values) from error


def settable() -> dict[str, FieldInfo]:
    """Every scalar key by its dotted name, for overrides and for the documentation."""
    found: dict[str, FieldInfo] = {}
    for name, info in Config.model_fields.items():
        section = section_of(info)
        if section is None:
            found[name] = info
        elif name not in {"lists", "fields", "series"}:
            found.update({f"{name}.{key}": field for key, field in section.model_fields.items()})
    return found


def variable_for(key: str) -> str:
    """`smtp.password` → `NEWSLETTER_SMTP__PASSWORD`."""
    return ENV_PREFIX + key.replace(".", "__").upper()


def _apply(values: dict[str, Any], origins: Origins, override: _Override, folder: Path) -> None:
    source, variable, value = override
    known = {variable_for(key): key for key in settable()}
    key, from_file = known.get(variable), False
    if key is None and variable.endswith("_FILE"):
        key, from_file = known.get(variable.removesuffix("_FILE")), True
    if key is None:
        raise ConfigError(f"{source}: {variable} is not a setting.", hint=spelling.hint(variable, known))
    if from_file:
        try:
            value = (folder / value).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise ConfigError(
                f"{source}: {folder / value}, the file named by {variable}, cannot be read: {why}.",
                hint="Put the value into that file, or let the variable name another.",
            ) from error
    *sections, leaf = key.split(".")
    table = values
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{FILE_NAME}: {section} must be a table.", hint=f"Write it as [{section}].")
    table[leaf] = value.split(",") if leaf in _LISTS else value
    origins[key] = variable if source == "environment" else f".env ({variable})"


def _drop_login_without_relay(values: dict[str, Any], origins: Origins) -> None:
    """A login that variables give while no relay is named anywhere waits for one; mail goes to the sandbox."""
    smtp = values.get("smtp")
    if not isinstance(smtp, dict) or not smtp or not SMTP_LOGIN.issuperset(smtp):
        return
    if FILE_NAME in {origins.get(f"smtp.{key}") for key in smtp}:
        return
    given = " and ".join(origins.pop(f"smtp.{key}") for key in sorted(smtp))
    del values["smtp"]
    origins.warnings.append(f"{given} is ignored: no [smtp] host is set, so mail goes to the sandbox.")


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterable[str]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"
