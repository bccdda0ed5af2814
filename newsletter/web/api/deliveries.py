"""Deliveries of one person: every copy that was or will be mailed to them, and what became of it."""

from __future__ import annotations

from pydantic import Field

from newsletter.access.scopes import Scope
from newsletter.campaigns import report
from newsletter.store.schema import CampaignKind, DeliveryStatus
from newsletter.web.api import paging
from newsletter.web.api.kinds import Output
from newsletter.web.api.operations import Answer, Call, Operation
from newsletter.web.api.paging import Page
from newsletter.web.api.subscribers import known


class DeliveryDocument(Output):
    """One message to one person."""

    campaign: int
    kind: CampaignKind
    issue: str | None
    seq: int = Field(description="Counts repeated mails of one kind, such as confirmations; 0 for issues.")
    status: DeliveryStatus = Field(description="`sent`: accepted by the next hop; `ambiguous`: nobody can say.")
    tries: int
    due_at: str | None
    changed_at: str | None
    code: int | None = Field(description="The server's last answer (RFC 5321).")
    enhanced: str | None = Field(description="The same, more finely (RFC 3463).")
    text: str | None = Field(description="Its words, when it did not simply accept.")


class DeliveryPage(Output):
    """Some of the copies, those of the newest campaign first."""

    data: list[DeliveryDocument]
    next: str | None = Field(description="`cursor` of the next page; null on the last.")


def list_deliveries(call: Call) -> Answer:
    """Every copy for one person, page by page."""
    site, asked = call.site, call.asked(Page)
    place = paging.position(site.keys, "deliveries", asked.cursor, 2)
    with site.database.read() as connection:
        person = known(connection, call)
        before = (place[0], place[1]) if place else None
        rows = report.copies(connection, person.id, before=before, limit=asked.limit + 1)
    shown = [DeliveryDocument(**row) for row in rows[: asked.limit]]
    following = None
    if len(rows) > len(shown):
        following = paging.cursor(site.keys, "deliveries", shown[-1].campaign, shown[-1].seq)
    path = f"/subscribers/{person.uid}/deliveries"
    return Answer(
        DeliveryPage(data=shown, next=following), headers=paging.link(path, {"limit": asked.limit}, following)
    )


OPERATIONS = (
    Operation(
        *("GET", "/subscribers/{subscriber}/deliveries", Scope.SUBSCRIBERS_READ, list_deliveries),
        "List what was mailed to somebody",
        answers={200: ("A page of copies.", DeliveryPage)},
        query=Page,
    ),
)
