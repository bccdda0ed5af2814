"""Kinds of values that come in: each checks itself and describes itself in the OpenAPI document.

What depends on the Site (its lists, its declared fields) is checked with the Site's configuration as the context of
the validation, and described under a name that `openapi` fills in from the same configuration.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from newsletter import addresses, tags
from newsletter.config import Config
from newsletter.config.model import FieldConfig
from newsletter.errors import AddressError
from newsletter.subscribers import fields

OF_THE_SITE = "x-of-the-site"
"""Stands in a description for the named schema of `site_schemas`."""
PLAIN = r"^[^\x00-\x1f\x7f]*$"
"""No control characters."""
NUMBER = r"^-?[0-9]{1,15}(\.[0-9]{1,9})?$"
_TAG = r"^[a-z0-9][a-z0-9-]{0,39}$"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MOST = 100
"""Things on one page."""


class Input(BaseModel):
    """A body as it comes in: nothing is guessed, and nothing in it that we do not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Query(BaseModel):
    """Parameters of an address; they are text there."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Output(BaseModel):
    """A document as it goes out."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _config(info: ValidationInfo) -> Config:
    assert isinstance(info.context, Config)  # noqa: S101 - `calls` hands it in
    return info.context


def _mailable(text: str) -> str:
    try:
        addresses.parse(text)
    except AddressError as error:
        raise ValueError(str(error)) from error
    return text


def _known_list(slug: str, info: ValidationInfo) -> str:
    if all(slug != each.slug for each in _config(info).lists):
        raise ValueError("There is no such list.")
    return slug


def _offered(language: str, info: ValidationInfo) -> str:
    if language and language not in _config(info).offered_languages:
        raise ValueError("This Site does not offer that language.")
    return language


def _known_fields(given: dict[str, str | None], info: ValidationInfo) -> dict[str, str | None]:
    declared = {each.name: each for each in _config(info).fields}
    found: dict[str, str | None] = {}
    faults: list[InitErrorDetails] = []
    for name, value in given.items():
        try:
            found[name] = _field(declared.get(name), value)
        except ValueError as error:
            told = PydanticCustomError("field", "{detail}", {"detail": str(error)})
            faults.append({"type": told, "loc": (name,), "input": value})
    if faults:
        raise ValidationError.from_exception_data("Fields", faults)
    return found


def _field(declared: FieldConfig | None, value: str | None) -> str | None:
    if declared is None:
        raise ValueError("There is no such field in newsletter.toml.")
    if value is None and not declared.required:
        return None
    if value is None or not _fits(declared, value):
        raise ValueError(f"{declared.name} must be a {declared.type}.")
    try:
        return fields.check(declared, value) or None
    except fields.FieldError as error:
        raise ValueError(str(error)) from error


def _fits(declared: FieldConfig, value: str) -> bool:
    """As strict as the description; `fields.check` alone takes more spellings."""
    match declared.type:
        case "number":
            return re.fullmatch(NUMBER, value) is not None
        case "date":
            return _DATE.fullmatch(value) is not None
        case "boolean":
            return value in {"yes", "no"}
    return len(value) <= 200 and re.fullmatch(PLAIN, value) is not None


def field_schema(declared: FieldConfig) -> dict[str, Any]:
    """How the values of a declared field are described."""
    described: dict[str, dict[str, Any]] = {
        "text": {"maxLength": 200, "pattern": PLAIN},
        "number": {"pattern": NUMBER},
        "date": {"format": "date"},
        "boolean": {"enum": ["yes", "no"]},
    }
    schema = described[declared.type]
    if declared.label:
        schema["description"] = declared.label
    if declared.required:
        return {"type": "string", **schema}
    if "enum" in schema:
        schema["enum"].append(None)
    return {"type": ["string", "null"], **schema}


def site_schemas(config: Config) -> dict[str, Any]:
    """The named schemas that differ from Site to Site."""
    return {
        "ListSlug": {
            "type": "string",
            "enum": [each.slug for each in config.lists],
            "description": "A list of this Site.",
        },
        "Language": {
            "type": "string",
            "enum": ["", *config.offered_languages],
            "description": "A language that this Site offers; empty for its own.",
        },
        "Fields": {
            "type": "object",
            "properties": {each.name: field_schema(each) for each in config.fields},
            "additionalProperties": False,
            "description": "Values of the declared fields; null takes one away.",
        },
    }


def _digits(text: Any) -> Any:
    if isinstance(text, str):
        if not re.fullmatch("[0-9]{1,9}", text):
            raise ValueError("A whole number is needed.")
        return int(text)
    return text


def _integral(number: Any) -> Any:
    """JSON knows no integers: 5.0 is the number 5."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _each_once(words: list[str]) -> list[str]:
    if len(set(words)) < len(words):
        raise ValueError("Each may be named once.")
    return words


EmailAddress = Annotated[
    str,
    AfterValidator(_mailable),
    Field(max_length=254),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": 254}),
]
ListSlug = Annotated[str, AfterValidator(_known_list), WithJsonSchema({OF_THE_SITE: "ListSlug"})]
Lists = Annotated[
    list[ListSlug],
    AfterValidator(_each_once),
    Field(min_length=1, json_schema_extra={"uniqueItems": True}),
]
Fields = Annotated[dict[str, str | None], AfterValidator(_known_fields), WithJsonSchema({OF_THE_SITE: "Fields"})]
Name = Annotated[str, Field(max_length=200, pattern=PLAIN)]
Line = Annotated[str, Field(max_length=500, pattern=PLAIN)]
Sentence = Annotated[str, Field(min_length=1, max_length=500, pattern=PLAIN)]
Language = Annotated[str, AfterValidator(_offered), WithJsonSchema({OF_THE_SITE: "Language"})]
Tags = Annotated[
    list[Annotated[str, Field(pattern=_TAG)]],
    AfterValidator(_each_once),
    Field(max_length=tags.MOST, json_schema_extra={"uniqueItems": True}),
]
Limit = Annotated[int, Field(ge=1, le=MOST), BeforeValidator(_digits)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000), BeforeValidator(_integral)]
IssueSlug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")]
