"""Statements that are compiled once and then run as text.

SQLAlchemy builds and types every expression anew for each execution, which costs more than SQLite needs
to write a row. The few statements that run once or more per copy are built from the same tables, so that
the schema is named in one place, and are then handed to the driver as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, Update, bindparam, func, select
from sqlalchemy.dialects import sqlite


@dataclass(frozen=True)
class Prepared:
    """A statement as text and how its parameters are lined up."""

    sql: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]

    @classmethod
    def of(cls, statement: Update | Select[Any]) -> Prepared:
        """Compile once; parameters made by `bindparam`, whose values there mean nothing, are given at each use."""
        compiled = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"render_postcompile": True})
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        return cls(str(compiled), tuple(compiled.positiontup or ()), constants)

    def arguments(self, **given: Any) -> list[Any]:
        """The parameters of one execution, in the order of the text."""
        return [given[name] if name in given else self.constants[name] for name in self.names]


def people_of(table: Table) -> list[ColumnElement[bool]]:
    """SQL: rows of `table` of one campaign and seq, for the subscriber ids in the JSON array `people`."""
    people = select(func.json_each(bindparam("people", "[]")).table_valued("value").c.value)
    return [
        table.c.campaign_id == bindparam("campaign", 0, table.c.campaign_id.type),
        table.c.seq == bindparam("number", 0, table.c.seq.type),
        table.c.subscriber_id.in_(people),
    ]
