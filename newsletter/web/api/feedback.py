"""Feedback events: what came back for mails and people, the newest first. Append-only, so a program can follow them."""

from __future__ import annotations

from pydantic import Field

from newsletter.access.scopes import Scope
from newsletter.feedback import events
from newsletter.store.feedback_schema import FeedbackKind
from newsletter.subscribers import people
from newsletter.web.api import paging
from newsletter.web.api.kinds import Output
from newsletter.web.api.operations import Answer, Call, Operation
from newsletter.web.api.paging import Page

_LARGEST = 2**63 - 1


class FeedbackEvent(Output):
    """One thing that came back."""

    id: str = Field(description="Greater for what came later.")
    at: str | None = Field(description="When it was learned.")
    kind: FeedbackKind
    source: str = Field(description="`smtp` while sending, `mail`, or the provider that posted it.")
    matched: str = Field(description="By what it was found: `ledger`, `verp`, `message-id`, `unsubscribe`, `address`.")
    subscriber: str | None = Field(description="Null when the person is no longer on file.")
    campaign: int | None
    issue: str | None
    seq: int | None = Field(description="Which copy, where a campaign mails somebody more than once.")
    provider: str | None = Field(description="Who receives mail for the address.")
    code: int | None = Field(description="The server's answer (RFC 5321).")
    enhanced: str | None = Field(description="The same, more finely (RFC 3463).")
    reason: str = Field(description="Its words, without the addresses they quote.")


class FeedbackPage(Output):
    """Some of the events, the newest first."""

    data: list[FeedbackEvent]
    next: str | None = Field(description="`cursor` of the next page; null on the last.")


class Which(Page):
    """Which events."""

    kind: FeedbackKind | None = Field(None, description="Only of this kind.")
    subscriber: str | None = Field(None, description="Only about this person, by id.", pattern=r"^[1-9][0-9]{0,18}$")


def list_feedback_events(call: Call) -> Answer:
    """What came back, page by page."""
    site, asked = call.site, call.asked(Which)
    place = paging.position(site.keys, "feedback-events", asked.cursor)
    with site.database.read() as connection:
        subscriber_id = None
        if asked.subscriber is not None:
            uid = int(asked.subscriber)
            person = people.by_uid(connection, uid) if uid <= _LARGEST else None
            if person is None:
                return Answer(FeedbackPage(data=[], next=None))
            subscriber_id = person.id
        rows = events.page(
            connection,
            kind=asked.kind,
            subscriber_id=subscriber_id,
            before=place[0] if place else None,
            limit=asked.limit + 1,
        )
    shown = [_document(row) for row in rows[: asked.limit]]
    following = None
    if len(rows) > len(shown):
        following = paging.cursor(site.keys, "feedback-events", int(shown[-1].id))
    parameters = {"limit": asked.limit, "kind": asked.kind, "subscriber": asked.subscriber}
    return Answer(
        FeedbackPage(data=shown, next=following),
        headers=paging.link("/feedback-events", parameters, following),
    )


def _document(row: events.Row) -> FeedbackEvent:
    told = {name: value for name, value in row.items() if name not in {"id", "email", "subscriber"}}
    subscriber = None if row["subscriber"] is None else str(row["subscriber"])
    return FeedbackEvent(id=str(row["id"]), subscriber=subscriber, **told)


OPERATIONS = (
    Operation(
        *("GET", "/feedback-events", Scope.FEEDBACK_READ, list_feedback_events, "List what came back"),
        answers={200: ("A page of events.", FeedbackPage)},
        query=Which,
        description="Bounces, complaints and what else came back for mails and people, whoever told us of it.",
    ),
)
