"""Statements that are built once and then run as text.

SQLAlchemy builds and types every expression anew for each execution, which costs more than SQLite needs
to write a row. The few statements that run once or more per copy are built from the same tables, so that
the schema is named in one place, and are then handed to the driver as they are.

Statuses stand in the text and are deliberately not parameters: a partial index makes SQLite prepare a
statement afresh whenever a parameter that is compared with an indexed status is bound again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, Table, Update, func, literal_column, select
from sqlalchemy.dialects import sqlite


def prepared(statement: Update | Select[Any]) -> str:
    """The statement as text; what `given` named is left to be filled in by the driver."""
    return str(statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))


def given(name: str) -> ColumnElement[Any]:
    """A parameter of that name."""
    return literal_column(f":{name}", Integer)


def people_of(table: Table) -> list[ColumnElement[bool]]:
    """SQL: rows of `table` of one `:campaign` and `:seq`, for the subscriber ids in the JSON array `:people`."""
    people = select(func.json_each(literal_column(":people")).table_valued("value").c.value)
    return [*_campaign_of(table), table.c.subscriber_id.in_(people)]


def person_of(table: Table) -> list[ColumnElement[bool]]:
    """SQL: the row of `table` of one `:campaign`, `:seq` and `:person`."""
    return [*_campaign_of(table), table.c.subscriber_id == given("person")]


def _campaign_of(table: Table) -> list[ColumnElement[bool]]:
    return [table.c.campaign_id == given("campaign"), table.c.seq == given("seq")]
