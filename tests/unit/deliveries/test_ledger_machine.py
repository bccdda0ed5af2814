"""Any interleaving of two workers, crashes, lost replies and leaving readers keeps the promises of the ledger."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

import factories
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Connection, select

from newsletter.deliveries import claims, ledger, retry, workers
from newsletter.deliveries.claims import Delivery, Scope
from newsletter.deliveries.lifecycle import CAMPAIGN, finish_done, move_campaign
from newsletter.store.engine import Database
from newsletter.store.schema import CampaignStatus, SubscriptionStatus, SuppressionReason, campaigns, deliveries
from newsletter.store.schema import workers as worker_rows
from newsletter.subscribers import lifecycle, suppression
from newsletter.subscribers.wanted import still_wanted
from newsletter.tokens import KeyRing
from newsletter.transport.base import Outcome, Verdict

READERS = 3
WHICH = st.integers(0, 1)
WHO = st.integers(0, READERS - 1)


class RollBack(Exception):
    """Ends an example; nothing of it is kept."""


@dataclass
class Worker:
    """What one sender remembers, as opposed to what the ledger says."""

    id: int
    hands: list[Delivery] = field(default_factory=list)
    wire: list[Delivery] = field(default_factory=list)


class LedgerMachine(RuleBasedStateMachine):
    """The next hop keeps its own count of what it accepted; the ledger must never contradict it."""

    database: ClassVar[Database]
    keys: ClassVar[KeyRing]

    def __init__(self) -> None:
        super().__init__()
        self.opened: AbstractContextManager[Connection] = self.database.write()
        self.connection = self.opened.__enter__()
        self.now: datetime = factories.START
        self.people = factories.readers(self.connection, self.keys, READERS)
        self.campaign_id = factories.issue_campaign(self.connection)
        self.workers = [self.new_worker(), self.new_worker()]
        self.accepted: Counter[int] = Counter()
        self.gone: set[int] = set()

    def teardown(self) -> None:
        end = RollBack()
        with suppress(RollBack):
            self.opened.__exit__(RollBack, end, None)

    def new_worker(self) -> Worker:
        return Worker(workers.register(self.connection, "send", self.now))

    def with_hands(self, which: int) -> Worker:
        """The worker meant, or the other one when it has nothing in hand."""
        return self.workers[which] if self.workers[which].hands else self.workers[1 - which]

    def on_the_wire(self, which: int) -> Worker:
        """The worker meant, or the other one when it has nothing on the wire."""
        return self.workers[which] if self.workers[which].wire else self.workers[1 - which]

    def status(self) -> CampaignStatus:
        query = select(campaigns.c.status).where(campaigns.c.id == self.campaign_id)
        return CampaignStatus(self.connection.execute(query).scalar_one())

    # -- what senders do ---------------------------------------------------------------------------

    @rule(which=WHICH, limit=st.integers(1, 4))
    def claim(self, which: int, limit: int) -> None:
        worker = self.workers[which]
        workers.renew(self.connection, worker.id, self.now)
        worker.hands += claims.claim(self.connection, worker.id, Scope(trial=False), now=self.now, limit=limit)

    @precondition(lambda self: any(worker.hands for worker in self.workers))
    @rule(which=WHICH)
    def arm(self, which: int) -> None:
        worker = self.with_hands(which)
        delivery = worker.hands.pop(0)
        if ledger.arm(self.connection, delivery, worker.id, still_wanted(), self.now):
            assert delivery.subscriber_id not in self.gone
            assert self.accepted[delivery.subscriber_id] == 0
            worker.wire.append(delivery)

    @precondition(lambda self: any(worker.wire for worker in self.workers))
    @rule(
        which=WHICH,
        outcome=st.sampled_from([factories.ACCEPTED, factories.GREYLISTED, factories.LOST, factories.REFUSED]),
    )
    def answer(self, which: int, outcome: Outcome) -> None:
        worker = self.on_the_wire(which)
        delivery = worker.wire.pop(0)
        self.accepted[delivery.subscriber_id] += outcome.verdict is Verdict.ACCEPTED
        self.record(worker, delivery, outcome)

    @precondition(lambda self: any(worker.wire for worker in self.workers))
    @rule(which=WHICH, was_accepted=st.booleans())
    def lose_the_reply(self, which: int, was_accepted: bool) -> None:
        worker = self.on_the_wire(which)
        delivery = worker.wire.pop(0)
        self.accepted[delivery.subscriber_id] += was_accepted
        self.record(worker, delivery, factories.SILENCE)

    def record(self, worker: Worker, delivery: Delivery, outcome: Outcome) -> None:
        decision = retry.decide(outcome, kind=delivery.kind, tries=delivery.tries + 1, now=self.now)
        ledger.record(self.connection, delivery, worker.id, outcome=outcome, decision=decision, now=self.now)

    # -- what befalls them -------------------------------------------------------------------------

    @precondition(lambda self: any(worker.wire or worker.hands for worker in self.workers))
    @rule(which=WHICH, was_accepted=st.booleans())
    def kill(self, which: int, was_accepted: bool) -> None:
        """`kill -9`: nothing is recorded; the reaper comes when it comes."""
        worker = self.workers[which]
        for delivery in worker.wire:
            self.accepted[delivery.subscriber_id] += was_accepted
        ledger.bury(self.connection, [worker.id], self.now)
        self.workers[which] = self.new_worker()

    @rule(which=WHICH)
    def outlive_the_lease(self, which: int) -> None:
        """The machine slept: the other worker's reaper takes this one for dead while it is not."""
        self.now += workers.LEASE + timedelta(seconds=1)
        workers.renew(self.connection, self.workers[1 - which].id, self.now)
        ledger.reap(self.connection, self.now)

    @precondition(lambda self: any(worker.hands for worker in self.workers))
    @rule(which=WHICH)
    def stop(self, which: int) -> None:
        """Ctrl-C with nothing on the wire."""
        worker = self.workers[which]
        if not worker.wire:
            ledger.bury(self.connection, [worker.id], self.now)
            self.workers[which] = self.new_worker()

    # -- what everybody else does ------------------------------------------------------------------

    @rule(who=WHO)
    def unsubscribe(self, who: int) -> None:
        lifecycle.move(self.connection, self.people[who].id, 1, SubscriptionStatus.UNSUBSCRIBED, self.now)
        self.gone.add(self.people[who].id)

    @rule(who=WHO)
    def complain(self, who: int) -> None:
        suppression.suppress(self.connection, self.people[who].address_hash, SuppressionReason.COMPLAINT, self.now)
        self.gone.add(self.people[who].id)

    @rule(step=st.sampled_from([CampaignStatus.PAUSED, CampaignStatus.SENDING]))
    def steer(self, step: CampaignStatus) -> None:
        if self.status() is not CampaignStatus.FINISHED and step in CAMPAIGN[self.status()]:
            move_campaign(self.connection, self.campaign_id, step, now=self.now)

    @precondition(lambda self: sum(self.accepted.values()) >= READERS // 2)
    @rule()
    def cancel(self) -> None:
        if CampaignStatus.CANCELLED in CAMPAIGN[self.status()]:
            move_campaign(self.connection, self.campaign_id, CampaignStatus.CANCELLED, now=self.now)
            ledger.skip_pending(self.connection, self.campaign_id, self.now)

    @rule(minutes=st.sampled_from([1, 20, 600]))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        for worker in self.workers:
            workers.renew(self.connection, worker.id, self.now)

    # -- what always holds -------------------------------------------------------------------------

    @invariant()
    def whoever_looks_finishes_what_is_done(self) -> None:
        finish_done(self.connection, self.now)

    def rows(self) -> list[Any]:
        return list(self.connection.execute(select(deliveries).where(deliveries.c.campaign_id == self.campaign_id)))

    @invariant()
    def everybody_is_accounted_for(self) -> None:
        totals = ledger.totals(self.connection, self.campaign_id)
        assert totals.audience == READERS == len(self.rows())
        assert totals.open + totals.sent + totals.failed + totals.ambiguous + totals.skipped == READERS

    @invariant()
    def nobody_gets_it_twice(self) -> None:
        assert max(self.accepted.values(), default=0) <= 1

    @invariant()
    def the_ledger_never_contradicts_the_next_hop(self) -> None:
        for row in self.rows():
            if row.status == "sent":
                assert self.accepted[row.subscriber_id] == 1
            elif row.status not in {"inflight", "ambiguous"}:
                assert self.accepted[row.subscriber_id] == 0

    @invariant()
    def whoever_is_held_has_a_holder_that_can_be_reaped(self) -> None:
        known = set(self.connection.execute(select(worker_rows.c.id)).scalars())
        assert {row.worker_id for row in self.rows() if row.status in {"claimed", "inflight"}} <= known

    @invariant()
    def a_campaign_that_is_over_leaves_nobody_waiting(self) -> None:
        if self.status() in {CampaignStatus.FINISHED, CampaignStatus.CANCELLED}:
            assert not {row.status for row in self.rows()} & {"pending", "claimed"}


def test_ledger_keeps_its_promises_whatever_happens(database: Database, keys: KeyRing) -> None:
    LedgerMachine.database, LedgerMachine.keys = database, keys
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        LedgerMachine,
        settings=settings(
            max_examples=50, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
