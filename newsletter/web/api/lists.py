"""Lists: what people can subscribe to; they are declared in newsletter.toml, so they can only be read."""

from __future__ import annotations

from pydantic import Field
from sqlalchemy import Connection

from newsletter.access.scopes import Scope
from newsletter.config import ListConfig
from newsletter.errors import NotFoundError
from newsletter.store.schema import SubscriptionStatus
from newsletter.subscribers import people
from newsletter.web.api.kinds import Output
from newsletter.web.api.operations import Answer, Call, Operation
from newsletter.web.api.problems import Problem


class ListDocument(Output):
    """A list of the Site."""

    slug: str
    title: str
    description: str
    confirmed: int = Field(description="How many people receive it.")
    is_default: bool


class ListPage(Output):
    """All lists, in the order of newsletter.toml."""

    data: list[ListDocument]
    next: str | None = Field(description="Always null: these are few.")


def list_lists(call: Call) -> Answer:
    """Every list."""
    with call.site.database.read() as connection:
        found = [_document(connection, call, each) for each in call.site.config.lists]
    return Answer(ListPage(data=found, next=None))


def get_list(call: Call) -> Answer:
    """One list."""
    try:
        wanted = call.site.config.list(call.path["list"])
    except NotFoundError as error:
        raise Problem(404, "There is no such list.") from error
    with call.site.database.read() as connection:
        return Answer(_document(connection, call, wanted))


def _document(connection: Connection, call: Call, wanted: ListConfig) -> ListDocument:
    list_id = call.site.list_ids[wanted.slug]
    return ListDocument(
        slug=wanted.slug,
        title=wanted.title,
        description=wanted.description,
        confirmed=people.count(connection, list_id=list_id, status=SubscriptionStatus.CONFIRMED),
        is_default=wanted == call.site.config.default_list,
    )


OPERATIONS = (
    Operation(
        *("GET", "/lists", Scope.LISTS_READ, list_lists, "List the lists"), answers={200: ("All of them.", ListPage)}
    ),
    Operation(
        *("GET", "/lists/{list}", Scope.LISTS_READ, get_list, "Read a list"), answers={200: ("It.", ListDocument)}
    ),
)
