"""What an operation of the API is: a value from which its route, its checks and its description are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from newsletter.access.keys import ApiKey
from newsletter.access.scopes import Scope
from newsletter.site import Site
from newsletter.subscribers.consent import Evidence
from newsletter.subscribers.gate import Gate

PREFIX = "/api/v1"

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Call:
    """One request that was let in, read and found to fit."""

    site: Site
    gate: Gate
    key: ApiKey
    path: Mapping[str, str]
    """What stands for the names in braces."""
    evidence: Evidence
    wake: Callable[[], None]
    """To be called after a commit that put mail into the ledger."""
    query: BaseModel | None = None
    body: BaseModel | None = None

    def sent(self, model: type[Model]) -> Model:
        """The body, as the model that the operation names."""
        assert isinstance(self.body, model)  # noqa: S101 - `calls` has validated it as such
        return self.body

    def asked(self, model: type[Model]) -> Model:
        """The parameters, as the model that the operation names."""
        assert isinstance(self.query, model)  # noqa: S101 - `calls` has validated them as such
        return self.query


@dataclass(frozen=True)
class Answer:
    """What a request came to."""

    document: BaseModel | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    method: str
    path: str
    """Below `PREFIX`, with names in braces."""
    scope: Scope
    handle: Callable[[Call], Answer]
    """Its name is the operation's."""
    summary: str
    answers: Mapping[int, tuple[str, type[BaseModel] | None]]
    """By status: what it means, and the document."""
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    problems: Sequence[int] = ()
    """Statuses of its own, beside those that every operation has."""
    description: str = ""

    @property
    def name(self) -> str:
        """How it is called in the OpenAPI document."""
        return self.handle.__name__

    @property
    def noun(self) -> str:
        """What it is about."""
        return self.handle.__module__.rpartition(".")[2]

    @property
    def statuses(self) -> tuple[int, ...]:
        """Every problem it may answer with, sorted."""
        found = {401, 403, 422, 429, 500, 503, *self.problems}
        if "{" in self.path:
            found.add(404)
        if self.body is not None:
            found |= {400, 413, 415}
        if self.method == "POST":
            found.add(409)
        return tuple(sorted(found))
