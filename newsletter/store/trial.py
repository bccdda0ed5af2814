"""Work on trial: done in any case, and taken back unless something comes of it.

Two answers that must look alike also have to take alike; so the same statements run for both, and only the last one
says whether they count.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection


@dataclass
class Trial:
    """Work whose worth is not known yet."""

    counts: bool = False


@contextmanager
def on_trial(connection: Connection) -> Iterator[Trial]:
    """Whatever the block writes is taken back when it ends, unless it `counts`; the transaction around it goes on."""
    savepoint = connection.begin_nested()
    trial = Trial()
    try:
        yield trial
    except BaseException:
        savepoint.rollback()
        raise
    if trial.counts:
        savepoint.commit()
    else:
        savepoint.rollback()
