"""Values of declared `[[fields]]`: checked by type where they enter, kept as text that reads well in a mail."""

from __future__ import annotations

import math
from datetime import date

from newsletter.config import FieldConfig
from newsletter.errors import NewsletterError
from newsletter.subscribers.people import clean_name

TRUE = frozenset({"1", "true", "yes", "y", "on"})
FALSE = frozenset({"0", "false", "no", "n", "off"})


class FieldError(NewsletterError):
    """That value does not fit the field; `sentence` names it by `%(label)s`, so that it can be translated."""

    def __init__(self, sentence: str, field: FieldConfig) -> None:
        super().__init__(sentence % {"label": field.label or field.name})
        self.sentence = sentence


def check(field: FieldConfig, raw: str) -> str:
    """The value as it is stored, or `FieldError` with a sentence that names the field; empty stays empty."""
    value = clean_name(raw)
    if not value:
        if field.required:
            raise FieldError("%(label)s is needed.", field)
        return ""
    match field.type:
        case "number":
            try:
                number = float(value)
            except ValueError:
                number = math.nan
            if not math.isfinite(number):
                raise FieldError("%(label)s must be a number.", field)
        case "date":
            try:
                return date.fromisoformat(value).isoformat()
            except ValueError as error:
                raise FieldError("%(label)s must be a date such as 2026-09-15.", field) from error
        case "boolean":
            if value.lower() not in TRUE | FALSE:
                raise FieldError("%(label)s must be yes or no.", field)
            return "yes" if value.lower() in TRUE else "no"
    return value
