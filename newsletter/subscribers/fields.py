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
    """That value does not fit the field."""


def check(field: FieldConfig, raw: str) -> str:
    """The value as it is stored, or `FieldError` with a sentence that names the field; empty stays empty."""
    value = clean_name(raw)
    label = field.label or field.name
    if not value:
        if field.required:
            raise FieldError(f"{label} is needed.")
        return ""
    match field.type:
        case "number":
            try:
                number = float(value)
            except ValueError:
                number = math.nan
            if not math.isfinite(number):
                raise FieldError(f"{label} must be a number.")
        case "date":
            try:
                return date.fromisoformat(value).isoformat()
            except ValueError as error:
                raise FieldError(f"{label} must be a date such as 2026-09-15.") from error
        case "boolean":
            if value.lower() not in TRUE | FALSE:
                raise FieldError(f"{label} must be yes or no.")
            return "yes" if value.lower() in TRUE else "no"
    return value
