"""What differs between SQLite and PostgreSQL when a database is opened, written to and out of order.

`engine.Database` is the same for both and asks one of these; what statements differ in is in `dialect`. Nothing
outside the store knows which of the two it works on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from newsletter.errors import StoreError


class Backend(ABC):
    """One kind of database."""

    name: str
    """What people call it in a message: a path, or an address without the password."""
    path: Path | None
    """The file, where there is one."""
    begin: str
    """The statement that begins a write transaction."""
    reading: Mapping[str, Any]
    """Execution options of a connection that sees one state and writes nothing."""
    writing: Mapping[str, Any]
    """Execution options of a connection that writes."""
    driving: Mapping[str, Any]
    """Execution options of a connection whose transactions we begin ourselves, with `begin`."""
    turn: AbstractContextManager[object]
    """Held around every write transaction; anew each time."""

    @abstractmethod
    def open(self) -> Engine:
        """The engine; nothing is connected yet."""

    @abstractmethod
    def exists(self, engine: Engine) -> bool:
        """Whether there is a database at all, be it empty."""

    @abstractmethod
    def prepare(self) -> None:
        """Make what `migrate.upgrade` needs around a new database."""

    @abstractmethod
    def be_alone(self, connection: Connection) -> None:
        """Wait, in a transaction that has just begun, until no other writer is in one that wants to be alone."""

    @abstractmethod
    def in_words(self, error: Exception) -> StoreError | None:
        """What a fault of the driver or the disk means for people; None when there are no better words."""

    @abstractmethod
    def likeness(self, connection: Connection) -> int:
        """A number that a copied or restored database does not share with the original."""

    @abstractmethod
    def faults(self, connection: Connection) -> list[str]:
        """What is wrong with the database itself."""

    @abstractmethod
    def forget(self, engine: Engine) -> None:
        """Overwrite what deleted rows have left behind, as far as it is ours to do."""

    @abstractmethod
    def long_work(self, engine: Engine) -> AbstractContextManager[Callable[[], None]]:
        """For many transactions in a row; what it gives is called after each."""

    @abstractmethod
    def close(self) -> None:
        """Give files back."""
