"""Campaigns: look at them, launch an issue to a number of readers that was agreed to, pause and resume."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pydantic import AwareDatetime, Field

from newsletter.access.scopes import Scope
from newsletter.campaigns import launch, report
from newsletter.campaigns.launch import Order
from newsletter.checks.findings import errors
from newsletter.deliveries.lifecycle import move_campaign
from newsletter.errors import NotFoundError
from newsletter.store.schema import CampaignKind, CampaignStatus
from newsletter.web.api import paging
from newsletter.web.api.kinds import Count, Input, IssueSlug, ListSlug, Output
from newsletter.web.api.operations import PREFIX, Answer, Call, Operation
from newsletter.web.api.paging import Page
from newsletter.web.api.problems import Problem

FARTHEST = timedelta(days=366)
"""How far ahead a launch can be scheduled."""


class CampaignSummary(Output):
    """One act of sending."""

    campaign: int
    kind: CampaignKind
    issue: str | None = Field(description="Slug of the issue; null for mails to single people, such as `confirm`.")
    series: str | None = Field(description="Name of the series that it is a step of.")
    list: str | None
    status: CampaignStatus
    sandbox: bool = Field(description="Whether it reached nobody, because no relay is configured.")
    pause_reason: str | None
    scheduled_at: str | None
    created_at: str | None
    finished_at: str | None
    audience: int = Field(description="Readers when it was launched.")


class CampaignDocument(CampaignSummary):
    """One act of sending, and how many copies came to what."""

    sent: int = Field(description="Accepted by the next hop.")
    deferred: int = Field(description="Waiting for their turn, or for another try.")
    failed: int
    ambiguous: int = Field(description="In doubt: the last byte left and no answer came.")
    skipped: int = Field(description="Left out, because the reader had gone.")
    in_hand: int


class CampaignPage(Output):
    """Some of the campaigns, the newest first."""

    data: list[CampaignSummary]
    next: str | None = Field(description="`cursor` of the next page; null on the last.")


class Intention(Input):
    """An issue and a list."""

    issue: IssueSlug = Field(description="Slug of the issue.")
    list: ListSlug | None = Field(None, description="The default list if absent.")


class Launch(Intention):
    """An issue to send."""

    expect: Count = Field(description="How many readers you agree to; `POST /plans` tells.")
    at: AwareDatetime | None = Field(None, description="When sending begins; now if absent.")


class Share(Output):
    """Readers who get the same variant."""

    tags: list[str]
    readers: int


class PlanDocument(Output):
    """What a launch would do."""

    issue: str
    list: str
    audience: int
    continues: int | None = Field(description="The unfinished campaign that would go on, if there is one.")
    errors: Sequence[str] = Field(description="What forbids the launch.")
    variants: Sequence[Share] = Field(description="Empty when everybody gets the same.")


def list_campaigns(call: Call) -> Answer:
    """Every campaign, page by page."""
    site, asked = call.site, call.asked(Page)
    place = paging.position(site.keys, "campaigns", asked.cursor)
    with site.database.read() as connection:
        rows = report.page(connection, before=place[0] if place else None, limit=asked.limit + 1)
    shown = [CampaignSummary(**row) for row in rows[: asked.limit]]
    following = paging.cursor(site.keys, "campaigns", shown[-1].campaign) if len(rows) > len(shown) else None
    return Answer(
        CampaignPage(data=shown, next=following),
        headers=paging.link("/campaigns", {"limit": asked.limit}, following),
    )


def get_campaign(call: Call) -> Answer:
    """One campaign with its totals."""
    return Answer(_document(call, _number(call)))


def plan_campaign(call: Call) -> Answer:
    """What a launch would do."""
    order, faults = _order(call, call.sent(Intention))
    with call.site.database.read() as connection:
        plan = launch.plan(connection, order)
    shares = [Share(tags=[*tags], readers=readers) for tags, readers in plan.variants.items()]
    return Answer(
        PlanDocument(
            issue=order.slug,
            list=order.list_slug,
            audience=plan.audience,
            continues=plan.campaign_id,
            errors=faults,
            variants=shares,
        )
    )


def launch_campaign(call: Call) -> Answer:
    """Launch an issue; whoever runs `serve` or `worker` sends it."""
    site, wanted = call.site, call.sent(Launch)
    if wanted.at is not None and not site.clock() < wanted.at < site.clock() + FARTHEST:
        raise Problem(409, "`at` has passed, or lies more than a year ahead.")
    order, faults = _order(call, wanted)
    launched = site.launch(order, errors=faults, expect=wanted.expect)
    call.wake()
    return Answer(
        _document(call, launched.campaign_id),
        200 if launched.continued else 201,
        {"Location": f"{PREFIX}/campaigns/{launched.campaign_id}"},
    )


def pause_campaign(call: Call) -> Answer:
    """Let nothing more leave."""
    number = _number(call)
    with call.site.database.write() as connection:
        launch.refuse_standing(connection, number)
        move_campaign(
            connection, number, CampaignStatus.PAUSED, now=call.site.clock(), reason=f"paused by {call.key.name}"
        )
    return Answer(_document(call, number))


def resume_campaign(call: Call) -> Answer:
    """Let a paused campaign go on."""
    number = _number(call)
    with call.site.database.write() as connection:
        launch.refuse_standing(connection, number)
        target = launch.resumed_status(connection, number, call.site.clock())
        move_campaign(connection, number, target, now=call.site.clock())
    call.wake()
    return Answer(_document(call, number))


def _order(call: Call, wanted: Intention) -> tuple[Order, list[str]]:
    """What is asked for, looked at as `newsletter send` does, and what forbids it."""
    try:
        checked = call.site.check(wanted.issue)
    except NotFoundError as error:  # its own words name folders of this machine
        raise Problem(404, f'There is no issue "{wanted.issue}".') from error
    at = wanted.at if isinstance(wanted, Launch) else None
    folder = f"{call.site.root}/"  # where that is, is nobody's business
    return call.site.order(checked, wanted.list, at), [each.replace(folder, "") for each in errors(checked.findings)]


def _document(call: Call, number: int) -> CampaignDocument:
    with call.site.database.read() as connection:
        return CampaignDocument(**report.summary(connection, number))


def _number(call: Call) -> int:
    text = call.path["campaign"]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Problem(404, "There is no such campaign.")
    return int(text)


_PROBLEMS = (404, 409)
_SHOWN = {200: ("The campaign.", CampaignDocument)}

OPERATIONS = (
    Operation(
        *("GET", "/campaigns", Scope.CAMPAIGNS_READ, list_campaigns, "List campaigns"),
        answers={200: ("A page of campaigns.", CampaignPage)},
        query=Page,
    ),
    Operation(
        *("POST", "/campaigns", Scope.CAMPAIGNS_LAUNCH, launch_campaign, "Launch an issue"),
        answers={
            200: ("It was launched before and goes on.", CampaignDocument),
            201: ("Launched.", CampaignDocument),
        },
        body=Launch,
        problems=_PROBLEMS,
        description="Refused like `newsletter send`: when checks find errors, an approval is missing, nobody waits for "
        "it, it was sent before, or the audience is not the number that was agreed to. `newsletter serve` or "
        "`newsletter worker` sends it.",
    ),
    Operation(
        *("POST", "/plans", Scope.CAMPAIGNS_READ, plan_campaign, "See what a launch would do"),
        answers={200: ("The audience, and what forbids the launch.", PlanDocument)},
        body=Intention,
        problems=_PROBLEMS,
        description="Changes nothing.",
    ),
    Operation(
        *("GET", "/campaigns/{campaign}", Scope.CAMPAIGNS_READ, get_campaign, "Read a campaign with its totals"),
        answers=_SHOWN,
    ),
    Operation(
        *("POST", "/campaigns/{campaign}/pause", Scope.CAMPAIGNS_LAUNCH, pause_campaign, "Pause a campaign"),
        answers=_SHOWN,
    ),
    Operation(
        *("POST", "/campaigns/{campaign}/resume", Scope.CAMPAIGNS_LAUNCH, resume_campaign, "Resume a campaign"),
        answers=_SHOWN,
    ),
)
