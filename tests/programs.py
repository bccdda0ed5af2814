"""Programs that use the API of a Site: a key, and one call for every request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from websites import World
from werkzeug.test import TestResponse

from newsletter.access import keys
from newsletter.access.scopes import Scope

PREFIX = "/api/v1"


@dataclass(frozen=True)
class Program:
    """Somebody with a key."""

    world: World
    text: str
    """The key."""

    def __call__(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, **query: Any
    ) -> TestResponse:
        """One request; `path` may come with the prefix or without."""
        given = {"Authorization": f"Bearer {self.text}", **(headers or {})}
        return self.world.client.open(
            PREFIX + path.removeprefix(PREFIX), method=method, json=body, headers=given, query_string=query or None
        )

    def ok(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The document of a request that has to succeed."""
        answer = self(method, path, body, **query)
        assert answer.status_code < 300, answer.text
        return answer.json


def program(world: World, *scopes: Scope, rate: int = 6000, name: str = "") -> Program:
    """Somebody with a new key, for everything if no scope is named."""
    with world.site.database.write() as connection:
        before = len(keys.every(connection))
        unique = name or (f"shop {before + 1}" if before else "shop")
        _, text = keys.create(connection, unique, scopes or tuple(Scope), world.clock(), rate=rate)
    return Program(world, text)
