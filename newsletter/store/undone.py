"""Work that leaves nothing behind, so that two answers that must look alike also take alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    """Whatever the block writes is taken back when it ends; the transaction around it goes on."""
    savepoint = connection.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()
