"""`docs/configuration.md`, written by the configuration model itself, so that it cannot go stale."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from newsletter.config.load import settable, variable_for
from newsletter.config.model import FieldConfig, ListConfig, SeriesConfig, StepConfig

HEAD = """\
# Configuration

A Site is configured by `newsletter.toml`. Every key below can be overridden by its environment variable, in the
environment or in a `.env` file beside it; with `_FILE` appended, the variable names a file that holds the value,
which is the way to hand over secrets. The strongest comes first: environment, `.env`, `newsletter.toml`, default.
A variable that is empty counts as unset.

A key or variable that does not exist is an error that names the nearest one. `newsletter config show` prints what is
in force and where each value came from; `newsletter config check` says whether it can be used. Paths are relative to
the Site's folder.

*This page is made from the configuration model by `newsletter config document`; a test keeps it true.*
"""

TABLES = """
## `[[lists]]`

One table per list; the first is the default. Lists cannot be set by environment variables.

{lists}
## `[[fields]]`

More to know about a reader than address and name. A field is a column of imports and exports and the merge tag
`{{{{ subscriber.<name> | default("…") }}}}`.

{fields}
## `[[series]]`

Issues that every new reader of a list gets, one after the other; see `docs/series.md`.

{series}
Each of `steps`:

{steps}
"""


def as_markdown() -> str:
    """The whole page."""
    sections: dict[str, list[tuple[str, FieldInfo]]] = {}
    for key, info in settable().items():
        section, _, leaf = key.rpartition(".")
        sections.setdefault(section, []).append((leaf, info))
    parts = [HEAD]
    for section, fields in sections.items():
        title = f"`[{section}]`" if section else "Top level"
        rows = [_row(f"{section}.{leaf}" if section else leaf, leaf, info) for leaf, info in fields]
        parts.append(
            f"\n## {title}\n\n| Key | Type | Default | Meaning | Variable |\n|---|---|---|---|---|\n" + "".join(rows)
        )
    parts.append(
        TABLES.format(
            lists=_table(ListConfig.model_fields),
            fields=_table(FieldConfig.model_fields),
            series=_table(SeriesConfig.model_fields),
            steps=_table(StepConfig.model_fields),
        )
    )
    return "".join(parts).rstrip("\n") + "\n"


def _table(fields: dict[str, FieldInfo]) -> str:
    rows = "".join(
        f"| `{name}` | {_type(info.annotation)} | {_default(info)} | {_words(info)} |\n"
        for name, info in fields.items()
    )
    return f"| Key | Type | Default | Meaning |\n|---|---|---|---|\n{rows}"


def _row(key: str, leaf: str, info: FieldInfo) -> str:
    return f"| `{leaf}` | {_type(info.annotation)} | {_default(info)} | {_words(info)} | `{variable_for(key)}` |\n"


def _words(info: FieldInfo) -> str:
    return (info.description or "").replace("|", "\\|")


def _default(info: FieldInfo) -> str:
    if info.default is PydanticUndefined:
        return "*required*"
    if info.default in (None, "", (), {}):
        return ""
    if isinstance(info.default, tuple):
        return ", ".join(f"`{each}`" for each in info.default)
    return f"`{str(info.default).lower() if isinstance(info.default, bool) else info.default}`"


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f'`"{value}"`' for value in arguments)
    if origin in {Union, UnionType}:
        return " or ".join(_type(each) for each in arguments if each is not type(None))
    if origin is Mapping:
        return "table of numbers"
    if origin is tuple:
        return "list of text"
    names = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true or false",
        Path: "path",
        SecretStr: "secret",
    }
    return names.get(annotation, "text")
