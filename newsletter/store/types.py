"""Column types that look alike on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
"""Made once: `json.dumps` would make one a value, which an import of a million rows feels."""


class UTCDateTime(TypeDecorator[datetime]):
    """A moment: timezone-aware in Python, milliseconds since 1970 UTC in the database.

    An integer compares and indexes the same everywhere and cannot lose its time zone.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Refuse naive moments: they mean something else on every machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment in the database needs a time zone")
        return to_millis(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Back to an aware moment."""
        return from_millis(value)


class JSONText(TypeDecorator[Any]):
    """A JSON value kept as compact text with sorted keys, so that equal values are equal bytes."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """None stays NULL."""
        return None if value is None else canonical_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Back to Python values."""
        return None if value is None else json.loads(value)


def to_millis(moment: datetime) -> int:
    """Milliseconds since 1970 UTC."""
    return round(moment.timestamp() * 1000)


def from_millis(value: int | None) -> datetime | None:
    """The moment in UTC; None stays None."""
    return None if value is None else datetime.fromtimestamp(value / 1000, UTC)


def iso(moment: datetime | None) -> str | None:
    """The moment as documents show it, to the second; None stays None."""
    return None if moment is None else moment.isoformat(timespec="seconds")


def canonical_json(value: Any) -> str:
    """One spelling per value: sorted keys, no spaces, Unicode as it is."""
    return _ENCODER.encode(value)
