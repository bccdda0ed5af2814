"""Claim, arm, record, release, reap, resolve: every step by itself, and everything that may come between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import factories
import pytest
from factories import ACCEPTED, GREYLISTED, REFUSED, SILENCE
from sqlalchemy import Connection, select, update

from newsletter.deliveries import claims, ledger, retry, standing, workers
from newsletter.deliveries.claims import Delivery, Scope
from newsletter.deliveries.lifecycle import finish_done, move_campaign, start_scheduled
from newsletter.deliveries.retry import Decision
from newsletter.store.engine import Database
from newsletter.store.schema import (
    CampaignKind,
    CampaignStatus,
    DeliveryStatus,
    SubscriptionStatus,
    SuppressionReason,
    attempts,
    campaigns,
    deliveries,
)
from newsletter.subscribers import lifecycle, suppression
from newsletter.subscribers.wanted import still_wanted
from newsletter.tokens import KeyRing
from newsletter.transport.base import Outcome

NOW = factories.START
REAL = Scope(trial=False)


class Bench:
    """One issue to three readers, two workers, and a connection."""

    def __init__(self, connection: Connection, keys: KeyRing) -> None:
        self.connection = connection
        self.keys = keys
        self.people = factories.readers(connection, keys, 3)
        self.campaign_id = factories.issue_campaign(connection)
        self.worker = workers.register(connection, "send", NOW)
        self.other = workers.register(connection, "serve", NOW)

    def claim(self, limit: int = 20, worker: int | None = None, scope: Scope = REAL) -> list[Delivery]:
        return claims.claim(self.connection, worker or self.worker, scope, now=NOW, limit=limit)

    def arm(self, delivery: Delivery, worker: int | None = None) -> bool:
        return ledger.arm(self.connection, delivery, worker or self.worker, still_wanted(), NOW)

    def record(self, delivery: Delivery, outcome: Outcome, worker: int | None = None) -> bool:
        decision = retry.decide(outcome, kind=delivery.kind, tries=delivery.tries + 1, now=NOW)
        return ledger.record(
            self.connection, delivery, worker or self.worker, outcome=outcome, decision=decision, now=NOW
        )

    def inflight(self) -> Delivery:
        delivery = self.claim(1)[0]
        assert self.arm(delivery)
        return delivery

    def row(self, delivery: Delivery) -> dict[str, object]:
        return dict(
            self.connection.execute(
                select(deliveries).where(
                    deliveries.c.campaign_id == delivery.campaign_id,
                    deliveries.c.subscriber_id == delivery.subscriber_id,
                    deliveries.c.seq == delivery.seq,
                )
            )
            .mappings()
            .one()
        )

    def status(self, delivery: Delivery) -> object:
        return self.row(delivery)["status"]

    def campaign_status(self) -> str:
        return str(
            self.connection.execute(select(campaigns.c.status).where(campaigns.c.id == self.campaign_id)).scalar_one()
        )

    def confirmation(self) -> Delivery:
        """A claimed row of the `confirm` campaign."""
        asking = factories.subscribed(self.connection, self.keys, "new@example.net", SubscriptionStatus.PENDING)
        campaign_id = standing.get_or_create(self.connection, CampaignKind.CONFIRM, None, NOW)
        standing.enrol(self.connection, campaign_id, asking.id, now=NOW, scope={"lists": [1]})
        delivery = self.claim(1)[0]
        assert delivery.kind is CampaignKind.CONFIRM
        return delivery


@pytest.fixture
def bench(database: Database, keys: KeyRing) -> Iterator[Bench]:
    with database.write() as connection:
        yield Bench(connection, keys)


# -- freeze and claim --------------------------------------------------------------------------------


def test_frozen_audience_is_one_pending_row_per_reader(bench: Bench) -> None:
    assert ledger.totals(bench.connection, bench.campaign_id) == ledger.Totals(audience=3, pending=3)


def test_claimed_rows_carry_what_a_composer_needs(bench: Bench) -> None:
    first = bench.claim(1)[0]
    person = bench.people[0]
    assert (first.subscriber_id, first.uid, first.email, first.seq) == (person.id, person.uid, person.email, 0)
    assert (first.kind, first.tries, first.enrolled_at, first.scope) == (CampaignKind.ISSUE, 0, None, None)
    assert bench.row(first)["worker_id"] == bench.worker


def test_two_workers_never_claim_the_same_row(bench: Bench) -> None:
    mine, theirs = bench.claim(2), bench.claim(20, bench.other)
    assert len(mine) == 2
    assert len(theirs) == 1
    assert not {each.subscriber_id for each in mine} & {each.subscriber_id for each in theirs}
    assert bench.claim() == []


def test_row_is_not_claimed_before_it_is_due(bench: Bench) -> None:
    delivery = bench.inflight()
    bench.record(delivery, GREYLISTED)
    assert len(bench.claim()) == 2
    due = ledger.next_due(bench.connection, REAL)
    assert due == NOW + timedelta(minutes=15)
    assert claims.claim(bench.connection, bench.worker, REAL, now=due, limit=9)[0].tries == 1


def test_people_who_wait_come_before_the_issue(bench: Bench) -> None:
    assert bench.confirmation().kind is CampaignKind.CONFIRM


def test_issues_share_a_batch_in_equal_parts_and_in_turn(bench: Bench) -> None:
    for number in range(9):
        factories.subscribed(bench.connection, bench.keys, f"later{number}@example.net")
    first = bench.campaign_id
    second, third = [factories.issue_campaign(bench.connection, slug=slug) for slug in ("summer", "autumn")]
    assert [each.campaign_id for each in bench.claim(6)] == [first, second, third] * 2
    # Two of three campaigns go on longer than the first, and share what it leaves.
    assert [each.campaign_id for each in bench.claim(6)] == [first, second, third, second, third, second]


def test_more_issues_than_rows_in_a_batch_are_all_served_by_and_by(bench: Bench) -> None:
    issues = {bench.campaign_id, *(factories.issue_campaign(bench.connection, slug=f"no-{n}") for n in range(4))}
    claimed = [
        each.campaign_id
        for nth in range(5)
        for each in claims.claim(bench.connection, bench.worker, REAL, now=NOW, limit=1, nth=nth)
    ]
    assert set(claimed) == issues


@pytest.mark.parametrize("status", ["paused", "scheduled", "finished", "cancelled"])
def test_campaign_that_is_not_sending_is_left_alone(bench: Bench, status: str) -> None:
    bench.connection.execute(update(campaigns).values(status=status))
    assert bench.claim() == []
    assert ledger.next_due(bench.connection, REAL) is None


def test_trial_and_real_campaigns_never_leave_by_the_others_door(bench: Bench) -> None:
    trial = factories.issue_campaign(bench.connection, slug="trial", trial=True)
    claimed = bench.claim(scope=Scope(trial=True))
    assert {each.campaign_id for each in claimed} == {trial}
    assert {each.campaign_id for each in bench.claim()} == {bench.campaign_id}


def test_standing_campaigns_go_wherever_mail_goes_now(bench: Bench) -> None:
    ledger.release(bench.connection, [bench.worker], NOW)
    delivery = bench.confirmation()
    ledger.release(bench.connection, [bench.worker], NOW)
    assert [each.kind for each in bench.claim(scope=Scope(trial=True))] == [CampaignKind.CONFIRM]
    assert bench.status(delivery) == "claimed"


def test_sender_of_one_campaign_takes_no_other(bench: Bench) -> None:
    other = factories.issue_campaign(bench.connection, slug="other")
    claimed = bench.claim(scope=Scope(trial=False, campaign_id=other))
    assert {each.campaign_id for each in claimed} == {other}


# -- arm ---------------------------------------------------------------------------------------------


def test_armed_row_is_in_flight_and_counts_its_try(bench: Bench) -> None:
    delivery = bench.inflight()
    assert bench.row(delivery)["status"] == "inflight"
    assert bench.row(delivery)["tries"] == 1
    assert not bench.arm(delivery)
    assert bench.row(delivery)["tries"] == 1


def test_reader_who_left_after_the_claim_is_skipped(bench: Bench) -> None:
    delivery = bench.claim()[0]
    lifecycle.move(bench.connection, delivery.subscriber_id, 1, SubscriptionStatus.UNSUBSCRIBED, NOW)
    assert not bench.arm(delivery)
    assert bench.status(delivery) == "skipped"


def test_address_suppressed_after_the_claim_is_skipped(bench: Bench) -> None:
    delivery = bench.claim()[0]
    suppression.suppress(bench.connection, bench.people[0].address_hash, SuppressionReason.COMPLAINT, NOW)
    assert not bench.arm(delivery)
    assert bench.status(delivery) == "skipped"


def test_campaign_paused_after_the_claim_gets_its_row_back(bench: Bench) -> None:
    delivery = bench.claim()[0]
    move_campaign(bench.connection, bench.campaign_id, CampaignStatus.PAUSED, now=NOW)
    assert not bench.arm(delivery)
    assert bench.status(delivery) == "pending"
    assert bench.row(delivery)["worker_id"] is None


def test_reader_who_left_a_paused_campaign_is_skipped_when_it_goes_on(bench: Bench) -> None:
    delivery = bench.claim()[0]
    move_campaign(bench.connection, bench.campaign_id, CampaignStatus.PAUSED, now=NOW)
    lifecycle.move(bench.connection, delivery.subscriber_id, 1, SubscriptionStatus.UNSUBSCRIBED, NOW)
    assert not bench.arm(delivery)
    move_campaign(bench.connection, bench.campaign_id, CampaignStatus.SENDING, now=NOW)
    again = bench.claim()[-1]
    assert not bench.arm(again)
    assert bench.status(delivery) == "skipped"


def test_row_another_worker_holds_is_not_touched(bench: Bench) -> None:
    delivery = bench.claim()[0]
    ledger.release(bench.connection, [bench.worker], NOW)
    bench.claim(20, bench.other)
    before = bench.row(delivery)
    assert not bench.arm(delivery)
    assert bench.row(delivery) == before
    assert bench.arm(delivery, bench.other)


# -- record ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(ACCEPTED, "sent"), (REFUSED, "failed"), (GREYLISTED, "pending"), (SILENCE, "ambiguous")],
)
def test_outcome_of_an_issue_is_written_down(bench: Bench, outcome: Outcome, status: str) -> None:
    delivery = bench.inflight()
    assert bench.record(delivery, outcome)
    assert bench.status(delivery) == status
    assert bench.row(delivery)["code"] == (outcome.code or None)


def test_silence_about_a_confirmation_means_another_try(bench: Bench) -> None:
    delivery = bench.confirmation()
    assert bench.arm(delivery)
    assert bench.record(delivery, SILENCE)
    assert bench.status(delivery) == "pending"


def test_every_try_that_did_not_simply_succeed_leaves_an_attempt(bench: Bench) -> None:
    delivery = bench.inflight()
    bench.record(delivery, GREYLISTED._replace(text="x" * 900, enhanced="4.7.1" * 9))
    kept = bench.connection.execute(select(attempts)).one()
    assert (kept.verdict, kept.phase, kept.code, len(kept.text), len(kept.enhanced)) == (
        "deferred",
        "rcpt",
        451,
        500,
        16,
    )
    bench.record(bench.inflight(), ACCEPTED)
    assert len(bench.connection.execute(select(attempts)).all()) == 1


def test_outcome_of_a_row_that_was_never_armed_changes_nothing(bench: Bench) -> None:
    delivery = bench.claim()[0]
    assert not bench.record(delivery, ACCEPTED)
    assert bench.status(delivery) == "claimed"


def test_outcome_told_by_another_worker_changes_nothing(bench: Bench) -> None:
    delivery = bench.inflight()
    assert not bench.record(delivery, ACCEPTED, bench.other)
    assert bench.status(delivery) == "inflight"


@pytest.mark.parametrize(("outcome", "status"), [(ACCEPTED, "sent"), (REFUSED, "failed"), (GREYLISTED, "pending")])
def test_late_definite_answer_settles_what_the_reaper_called_ambiguous(
    bench: Bench, outcome: Outcome, status: str
) -> None:
    delivery = bench.inflight()
    assert ledger.bury(bench.connection, [bench.worker], NOW) == 1
    assert bench.status(delivery) == "ambiguous"
    assert bench.record(delivery, outcome)
    assert bench.status(delivery) == status


def test_late_silence_leaves_it_ambiguous(bench: Bench) -> None:
    delivery = bench.inflight()
    ledger.bury(bench.connection, [bench.worker], NOW)
    assert not bench.record(delivery, SILENCE)
    assert bench.status(delivery) == "ambiguous"


def test_late_answer_does_not_undo_what_the_operator_decided(bench: Bench) -> None:
    delivery = bench.inflight()
    ledger.bury(bench.connection, [bench.worker], NOW)
    ledger.resolve(bench.connection, bench.campaign_id, Decision(DeliveryStatus.SENT), NOW)
    assert not bench.record(delivery, GREYLISTED)
    assert bench.status(delivery) == "sent"


def test_late_deferral_of_a_finished_campaign_is_not_forgotten(bench: Bench) -> None:
    delivery = bench.inflight()
    for _ in range(2):
        bench.record(bench.inflight(), ACCEPTED)
    ledger.bury(bench.connection, [bench.worker], NOW)
    assert finish_done(bench.connection, NOW) == 1
    bench.record(delivery, GREYLISTED)
    due = ledger.next_due(bench.connection, REAL)
    assert due is not None
    assert claims.claim(bench.connection, bench.other, REAL, now=due, limit=9)[0].uid == delivery.uid


def test_message_deferred_after_its_campaign_was_cancelled_is_left_out(bench: Bench) -> None:
    delivery = bench.inflight()
    move_campaign(bench.connection, bench.campaign_id, CampaignStatus.CANCELLED, now=NOW)
    assert ledger.skip_pending(bench.connection, bench.campaign_id, NOW) == 2
    assert bench.record(delivery, GREYLISTED)
    assert bench.status(delivery) == "skipped"


def test_message_that_cannot_be_composed_fails_and_says_why(bench: Bench) -> None:
    delivery = bench.claim()[0]
    ledger.refuse(bench.connection, delivery, bench.worker, REFUSED, NOW)
    assert bench.status(delivery) == "failed"
    assert bench.connection.execute(select(attempts.c.text)).scalar() == REFUSED.text


# -- release, reap, bury -----------------------------------------------------------------------------


def test_released_rows_were_never_on_the_wire(bench: Bench) -> None:
    flying = bench.inflight()
    assert len(bench.claim()) == 2
    assert ledger.release(bench.connection, [bench.worker], NOW) == 2
    assert ledger.totals(bench.connection, bench.campaign_id).pending == 2
    assert bench.status(flying) == "inflight"


def test_reaper_settles_the_dead_and_leaves_the_living_alone(bench: Bench) -> None:
    flying = bench.inflight()
    bench.claim(1)
    theirs = bench.claim(1, bench.other)[0]
    later = NOW + workers.LEASE + timedelta(seconds=1)
    workers.renew(bench.connection, bench.other, later)
    assert ledger.reap(bench.connection, later) == 1
    assert bench.status(flying) == "ambiguous"
    assert bench.status(theirs) == "claimed"
    totals = ledger.totals(bench.connection, bench.campaign_id)
    assert (totals.ambiguous, totals.pending, totals.claimed) == (1, 1, 1)
    assert ledger.reap(bench.connection, later) == 0


def test_reaper_sends_a_confirmation_again(bench: Bench) -> None:
    delivery = bench.confirmation()
    assert bench.arm(delivery)
    assert ledger.bury(bench.connection, [bench.worker], NOW) == 0
    assert bench.status(delivery) == "pending"


def test_worker_that_was_thought_dead_can_be_reaped_again(bench: Bench) -> None:
    """A suspended process wakes up, renews its lease, claims, and is then killed: its rows are not lost."""
    later = NOW + timedelta(hours=1)
    ledger.reap(bench.connection, later)
    workers.renew(bench.connection, bench.worker, later)
    flying = claims.claim(bench.connection, bench.worker, REAL, now=later, limit=2)[0]
    assert ledger.arm(bench.connection, flying, bench.worker, still_wanted(), later)
    assert ledger.reap(bench.connection, later + timedelta(hours=1)) == 1
    totals = ledger.totals(bench.connection, bench.campaign_id)
    assert (totals.ambiguous, totals.pending) == (1, 2)


# -- the end of a campaign ---------------------------------------------------------------------------


def test_campaign_is_finished_when_no_row_is_open(bench: Bench) -> None:
    for outcome in (ACCEPTED, REFUSED):
        bench.record(bench.inflight(), outcome)
        assert finish_done(bench.connection, NOW) == 0
    last = bench.inflight()
    assert finish_done(bench.connection, NOW) == 0
    bench.record(last, SILENCE)
    assert finish_done(bench.connection, NOW) == 1
    assert bench.campaign_status() == "finished"
    assert ledger.totals(bench.connection, bench.campaign_id).open == 0


def test_standing_campaign_is_never_finished(bench: Bench) -> None:
    delivery = bench.confirmation()
    bench.arm(delivery)
    bench.record(delivery, ACCEPTED)
    assert finish_done(bench.connection, NOW) == 0


def test_scheduled_campaign_starts_when_its_time_has_come(bench: Bench) -> None:
    at = NOW + timedelta(hours=1)
    bench.connection.execute(update(campaigns).values(status="scheduled", scheduled_at=at))
    assert start_scheduled(bench.connection, at - timedelta(seconds=1)) == 0
    assert start_scheduled(bench.connection, at) == 1
    assert bench.campaign_status() == "sending"


@pytest.mark.parametrize("target", [DeliveryStatus.SENT, DeliveryStatus.PENDING])
def test_operator_resolves_what_is_in_doubt_and_nothing_else(bench: Bench, target: DeliveryStatus) -> None:
    doubtful, sure = bench.inflight(), bench.inflight()
    bench.record(doubtful, SILENCE)
    bench.record(sure, REFUSED)
    assert ledger.resolve(bench.connection, bench.campaign_id, Decision(target), NOW) == 1
    assert bench.status(doubtful) == target
    assert bench.status(sure) == "failed"


def test_cancelling_leaves_out_what_has_not_left(bench: Bench) -> None:
    flying = bench.inflight()
    bench.claim(1)
    assert ledger.skip_pending(bench.connection, bench.campaign_id, NOW) == 2
    assert bench.record(flying, ACCEPTED)
    assert ledger.totals(bench.connection, bench.campaign_id) == ledger.Totals(audience=3, sent=1, skipped=2)


# -- standing campaigns ------------------------------------------------------------------------------


def test_standing_campaign_is_made_once_and_renewed_requests_count_up(bench: Bench) -> None:
    first = standing.get_or_create(bench.connection, CampaignKind.WELCOME, 1, NOW)
    assert standing.get_or_create(bench.connection, CampaignKind.WELCOME, 1, NOW) == first
    assert standing.get_or_create(bench.connection, CampaignKind.WELCOME, 2, NOW) != first
    person = bench.people[0].id
    assert [standing.enrol(bench.connection, first, person, now=NOW) for _ in range(3)] == [0, 1, 2]
    assert standing.enrolled_since(bench.connection, first, person, NOW - timedelta(minutes=1)) == 3
    assert standing.enrolled_since(bench.connection, first, person, NOW) == 0
