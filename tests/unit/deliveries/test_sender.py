"""The sender over a transport that answers by script: rows always add up, and everybody gets at most one."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta

import factories
import faults
import pytest
from factories import ACCEPTED, GREYLISTED, LOST, REFUSED, SILENCE
from sqlalchemy import Connection, select

from newsletter.clock import Clock, FrozenClock
from newsletter.deliveries import ledger, standing, workers
from newsletter.deliveries.claims import Delivery, Scope
from newsletter.deliveries.ledger import Totals
from newsletter.deliveries.lifecycle import move_campaign
from newsletter.deliveries.pacing import Limits
from newsletter.deliveries.sender import OnOutcome, Policies, Sender
from newsletter.errors import RenderError, StoreError, TransportUnavailable
from newsletter.store.engine import Database
from newsletter.store.schema import CampaignKind, CampaignStatus, SubscriptionStatus, campaigns
from newsletter.store.schema import workers as worker_rows
from newsletter.subscribers import lifecycle, people
from newsletter.subscribers.wanted import still_wanted
from newsletter.tokens import KeyRing
from newsletter.transport.base import Envelope, Outcome
from newsletter.transport.memory import MemoryTransport

Script = Callable[[Envelope], Outcome]


def compose(delivery: Delivery) -> Envelope:
    return Envelope("editor@news.example.org", delivery.email, b"Subject: Spring\r\n\r\nHello\r\n", delivery)


def nothing(connection: Connection, delivery: Delivery, outcome: Outcome) -> None:
    """What the workflows above do with most outcomes."""


class Ticking(FrozenClock):
    """A second passes whenever somebody looks."""

    def __call__(self) -> datetime:
        self.advance(timedelta(seconds=1))
        return self.moment


class Office:
    """A campaign to `count` readers and senders to empty it."""

    def __init__(self, database: Database, keys: KeyRing, clock: Clock, count: int = 45) -> None:
        self.database, self.keys, self.clock = database, keys, clock
        with database.write() as connection:
            factories.readers(connection, keys, count)
            self.campaign_id = factories.issue_campaign(connection)
        self.seen: list[Outcome] = []

    def sender(
        self,
        transport: MemoryTransport,
        *,
        compose: Callable[[Delivery], Envelope] = compose,
        on_outcome: OnOutcome = nothing,
        trial: bool = False,
        limits: Limits | None = None,
        clock: Clock | None = None,
        threads: int = 0,
    ) -> Sender:
        return Sender(
            self.database,
            transport,
            Policies(compose, still_wanted(), on_outcome, limits, compose_threads=threads),
            clock or self.clock,
            scope=Scope(trial=trial),
            progress=self.seen.append,
        )

    def drain(self, script: Script | None = None) -> MemoryTransport:
        transport = MemoryTransport(script)
        self.sender(transport).drain()
        return transport

    @property
    def totals(self) -> Totals:
        with self.database.read() as connection:
            return ledger.totals(connection, self.campaign_id)

    @property
    def statuses(self) -> dict[str, str]:
        with self.database.read() as connection:
            return factories.statuses(connection, self.campaign_id)

    @property
    def status(self) -> str:
        with self.database.read() as connection:
            return str(
                connection.execute(select(campaigns.c.status).where(campaigns.c.id == self.campaign_id)).scalar()
            )

    @property
    def workers(self) -> int:
        with self.database.read() as connection:
            return len(connection.execute(select(worker_rows)).all())


@pytest.fixture
def office(database: Database, keys: KeyRing, clock: FrozenClock) -> Office:
    return Office(database, keys, clock)


def recipients(transport: MemoryTransport) -> Counter[str]:
    return Counter(envelope.recipient for envelope in transport.messages)


def everybody(count: int = 45) -> Counter[str]:
    return Counter(f"r{number}@example.net" for number in range(count))


def test_everybody_gets_exactly_one_and_the_campaign_is_finished(office: Office) -> None:
    transport = office.drain()
    assert recipients(transport) == everybody()
    assert office.totals == Totals(audience=45, sent=45)
    assert office.status == "finished"
    assert office.seen == [outcome for _, outcome in transport.outcomes]
    assert office.workers == 0
    assert not office.drain().outcomes


def test_whatever_a_server_answers_rows_add_up(office: Office) -> None:
    answers = [ACCEPTED, REFUSED, GREYLISTED, SILENCE, ACCEPTED]

    def script(envelope: Envelope) -> Outcome:
        return answers[envelope.key.subscriber_id % len(answers)]

    transport = office.drain(script)
    assert office.totals == Totals(audience=45, sent=18, failed=9, ambiguous=9, pending=9)
    assert office.status == "sending"
    assert len({envelope.recipient for envelope, _ in transport.outcomes}) == len(transport.outcomes) == 45


def test_greylisted_reader_is_tried_again_when_due_and_nobody_else(office: Office, clock: FrozenClock) -> None:
    office.drain(lambda envelope: GREYLISTED if envelope.recipient == "r7@example.net" else ACCEPTED)
    clock.advance(timedelta(minutes=14))
    assert not office.drain().outcomes
    clock.advance(timedelta(minutes=1))
    assert recipients(office.drain()) == {"r7@example.net": 1}
    assert office.status == "finished"


def test_connection_that_breaks_is_tried_again_within_the_same_run(office: Office) -> None:
    office.clock = Ticking(factories.START)
    broken = {"r3@example.net", "r4@example.net"}

    def script(envelope: Envelope) -> Outcome:
        first = envelope.recipient in broken
        broken.discard(envelope.recipient)
        return LOST if first else ACCEPTED

    assert recipients(office.drain(script)) == everybody()
    assert office.totals.sent == 45


@pytest.mark.parametrize("threads", [0, 2])
def test_message_that_cannot_be_composed_does_not_stop_the_others(office: Office, threads: int) -> None:
    def picky(delivery: Delivery) -> Envelope:
        if delivery.email == "r30@example.net":
            raise RenderError("This reader has no city.")
        return compose(delivery)

    transport = MemoryTransport()
    office.sender(transport, compose=picky, threads=threads).drain()
    assert office.totals == Totals(audience=45, sent=44, failed=1)
    assert office.statuses["r30@example.net"] == "failed"
    assert office.status == "finished"


def test_trouble_in_a_composing_thread_ends_the_run_like_any_other(office: Office) -> None:
    def troubled(delivery: Delivery) -> Envelope:
        if delivery.email == "r30@example.net":
            raise StoreError("the disk is failing")
        return compose(delivery)

    with pytest.raises(StoreError, match="disk is failing"):
        office.sender(MemoryTransport(), compose=troubled, threads=2).drain()
    assert office.totals == Totals(audience=45, sent=30, pending=15)
    assert office.workers == 0
    assert not [each for each in threading.enumerate() if each.name.startswith("newsletter-compose")]


def test_relay_that_cannot_be_used_leaves_every_row_pending(office: Office, clock: FrozenClock) -> None:
    def script(envelope: Envelope) -> Outcome:
        raise TransportUnavailable("535 wrong password")

    with pytest.raises(TransportUnavailable):
        office.drain(script)
    assert office.totals == Totals(audience=45, pending=45)
    assert office.workers == 0
    clock.advance(timedelta(seconds=5))
    assert recipients(office.drain()) == everybody()


def refuses_r5(envelope: Envelope) -> Outcome:
    return REFUSED if envelope.recipient == "r5@example.net" else ACCEPTED


def test_outcome_that_cannot_be_recorded_leaves_its_row_in_doubt_and_the_rest_pending(office: Office) -> None:
    def failing(connection: Connection, delivery: Delivery, outcome: Outcome) -> None:
        if delivery.email == "r5@example.net":
            raise StoreError("the disk is full")

    with pytest.raises(StoreError, match="disk is full"):
        office.sender(MemoryTransport(refuses_r5), on_outcome=failing).drain()
    assert office.totals == Totals(audience=45, sent=5, ambiguous=1, pending=39)
    assert office.statuses["r5@example.net"] == "ambiguous"
    assert recipients(office.drain()) == everybody() - Counter(f"r{number}@example.net" for number in range(6))


@pytest.mark.sqlite  # the limit is one of this process
def test_disk_that_fills_up_while_sending_loses_nothing(office: Office, clock: FrozenClock) -> None:
    reached: Counter[str] = Counter()
    with ExitStack() as trouble:

        def script(envelope: Envelope) -> Outcome:
            reached[envelope.recipient] += 1
            if sum(reached.values()) == 10:
                trouble.enter_context(faults.full_disk())
            return ACCEPTED

        with pytest.raises(StoreError, match=r"disk is full or failing.*Make room"):
            office.drain(script)
    clock.advance(2 * workers.LEASE)
    reached += recipients(office.drain())
    assert reached == everybody()
    assert office.totals == Totals(audience=45, sent=44, ambiguous=1)


def test_stopping_in_the_middle_finishes_the_message_on_the_wire_and_gives_the_rest_back(office: Office) -> None:
    def script(envelope: Envelope) -> Outcome:
        if envelope.recipient == "r24@example.net":
            sender.stop()
        return ACCEPTED

    transport = MemoryTransport(script)
    sender = office.sender(transport)
    sender.drain()
    assert office.totals == Totals(audience=45, sent=25, pending=20)
    assert office.status == "sending"
    assert recipients(transport) + recipients(office.drain()) == everybody()


def test_pausing_in_the_middle_gives_the_rest_back(office: Office) -> None:
    def script(envelope: Envelope) -> Outcome:
        if envelope.recipient == "r4@example.net":
            with office.database.write() as connection:
                move_campaign(connection, office.campaign_id, CampaignStatus.PAUSED, now=factories.START)
        return ACCEPTED

    office.drain(script)
    assert office.totals == Totals(audience=45, sent=5, pending=40)
    assert not office.drain().outcomes


def test_reader_who_leaves_while_the_campaign_runs_is_not_mailed_any_more(office: Office) -> None:
    def script(envelope: Envelope) -> Outcome:
        if envelope.recipient == "r0@example.net":
            with office.database.write() as connection:
                for email in ("r1@example.net", "r44@example.net"):
                    person = people.find(connection, email)
                    assert person is not None
                    lifecycle.move(connection, person.id, 1, SubscriptionStatus.UNSUBSCRIBED, factories.START)
        return ACCEPTED

    transport = office.drain(script)
    assert office.totals == Totals(audience=45, sent=43, skipped=2)
    assert not {"r1@example.net", "r44@example.net"} & recipients(transport).keys()


def test_sandbox_never_gets_what_was_launched_for_readers(office: Office) -> None:
    transport = MemoryTransport()
    office.sender(transport, trial=True).drain()
    assert transport.outcomes == []
    assert office.totals.pending == 45


def test_two_senders_at_once_share_the_work(office: Office) -> None:
    transports = [MemoryTransport(), MemoryTransport()]
    threads = [threading.Thread(target=office.sender(transport).drain) for transport in transports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recipients(transports[0]) + recipients(transports[1]) == everybody()
    assert office.status == "finished"


def by_campaign(transport: MemoryTransport) -> list[int]:
    return [envelope.key.campaign_id for envelope in transport.messages]


def test_small_campaign_does_not_wait_behind_a_big_one(office: Office) -> None:
    with office.database.write() as connection:
        for number in range(6):
            factories.subscribed(connection, office.keys, f"weekly{number}@example.net", slug="clinic-notes")
        small = factories.issue_campaign(connection, slug="letter", to="clinic-notes")
    order = by_campaign(office.drain())
    assert order == [office.campaign_id, small] * 6 + [office.campaign_id] * 39


def test_campaigns_stay_side_by_side_from_batch_to_batch(database: Database, keys: KeyRing, clock: FrozenClock) -> None:
    office = Office(database, keys, clock, count=130)
    with database.write() as connection:
        others = [factories.issue_campaign(connection, slug=slug) for slug in ("summer", "autumn")]
    sent: Counter[int] = Counter(dict.fromkeys((office.campaign_id, *others), 0))
    for campaign in by_campaign(office.drain()):
        sent[campaign] += 1
        assert max(sent.values()) - min(sent.values()) <= 2
    assert set(sent.values()) == {130}


def test_two_senders_share_two_campaigns_and_nobody_gets_one_twice(office: Office) -> None:
    with office.database.write() as connection:
        factories.issue_campaign(connection, slug="summer")
    transports = [MemoryTransport(), MemoryTransport()]
    threads = [threading.Thread(target=office.sender(transport).drain) for transport in transports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    copies = Counter(envelope.key[:3] for transport in transports for envelope in transport.messages)
    assert len(copies) == 90
    assert set(copies.values()) == {1}


def test_sender_whose_machine_slept_goes_on_and_its_late_answer_counts(office: Office, clock: FrozenClock) -> None:
    def script(envelope: Envelope) -> Outcome:
        if envelope.recipient == "r10@example.net":
            clock.advance(timedelta(hours=1))
            with office.database.write() as connection:
                assert ledger.reap(connection, clock()) == 1
        return ACCEPTED

    assert recipients(office.drain(script)) == everybody()
    assert office.totals == Totals(audience=45, sent=45)
    assert office.workers == 0


def test_rate_is_kept(office: Office) -> None:
    times: list[float] = []

    def script(envelope: Envelope) -> Outcome:
        times.append(time.monotonic())
        return ACCEPTED

    office.sender(MemoryTransport(script), limits=Limits(relay=400.0)).drain()
    assert times[-1] - times[0] >= 44 / 400 * 0.9


# -- serve -------------------------------------------------------------------------------------------


class Serving:
    """A sender that serves in a thread."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.troubles: list[Exception] = []
        self.thread = threading.Thread(target=sender.serve_forever, args=(self.troubles.append, 0.01))

    def __enter__(self) -> Serving:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.sender.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()

    def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(2000):
            if condition():
                return
            assert self.thread.is_alive()
            self.thread.join(0.005)
        pytest.fail("nothing came of it")


def test_serving_sends_what_comes_and_ends_when_told(office: Office) -> None:
    transport = MemoryTransport()
    with Serving(office.sender(transport)) as serving:
        serving.until(lambda: office.status == "finished")
        with office.database.write() as connection:
            again = factories.issue_campaign(connection, slug="summer")
        serving.sender.wake()
        serving.until(lambda: len(transport.messages) == 90)
    with office.database.read() as connection:
        assert ledger.totals(connection, again).sent == 45
    assert office.workers == 0


def test_serving_survives_a_relay_that_is_down(office: Office, clock: FrozenClock) -> None:
    down = [True]

    def script(envelope: Envelope) -> Outcome:
        if down[0]:
            raise TransportUnavailable("nobody listens")
        return ACCEPTED

    transport = MemoryTransport(script)
    with Serving(office.sender(transport)) as serving:
        serving.until(lambda: len(serving.troubles) >= 2)
        down[0] = False
        clock.advance(timedelta(minutes=1))
        serving.until(lambda: office.status == "finished")
    assert recipients(transport) == everybody()


@pytest.mark.sqlite  # the limit is one of this process
def test_serving_survives_a_disk_that_stays_full_for_a_while(office: Office, clock: FrozenClock) -> None:
    with ExitStack() as trouble:

        def script(envelope: Envelope) -> Outcome:
            if envelope.recipient == "r9@example.net":
                trouble.enter_context(faults.full_disk())
            return ACCEPTED

        transport = MemoryTransport(script)
        with Serving(office.sender(transport)) as serving:
            serving.until(lambda: len(serving.troubles) >= 3)
            trouble.close()
            clock.advance(2 * workers.LEASE)
            serving.until(lambda: office.status == "finished")
    assert {type(error) for error in serving.troubles} == {StoreError}
    assert recipients(transport) == everybody()
    assert office.totals == Totals(audience=45, sent=44, ambiguous=1)


def test_row_in_doubt_is_called_ambiguous_while_serving_goes_on(office: Office) -> None:
    def failing(connection: Connection, delivery: Delivery, outcome: Outcome) -> None:
        if delivery.email == "r5@example.net":
            raise StoreError("the disk is full")

    transport = MemoryTransport(refuses_r5)
    with Serving(office.sender(transport, on_outcome=failing)) as serving:
        serving.until(lambda: office.status == "finished")
    assert office.totals == Totals(audience=45, sent=44, ambiguous=1)


def test_confirmation_whose_answer_was_lost_is_sent_again(office: Office, clock: FrozenClock) -> None:
    with office.database.write() as connection:
        asking = factories.subscribed(connection, office.keys, "new@example.net", SubscriptionStatus.PENDING)
        campaign_id = standing.get_or_create(connection, CampaignKind.CONFIRM, None, clock())
        standing.enrol(connection, campaign_id, asking.id, now=clock(), scope={"lists": [1]})
    first = office.drain(lambda envelope: SILENCE if envelope.recipient == "new@example.net" else ACCEPTED)
    assert first.outcomes[0][0].recipient == "new@example.net"
    clock.advance(timedelta(minutes=15))
    assert recipients(office.drain()) == {"new@example.net": 1}
