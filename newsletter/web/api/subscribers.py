"""Subscribers: look at them, sign them up, bring in those who have agreed elsewhere, change what is on file."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, Field
from sqlalchemy import Connection

from newsletter import addresses, tags
from newsletter.access.scopes import Scope
from newsletter.config import ListConfig
from newsletter.site import Site
from newsletter.store.schema import SubscriptionStatus
from newsletter.subscribers import intake, people, register, signup
from newsletter.subscribers.consent import Wording
from newsletter.subscribers.entrance import Entered, enter
from newsletter.subscribers.gate import Visit
from newsletter.subscribers.people import Subscriber
from newsletter.web.api import paging
from newsletter.web.api.kinds import (
    EmailAddress,
    Fields,
    Input,
    Language,
    Line,
    Lists,
    ListSlug,
    Name,
    Output,
    Sentence,
    Tags,
)
from newsletter.web.api.operations import PREFIX, Answer, Call, Operation
from newsletter.web.api.paging import Page
from newsletter.web.api.problems import Problem

UNTOLD = "The program did not say which words were shown."

_LARGEST = 2**63 - 1


class SubscriptionDocument(Output):
    """Where a person stands with a list."""

    list: str
    status: SubscriptionStatus
    source: str = Field(description="`form`, `import`, `cli`, `api` …")
    created_at: str | None
    confirmed_at: str | None
    unsubscribed_at: str | None


class SubscriberDocument(Output):
    """A person on file."""

    id: str = Field(description="Digits; random, and the same for ever.")
    email: str
    name: str
    fields: dict[str, Any]
    tags: list[str]
    language: str
    subscriptions: list[SubscriptionDocument]
    paused_until: str | None = Field(description="Gets no issues until then; they chose so themselves.")
    suppressed: bool = Field(description="Whether the address is never mailed.")
    suppression_reason: str | None


class SubscriberPage(Output):
    """Some of the people on file, the newest first."""

    data: list[SubscriberDocument]
    next: str | None = Field(description="`cursor` of the next page; null on the last.")


class Which(Page):
    """Whom to list."""

    email: EmailAddress | None = Field(None, description="Only the person with this address.")
    list: ListSlug | None = Field(None, description="Only people of this list.")
    status: SubscriptionStatus | None = Field(None, description="Only people with such a subscription.")


class Consent(Input):
    """That a person has agreed elsewhere."""

    basis: Sentence = Field(description="How and when they agreed; kept as evidence.")
    confirmed_at: AwareDatetime | None = Field(None, description="When; now if absent.")


class NewSubscriber(Input):
    """Somebody to sign up."""

    email: EmailAddress
    lists: Lists | None = Field(None, description="The default list if absent.")
    name: Name = ""
    fields: Fields = Field(default_factory=dict)
    language: Language = Field("", description="Of mails and pages; the Site's own if absent or empty.")
    shown: Line = Field("", description="The words the person agreed to; kept as evidence.")
    consent: Consent | None = Field(
        None, description="With the scope `subscribers:import`: confirmed at once, and no mail asks them."
    )
    tags: Tags = Field(default_factory=list, description="With `consent` only.")


class Taken(Output):
    """What became of a sign-up; for one that has to be confirmed the same whatever the address."""

    email: str
    lists: list[str]
    status: SubscriptionStatus = Field(description="`pending`: they are asked by mail, unless there is no need to.")


class Changes(Input):
    """What to change about a person; what is absent stays."""

    name: Name | None = None
    fields: Fields | None = None
    language: Language | None = None
    tags: Tags | None = Field(None, description="All tags from now on.")


def list_subscribers(call: Call) -> Answer:
    """Everybody on file, page by page."""
    site, asked = call.site, call.asked(Which)
    before = paging.position(site.keys, "subscribers", asked.cursor)
    with site.database.read() as connection:
        if asked.email is not None:
            found = people.find(connection, addresses.parse(asked.email).key)
            rows = [found] if found is not None and before is None else []
        else:
            rows = register.page(
                connection,
                before=None if before is None else before[0],
                list_id=None if asked.list is None else site.list_ids[asked.list],
                status=asked.status,
                limit=asked.limit + 1,
            )
        shown = rows[: asked.limit]
        documents = [document(connection, person) for person in shown]
    following = paging.cursor(site.keys, "subscribers", shown[-1].id) if len(rows) > len(shown) else None
    parameters = {"limit": asked.limit, "list": asked.list, "status": asked.status}
    return Answer(
        SubscriberPage(data=documents, next=following), headers=paging.link("/subscribers", parameters, following)
    )


def get_subscriber(call: Call) -> Answer:
    """One person."""
    with call.site.database.read() as connection:
        return Answer(document(connection, known(connection, call)))


def create_subscriber(call: Call) -> Answer:
    """Sign somebody up."""
    wanted = call.sent(NewSubscriber)
    if wanted.consent is not None:
        return _import(call, wanted, wanted.consent)
    if wanted.tags:
        raise Problem(409, "Tags can be given to people who are on file.", hint="Change the subscriber afterwards.")
    lists = _lists(call.site, wanted.lists)
    asked = signup.Request(
        address=addresses.parse(wanted.email),
        list_ids=tuple(call.site.list_ids[each.slug] for each in lists),
        evidence=call.evidence,
        wording=words(call.site, wanted.shown, wanted.language),
        name=people.clean_name(wanted.name),
        fields={name: value for name, value in wanted.fields.items() if value is not None},
        language=wanted.language or call.site.config.language,
    )
    with call.site.database.write() as connection:
        entered = ask(connection, call, asked)
    if entered.enrolled:
        call.wake()
    slugs = [each.slug for each in lists]
    return Answer(Taken(email=wanted.email, lists=slugs, status=SubscriptionStatus.PENDING), 202)


def _import(call: Call, wanted: NewSubscriber, consent: Consent) -> Answer:
    site, now = call.site, call.site.clock()
    if Scope.SUBSCRIBERS_IMPORT not in call.key.scopes:
        raise Problem(
            403,
            f"The key {call.key.prefix} may not confirm people itself.",
            hint="Leave `consent` out, or use a key with the scope subscribers:import.",
            headers={"WWW-Authenticate": 'Bearer error="insufficient_scope", scope="subscribers:import"'},
        )
    given = {name: value for name, value in wanted.fields.items() if value is not None}
    moment = "" if consent.confirmed_at is None else consent.confirmed_at.isoformat()
    record = {
        **given,
        "email": wanted.email,
        "name": wanted.name,
        "tags": ",".join(wanted.tags),
        "confirmed_at": moment,
    }
    lists = _lists(site, wanted.lists)
    with site.database.write() as connection:
        for each in lists:
            terms = intake.Terms(
                *(site.list_ids[each.slug], each.slug),
                confirmed=True,
                basis=consent.basis,
                source="api",
                origin=call.key.name,
            )
            row = intake.prepare(0, record, terms, site.config.fields, site.keys, now)
            for refusal in intake.take(connection, [row], terms, intake.Report(), now):
                raise Problem(409, f"The subscriber cannot be brought in ({refusal.reason}).")
        person = people.find(connection, addresses.parse(wanted.email).key)
        assert person is not None  # noqa: S101 - just put on file
        if wanted.language:
            people.amend(connection, person.id, language=wanted.language)
    slugs = [each.slug for each in lists]
    taken = Taken(email=wanted.email, lists=slugs, status=SubscriptionStatus.CONFIRMED)
    return Answer(taken, 201, {"Location": f"{PREFIX}/subscribers/{person.uid}"})


def update_subscriber(call: Call) -> Answer:
    """Change what is on file about somebody."""
    changes = call.sent(Changes)
    with call.site.database.write() as connection:
        person = known(connection, call)
        values: dict[str, Any] = {}
        if changes.name is not None:
            values["name"] = people.clean_name(changes.name)
        if changes.language is not None:
            values["language"] = changes.language
        if changes.tags is not None:
            values["tags"] = list(tags.together(changes.tags))
        if changes.fields is not None:
            merged = {**person.fields, **changes.fields}
            values["fields"] = {name: value for name, value in merged.items() if value is not None}
        people.amend(connection, person.id, **values)
        return Answer(document(connection, known(connection, call)))


def forget_subscriber(call: Call) -> Answer:
    """Erase somebody for good."""
    with call.site.database.read() as connection:
        person = known(connection, call)
    call.site.forget(person)
    return Answer(status=204)


def known(connection: Connection, call: Call) -> Subscriber:
    """The person whom the address names, or 404."""
    text = call.path["subscriber"]
    uid = int(text) if text.isascii() and text.isdigit() and len(text) < 20 and text[0] != "0" else 0
    person = people.by_uid(connection, uid) if 0 < uid <= _LARGEST else None
    if person is None:
        raise Problem(404, "There is no such subscriber.")
    return person


def document(connection: Connection, person: Subscriber) -> SubscriberDocument:
    """A person as they are answered."""
    found = people.describe(connection, person)
    found["subscriptions"] = [SubscriptionDocument(**each) for each in found["subscriptions"]]
    return SubscriberDocument(id=str(person.uid), language=person.language, **found)


def ask(connection: Connection, call: Call, asked: signup.Request) -> Entered:
    """Through the gate that the forms pass too.

    A program has no browser that could work or wait, but a key that the owner gave it and can take away, with a rate of
    its own: that is worth more than work. The budgets of the mailbox, its domain and everybody hold for it like for a
    form. Whose network a person uses it does not know. Raises `AddressError` for a mailbox that the form refuses.
    """
    visit = Visit(call.site.letterhead.of_a_person(asked.address), ip="", has_key=True)
    return enter(connection, call.gate, visit, asked, call.site.keys, call.site.clock())


def words(site: Site, shown: str, language: str = "") -> Wording:
    """What the program says the person agreed to; that it does not say is evidence, too."""
    return Wording(site.config.consent.version, language or site.config.language, shown.strip() or UNTOLD)


def _lists(site: Site, slugs: list[str] | None) -> list[ListConfig]:
    return [site.config.list(slug) for slug in slugs] if slugs else [site.config.default_list]


OPERATIONS = (
    Operation(
        *("GET", "/subscribers", Scope.SUBSCRIBERS_READ, list_subscribers, "List subscribers"),
        answers={200: ("A page of subscribers.", SubscriberPage)},
        query=Which,
    ),
    Operation(
        *("POST", "/subscribers", Scope.SUBSCRIBERS_WRITE, create_subscriber, "Sign somebody up"),
        answers={
            201: ("On file and confirmed, on the stated basis.", Taken),
            202: ("Asked to confirm by mail, if there is need and room for it.", Taken),
        },
        body=NewSubscriber,
        description="Without `consent` this is the sign-up form: the person gets a mail and is subscribed once they "
        "confirm. The answer does not tell whether the address was known. A person gets one such mail in ten minutes "
        "and three a day at the most.",
    ),
    Operation(
        *("GET", "/subscribers/{subscriber}", Scope.SUBSCRIBERS_READ, get_subscriber, "Read a subscriber"),
        answers={200: ("The subscriber.", SubscriberDocument)},
    ),
    Operation(
        *("PATCH", "/subscribers/{subscriber}", Scope.SUBSCRIBERS_WRITE, update_subscriber, "Change a subscriber"),
        answers={200: ("The subscriber as they are now.", SubscriberDocument)},
        body=Changes,
    ),
    Operation(
        *("DELETE", "/subscribers/{subscriber}", Scope.SUBSCRIBERS_FORGET, forget_subscriber, "Erase a subscriber"),
        answers={204: ("Everything that names them is gone.", None)},
        description="A keyed hash of the address stays as a suppression, so that nobody brings them back.",
    ),
)
