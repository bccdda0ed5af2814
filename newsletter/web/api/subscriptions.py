"""Subscriptions of one person: where they stand with the lists, asking them for one more, leaving one."""

from __future__ import annotations

from pydantic import Field

from newsletter import addresses
from newsletter.access.scopes import Scope
from newsletter.errors import AddressError
from newsletter.store.schema import SubscriptionStatus
from newsletter.subscribers import lifecycle, signup, suppression
from newsletter.web.api.kinds import Input, Line, ListSlug, Output
from newsletter.web.api.operations import Answer, Call, Operation
from newsletter.web.api.problems import Problem
from newsletter.web.api.subscribers import SubscriptionDocument, ask, document, known, words

LATER = "600"
"""Seconds after which one more mail may go to somebody who had one."""


class SubscriptionPage(Output):
    """All subscriptions of one person."""

    data: list[SubscriptionDocument]
    next: str | None = Field(description="Always null: these are few.")


class NewSubscription(Input):
    """A list to ask somebody for."""

    list: ListSlug
    shown: Line = Field("", description="The words the person agreed to; kept as evidence.")


def list_subscriptions(call: Call) -> Answer:
    """Where one person stands with every list."""
    with call.site.database.read() as connection:
        found = document(connection, known(connection, call))
    return Answer(SubscriptionPage(data=found.subscriptions, next=None))


def create_subscription(call: Call) -> Answer:
    """Ask somebody on file for one more list."""
    site, wanted = call.site, call.sent(NewSubscription)
    chosen = site.config.list(wanted.list)
    list_id = site.list_ids[chosen.slug]
    with site.database.write() as connection:
        person = known(connection, call)
        if suppression.reason_for(connection, person.address_hash) is not None:
            raise Problem(409, "The address is suppressed: it is never mailed.")
        before = lifecycle.status_of(connection, person.id, list_id)
        asked = signup.Request(addresses.parse(person.email), (list_id,), call.evidence, words(site, wanted.shown))
        try:
            entered = ask(connection, call, asked)
        except AddressError as error:  # nothing in this body is at fault
            raise Problem(409, error.message) from error
        found = next((each for each in document(connection, person).subscriptions if each.list == chosen.slug), None)
    if entered.enrolled:
        call.wake()
    if found is None:
        raise Problem(429, "No more mail may go to this person just now.", headers={"Retry-After": LATER})
    return Answer(found, 200 if before is SubscriptionStatus.CONFIRMED else 202)


def delete_subscription(call: Call) -> Answer:
    """Take somebody off a list."""
    site, slug = call.site, call.path["list"]
    with site.database.write() as connection:
        person = known(connection, call)
        known_lists = lifecycle.list_ids(connection)
        if slug not in known_lists or lifecycle.status_of(connection, person.id, known_lists[slug]) is None:
            raise Problem(404, "They were never on that list.")
        farewell = any(each.slug == slug and each.goodbye for each in site.config.lists)
        left = signup.unsubscribe(connection, person, known_lists[slug], call.evidence, site.clock(), farewell=farewell)
    if left and farewell:
        call.wake()
    return Answer(status=204)


_PATH = "/subscribers/{subscriber}/subscriptions"

OPERATIONS = (
    Operation(
        *("GET", _PATH, Scope.SUBSCRIBERS_READ, list_subscriptions, "List the subscriptions of somebody"),
        answers={200: ("All of them.", SubscriptionPage)},
    ),
    Operation(
        *("POST", _PATH, Scope.SUBSCRIBERS_WRITE, create_subscription, "Ask somebody for one more list"),
        answers={
            200: ("They have confirmed that list before.", SubscriptionDocument),
            202: ("Pending: they are asked by mail, if there is room for one more.", SubscriptionDocument),
        },
        body=NewSubscription,
    ),
    Operation(
        *("DELETE", f"{_PATH}/{{list}}", Scope.SUBSCRIBERS_WRITE, delete_subscription, "Take somebody off a list"),
        answers={204: ("They are off it, now or before.", None)},
        description="Only a fresh sign-up that they confirm themselves brings them back.",
    ),
)
