"""One transaction freezes rendering and audience, or nothing; nobody is in it who should not be, or had it already."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import factories
import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from newsletter.campaigns import audience, launch, report
from newsletter.deliveries import claims, ledger, retry, standing
from newsletter.deliveries.lifecycle import move_campaign
from newsletter.errors import NotFoundError, RefusedError, StateError
from newsletter.store.engine import Database
from newsletter.store.schema import (
    CampaignKind,
    CampaignStatus,
    SubscriptionStatus,
    SuppressionReason,
    campaigns,
    deliveries,
    media,
    snapshots,
)
from newsletter.subscribers import suppression
from newsletter.tokens import KeyRing

if TYPE_CHECKING:
    from .conftest import Editor

NOW = factories.START


def addressees(editor: Editor, campaign_id: int) -> set[str]:
    return set(factories.statuses(editor.connection, campaign_id))


def settle(editor: Editor, campaign_id: int, status: str) -> None:
    editor.connection.execute(
        update(deliveries).where(deliveries.c.campaign_id == campaign_id).values(status=status, tries=1)
    )


# -- audience ----------------------------------------------------------------------------------------


def test_audience_is_who_confirmed_and_is_not_suppressed(editor: Editor) -> None:
    for status in SubscriptionStatus:
        factories.subscribed(editor.connection, editor.keys, f"{status}@example.net", status)
    factories.subscribed(editor.connection, editor.keys, "elsewhere@example.net", slug="clinic-notes")
    factories.person(editor.connection, editor.keys, "nowhere@example.net")
    bounced = factories.subscribed(editor.connection, editor.keys, "bounced@example.net")
    suppression.suppress(editor.connection, bounced.address_hash, SuppressionReason.HARD_BOUNCE, NOW)
    assert addressees(editor, editor.launch().campaign_id) == {"confirmed@example.net"}


@pytest.mark.parametrize(
    ("became", "gets_it"),
    [
        ("pending", False),
        ("claimed", False),
        ("inflight", False),
        ("sent", False),
        ("ambiguous", False),
        ("failed", True),
        ("skipped", True),
    ],
)
def test_whoever_had_the_issue_through_another_list_or_may_have_had_it_is_left_out(
    editor: Editor, became: str, gets_it: bool
) -> None:
    for slug in ("steady-spine", "clinic-notes"):
        factories.subscribed(editor.connection, editor.keys, "both@example.net", slug=slug)
    factories.subscribed(editor.connection, editor.keys, "only@example.net", slug="clinic-notes")
    settle(editor, editor.launch().campaign_id, became)
    second = editor.launch(to="clinic-notes")
    assert addressees(editor, second.campaign_id) == {"only@example.net", *(["both@example.net"] if gets_it else [])}


def test_another_issue_and_sandbox_copies_do_not_count(editor: Editor) -> None:
    factories.readers(editor.connection, editor.keys, 2)
    settle(editor, editor.launch("winter").campaign_id, "sent")
    settle(editor, editor.launch(is_trial=True).campaign_id, "sent")
    assert editor.launch().audience == 2


def test_audience_is_counted_and_sampled_without_changing_anything(editor: Editor) -> None:
    factories.readers(editor.connection, editor.keys, 5)
    people = audience.eligible(1, "spring", is_trial=False)
    assert audience.count(editor.connection, people) == 5
    assert audience.sample(editor.connection, people) == [f"r{number}@example.net" for number in range(3)]
    plan = launch.plan(editor.connection, editor.order())
    assert (plan.audience, len(plan.sample), plan.campaign_id) == (5, 3, None)
    assert editor.rows(campaigns) == 0


# -- launching ---------------------------------------------------------------------------------------


def test_launch_freezes_rendering_and_audience(editor: Editor) -> None:
    factories.readers(editor.connection, editor.keys, 3)
    launched = editor.launch(expect=3)
    assert (launched.audience, launched.continued) == (3, False)
    factories.subscribed(editor.connection, editor.keys, "late@example.net")
    assert ledger.totals(editor.connection, launched.campaign_id) == ledger.Totals(audience=3, pending=3)
    assert editor.rows(snapshots) == 1
    shown = report.summary(editor.connection, launched.campaign_id)
    assert (shown["issue"], shown["list"], shown["status"], shown["audience"]) == (
        "spring",
        "steady-spine",
        "sending",
        3,
    )


@pytest.mark.parametrize("how", ["errors", "no content", "expect", "nobody"])
def test_refused_launch_leaves_nothing_behind(database: Database, keys: KeyRing, how: str) -> None:
    from .conftest import Editor

    with database.write() as connection:
        if how != "nobody":
            factories.readers(connection, keys, 3)
    said = {
        "errors": r"cannot be sent: no postal address \(1 more\)",
        "no content": "cannot be rendered",
        "expect": "3 .*not 2.*Nothing was sent",
        "nobody": "Nobody on the list steady-spine is waiting",
    }[how]

    def attempt() -> None:
        with database.write() as connection:
            editor = Editor(connection, keys, lambda: NOW)  # type: ignore[arg-type]
            order = editor.order(**({"content": None} if how == "no content" else {}))
            errors = ["no postal address", "no text"] if how == "errors" else []
            launch.launch(connection, order, errors=errors, expect=2 if how == "expect" else None, now=NOW)

    with pytest.raises(RefusedError, match=said) as refused:
        attempt()
    assert refused.value.exit_code == 4
    with database.read() as connection:
        looking = Editor(connection, keys, lambda: NOW)  # type: ignore[arg-type]
        assert [looking.rows(table) for table in (campaigns, deliveries, snapshots, media)] == [0, 0, 0, 0]


def test_second_launch_continues_what_is_unfinished_with_the_frozen_rendering(editor: Editor) -> None:
    factories.readers(editor.connection, editor.keys, 3)
    first = editor.launch()
    factories.subscribed(editor.connection, editor.keys, "late@example.net")
    again = editor.launch(word="edited", expect=3)
    assert (again.campaign_id, again.audience, again.continued) == (first.campaign_id, 3, True)
    assert editor.rows(snapshots) == 1
    assert launch.plan(editor.connection, editor.order()).campaign_id == first.campaign_id
    assert editor.launch(content=None).continued


def test_second_launch_continues_a_paused_campaign_once_its_number_is_agreed_to(editor: Editor) -> None:
    factories.readers(editor.connection, editor.keys, 3)
    first = editor.launch()
    move_campaign(editor.connection, first.campaign_id, CampaignStatus.PAUSED, now=NOW)
    with pytest.raises(RefusedError, match="not 4"):
        editor.launch(expect=4)
    assert report.summary(editor.connection, first.campaign_id)["status"] == "paused"
    assert editor.launch(expect=3).continued
    assert report.summary(editor.connection, first.campaign_id)["status"] == "sending"


def test_finished_campaign_is_refused(editor: Editor) -> None:
    factories.readers(editor.connection, editor.keys, 1)
    first = editor.launch()
    move_campaign(editor.connection, first.campaign_id, CampaignStatus.FINISHED, now=NOW)
    factories.subscribed(editor.connection, editor.keys, "late@example.net")
    for again in (editor.launch, lambda: launch.plan(editor.connection, editor.order())):
        with pytest.raises(RefusedError, match="already sent to the list steady-spine"):
            again()


def test_trial_never_blocks_a_real_send_and_a_finished_one_is_not_repeated(editor: Editor) -> None:
    factories.readers(editor.connection, editor.keys, 2)
    trial = editor.launch(is_trial=True)
    move_campaign(editor.connection, trial.campaign_id, CampaignStatus.FINISHED, now=NOW)
    with pytest.raises(RefusedError, match=r"already sent into the sandbox.*Set up \[smtp\]"):
        editor.launch(is_trial=True)
    real = editor.launch()
    assert (real.continued, real.audience) == (False, 2)


def test_unique_index_holds_where_two_would_launch_at_once(editor: Editor) -> None:
    factories.readers(editor.connection, editor.keys, 1)
    editor.launch()
    with pytest.raises(IntegrityError):
        factories.issue_campaign(editor.connection)


def test_scheduled_campaign_waits_for_its_time(editor: Editor) -> None:
    factories.readers(editor.connection, editor.keys, 2)
    at = NOW + timedelta(days=1)
    launched = editor.launch(at=at)
    shown = report.summary(editor.connection, launched.campaign_id)
    assert (shown["status"], shown["scheduled_at"]) == ("scheduled", "2026-09-16T08:00:00+00:00")
    assert editor.launch(at=at).continued
    assert set(editor.connection.execute(select(deliveries.c.due_at)).scalars()) == {at}
    move_campaign(editor.connection, launched.campaign_id, CampaignStatus.PAUSED, now=NOW)
    assert launch.resumed_status(editor.connection, launched.campaign_id, NOW) is CampaignStatus.SCHEDULED
    assert launch.resumed_status(editor.connection, launched.campaign_id, at) is CampaignStatus.SENDING
    assert editor.launch(at=at).continued
    assert report.summary(editor.connection, launched.campaign_id)["status"] == "scheduled"


# -- cancel and resolve ------------------------------------------------------------------------------


def test_cancelling_leaves_out_who_is_waiting_and_a_new_launch_reaches_only_them(editor: Editor) -> None:
    people = factories.readers(editor.connection, editor.keys, 3)
    first = editor.launch()
    editor.connection.execute(
        update(deliveries).where(deliveries.c.subscriber_id == people[0].id).values(status="sent")
    )
    assert launch.cancel(editor.connection, first.campaign_id, NOW) == 2
    with pytest.raises(StateError, match="is cancelled"):
        launch.cancel(editor.connection, first.campaign_id, NOW)
    second = editor.launch()
    assert second.campaign_id != first.campaign_id
    assert addressees(editor, second.campaign_id) == {"r1@example.net", "r2@example.net"}


@pytest.mark.parametrize("resend", [True, False])
def test_doubtful_copies_are_settled_as_the_operator_says(editor: Editor, resend: bool) -> None:
    factories.readers(editor.connection, editor.keys, 2)
    first = editor.launch()
    settle(editor, first.campaign_id, "ambiguous")
    move_campaign(editor.connection, first.campaign_id, CampaignStatus.FINISHED, now=NOW)
    assert launch.resolve(editor.connection, first.campaign_id, resend=resend, now=NOW) == 2
    shown = report.summary(editor.connection, first.campaign_id)
    if resend:
        assert (shown["status"], shown["deferred"], shown["finished_at"]) == ("sending", 2, None)
    else:
        assert (shown["status"], shown["sent"]) == ("finished", 2)
    with pytest.raises(RefusedError, match="no copies in doubt"):
        launch.resolve(editor.connection, first.campaign_id, resend=resend, now=NOW)


def test_doubtful_copies_of_a_cancelled_campaign_are_not_sent_again(editor: Editor) -> None:
    factories.readers(editor.connection, editor.keys, 1)
    first = editor.launch()
    settle(editor, first.campaign_id, "ambiguous")
    launch.cancel(editor.connection, first.campaign_id, NOW)
    with pytest.raises(RefusedError, match="cancelled"):
        launch.resolve(editor.connection, first.campaign_id, resend=True, now=NOW)
    assert launch.resolve(editor.connection, first.campaign_id, resend=False, now=NOW) == 1


@pytest.mark.parametrize("act", [launch.cancel, lambda *args: launch.resolve(*args[:2], resend=True, now=args[2])])
def test_standing_campaign_cannot_be_stopped(editor: Editor, act: object) -> None:
    campaign_id = standing.get_or_create(editor.connection, CampaignKind.CONFIRM, None, NOW)
    with pytest.raises(StateError, match="sends confirm mails"):
        act(editor.connection, campaign_id, NOW)  # type: ignore[operator]


# -- report ------------------------------------------------------------------------------------------


def test_report_says_what_servers_said(editor: Editor) -> None:
    people = factories.readers(editor.connection, editor.keys, 4)
    campaign_id = editor.launch().campaign_id
    for person, outcome in zip(
        people, [factories.ACCEPTED, factories.REFUSED, factories.GREYLISTED, factories.SILENCE], strict=True
    ):
        worker = 1
        row = claims.claim(editor.connection, worker, ledger.Scope(trial=False), now=NOW, limit=1)[0]
        assert row.subscriber_id == person.id
        editor.connection.execute(
            update(deliveries).where(deliveries.c.subscriber_id == person.id).values(status="inflight", tries=1)
        )
        decision = retry.decide(outcome, kind=row.kind, tries=1, now=NOW)
        ledger.record(editor.connection, row, worker, outcome=outcome, decision=decision, now=NOW)
    shown = report.summary(editor.connection, campaign_id)
    assert (shown["audience"], shown["sent"], shown["failed"], shown["deferred"], shown["ambiguous"]) == (4, 1, 1, 1, 1)
    troubles = {row["email"]: row for row in report.troubles(editor.connection, campaign_id)}
    assert set(troubles) == {"r1@example.net", "r2@example.net", "r3@example.net"}
    assert troubles["r1@example.net"]["text"] == "No such user"
    assert troubles["r2@example.net"]["due_at"] == "2026-09-15T08:15:00+00:00"
    assert [each["campaign"] for each in report.summaries(editor.connection)] == [campaign_id]


def test_campaign_that_is_not_there_is_said(editor: Editor) -> None:
    with pytest.raises(NotFoundError, match="no campaign 7"):
        report.summary(editor.connection, 7)
