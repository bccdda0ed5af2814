"""An editor's side of the house: orders, and one open transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import factories
import pytest
from sqlalchemy import Connection, func, select

from newsletter.campaigns import launch
from newsletter.campaigns.launch import Launched, Order
from newsletter.clock import FrozenClock
from newsletter.store.engine import Database
from newsletter.tokens import KeyRing


@dataclass
class Editor:
    """Launches and looks."""

    connection: Connection
    keys: KeyRing
    clock: FrozenClock

    def order(self, slug: str = "spring", *, to: str = "steady-spine", word: str = "hello", **more: Any) -> Order:
        content = (factories.issue(slug), factories.edition(word))
        list_id = factories.list_id(self.connection, to)
        return Order(slug, **{"content": content, "list_id": list_id, "list_slug": to, "is_trial": False, **more})

    def launch(self, slug: str = "spring", *, expect: int | None = None, **more: Any) -> Launched:
        return launch.launch(self.connection, self.order(slug, **more), errors=(), expect=expect, now=self.clock())

    def rows(self, table: Any) -> int:
        return int(self.connection.execute(select(func.count()).select_from(table)).scalar_one())


@pytest.fixture
def editor(database: Database, keys: KeyRing, clock: FrozenClock) -> Iterator[Editor]:
    with database.write() as connection:
        yield Editor(connection, keys, clock)
