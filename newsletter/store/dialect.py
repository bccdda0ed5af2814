"""What statements differ in between SQLite and PostgreSQL; everything else is SQLAlchemy's to know.

`given` and `among` are for statements that are prepared as text (`prepared`): SQLAlchemy builds and types every
expression anew for each execution, which costs more than writing a row. The few statements that run once or more
per copy are built from the same tables, so that the schema is named in one place, and are then handed to the
driver as they are.

Statuses stand in the text and are deliberately not parameters: a partial index makes SQLite prepare a
statement afresh whenever a parameter that is compared with an indexed status is bound again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Dialect, Select, Table, Update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import NullType


def prepared(statement: Update | Select[Any], dialect: Dialect) -> str:
    """The statement as text; what `given` named is left to be filled in by the driver."""
    return str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


class given(ColumnElement[Any]):
    """A parameter of that name, a whole number."""

    inherit_cache = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.type = BigInteger()


class among(ColumnElement[Any]):
    """Whether a column of whole numbers is in the JSON array that is the parameter of that name."""

    inherit_cache = False

    def __init__(self, column: ColumnElement[int], name: str) -> None:
        self.column = column
        self.name = name
        self.type = NullType()  # a Boolean would be compared with 1, and then SQLite looks into no index


@compiles(given)
def _colon(element: given, _compiler: SQLCompiler, **_options: Any) -> str:
    return f":{element.name}"


@compiles(given, "postgresql")
def _typed(element: given, _compiler: SQLCompiler, **_options: Any) -> str:
    # The driver names the smallest type a number fits in; one type is one plan.
    return f"CAST(%({element.name})s AS BIGINT)"


@compiles(among)
def _in_array(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column = compiler.process(element.column, **options)
    return f"{column} IN (SELECT value FROM json_each(:{element.name}))"  # noqa: S608


@compiles(among, "postgresql")
def _any_of_array(element: among, compiler: SQLCompiler, **options: Any) -> str:
    numbers = f"SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST(%({element.name})s AS JSON))"  # noqa: S608
    return f"{compiler.process(element.column, **options)} = ANY (ARRAY({numbers}))"


def add_if_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Add one row; False, and nothing written, when its key or something unique about it is there already."""
    add = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = add(table).values(**values).on_conflict_do_nothing()
    return bool(connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount)
