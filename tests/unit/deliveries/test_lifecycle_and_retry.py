"""The two tables of steps, and what an outcome means for a row."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import factories
import pytest

from newsletter.deliveries import lifecycle, retry
from newsletter.deliveries.lifecycle import CAMPAIGN, DELIVERY, move_campaign
from newsletter.errors import NotFoundError, StateError
from newsletter.store.engine import Database
from newsletter.store.schema import CampaignKind, CampaignStatus, DeliveryStatus

ISSUE, CONFIRM = CampaignKind.ISSUE, CampaignKind.CONFIRM
NOW = factories.START


def test_every_status_has_its_row_in_the_table() -> None:
    assert set(DELIVERY) == set(DeliveryStatus)
    assert set(CAMPAIGN) == set(CampaignStatus)


def test_what_may_have_been_accepted_never_goes_back_by_itself() -> None:
    assert lifecycle.sources(DELIVERY, DeliveryStatus.SENT) == ["inflight", "ambiguous"]
    assert lifecycle.sources(DELIVERY, DeliveryStatus.INFLIGHT) == ["claimed"]
    for final in (DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.SKIPPED):
        assert DELIVERY[final] == frozenset()


@pytest.mark.parametrize("target", CampaignStatus)
@pytest.mark.parametrize("start", CampaignStatus)
def test_campaign_takes_the_steps_of_the_table_and_no_other(
    database: Database, start: CampaignStatus, target: CampaignStatus
) -> None:
    with database.write() as connection:
        campaign_id = factories.issue_campaign(connection, status=start)
        if target in CAMPAIGN[start]:
            move_campaign(connection, campaign_id, target, now=NOW)
        else:
            with pytest.raises(StateError, match=f"is {start}; it cannot become {target}"):
                move_campaign(connection, campaign_id, target, now=NOW)


def test_moving_a_campaign_that_is_not_there_says_so(database: Database) -> None:
    with database.write() as connection, pytest.raises(NotFoundError, match="no campaign 7"):
        move_campaign(connection, 7, CampaignStatus.PAUSED, now=NOW)


# -- retry -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "kind", "status"),
    [
        (factories.ACCEPTED, ISSUE, "sent"),
        (factories.ACCEPTED, CONFIRM, "sent"),
        (factories.REFUSED, ISSUE, "failed"),
        (factories.REFUSED, CONFIRM, "failed"),
        (factories.SILENCE, ISSUE, "ambiguous"),
        (factories.SILENCE, CONFIRM, "pending"),
        (factories.GREYLISTED, ISSUE, "pending"),
        (factories.LOST, ISSUE, "pending"),
    ],
)
def test_outcome_decides_where_the_row_goes(outcome: object, kind: CampaignKind, status: str) -> None:
    decision = retry.decide(outcome, kind=kind, tries=1, now=NOW)  # type: ignore[arg-type]
    assert decision.status == status
    assert (decision.due_at is not None) == (status == "pending")


def test_greylisted_message_waits_longer_each_time_and_is_given_up_after_two_days() -> None:
    waits, moment = [], NOW
    for tries in range(1, 50):
        decision = retry.decide(factories.GREYLISTED, kind=ISSUE, tries=tries, now=moment)
        if decision.status is DeliveryStatus.FAILED:
            break
        assert decision.due_at is not None
        waits.append(decision.due_at - moment)
        moment = decision.due_at
    assert waits[0] >= timedelta(minutes=15)
    assert all(earlier <= later for earlier, later in pairwise(waits))
    assert len(waits) == 8
    assert timedelta(hours=47) < moment - NOW < timedelta(hours=48)


def test_fault_of_the_connection_is_tried_again_soon_twice_and_then_like_any_other() -> None:
    def wait(tries: int) -> timedelta:
        decision = retry.decide(factories.LOST, kind=ISSUE, tries=tries, now=NOW)
        assert decision.due_at is not None
        return decision.due_at - NOW

    assert [wait(1), wait(2), wait(3)] == [timedelta(seconds=5), timedelta(seconds=30), timedelta(hours=1)]
    assert retry.decide(factories.LOST, kind=ISSUE, tries=9, now=NOW).status is DeliveryStatus.FAILED


def test_silence_about_a_confirmation_is_given_up_in_the_end_too() -> None:
    assert retry.decide(factories.SILENCE, kind=CONFIRM, tries=8, now=NOW).status is DeliveryStatus.PENDING
    assert retry.decide(factories.SILENCE, kind=CONFIRM, tries=9, now=NOW).status is DeliveryStatus.FAILED
