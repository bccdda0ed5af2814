"""A sender with manners: it waits for the relay, puts off what a provider has no room for, and learns."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import factories
import pytest
from factories import ACCEPTED, GREYLISTED
from sqlalchemy import select

from newsletter.clock import Clock, FrozenClock, utc_now
from newsletter.deliveries import ledger, throttles
from newsletter.deliveries.claims import Delivery, Scope
from newsletter.deliveries.pacing import Limits, Pacer, slowed
from newsletter.deliveries.sender import Policies, Sender
from newsletter.deliveries.throttles import SECOND, Throttle, interval_of
from newsletter.store.engine import Database
from newsletter.store.schema import CampaignKind, attempts, deliveries
from newsletter.subscribers import signup
from newsletter.subscribers.wanted import still_wanted
from newsletter.tokens import KeyRing
from newsletter.transport.base import Envelope, Outcome, Phase, Verdict
from newsletter.transport.memory import MemoryTransport

TOO_FAST = Outcome(Verdict.DEFERRED, Phase.DOT, 421, "4.7.28", "Unusual rate of mail", session=True)


def compose(delivery: Delivery) -> Envelope:
    return Envelope("editor@news.example.org", delivery.email, b"Subject: Spring\r\n\r\nHello\r\n", delivery)


def sender(database: Database, transport: MemoryTransport, clock: Clock, limits: Limits | None) -> Sender:
    policies = Policies(compose, still_wanted(), lambda connection, delivery, outcome: None, limits)
    return Sender(database, transport, policies, clock, scope=Scope(trial=False))


def audience(database: Database, keys: KeyRing, **counts: int) -> int:
    """So many readers a provider (`gmail` for gmail.com), and a campaign for them."""
    with database.write() as connection:
        for name, count in counts.items():
            for number in range(count):
                factories.subscribed(connection, keys, f"r{number}@{name}.com")
        return factories.issue_campaign(connection)


def providers(transport: MemoryTransport) -> Counter[str]:
    return Counter(envelope.recipient.rpartition("@")[2] for envelope in transport.messages)


def limit(database: Database, key: str) -> Throttle | None:
    with database.read() as connection:
        return throttles.load(connection).get(key)


def pacer(database: Database, clock: Clock, limits: Limits) -> Pacer:
    found = Pacer(database, limits, clock)
    with database.write() as connection:
        found.open(connection)
    return found


class Stopping:
    """Stops its sender once so many messages are out: `drain` would wait for the clock that stands still."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.sender: Sender

    def __call__(self, envelope: Envelope) -> Outcome:
        self.left -= 1
        if self.left == 0:
            self.sender.stop()
        return ACCEPTED


def test_provider_without_a_token_is_put_off_untried_and_the_others_go(
    database: Database, keys: KeyRing, clock: FrozenClock
) -> None:
    campaign_id = audience(database, keys, gmail=25, example=10)
    script = Stopping(20)
    transport = MemoryTransport(script)
    script.sender = sender(database, transport, clock, Limits(providers={"googlemail.com": 5.0}))
    script.sender.drain()
    assert providers(transport) == {"gmail.com": 10, "example.com": 10}
    with database.read() as connection:
        rows = connection.execute(
            select(deliveries.c.due_at, deliveries.c.tries, deliveries.c.worker_id)
            .where(deliveries.c.campaign_id == campaign_id, deliveries.c.status == "pending")
            .order_by(deliveries.c.due_at)
        ).all()
        assert not connection.execute(select(attempts)).all()
    assert Counter(row.due_at - factories.START for row in rows) == {timedelta(seconds=2): 10, timedelta(seconds=4): 5}
    assert {(row.tries, row.worker_id) for row in rows} == {(0, None)}


def test_send_waits_for_what_only_pacing_holds_back(database: Database, keys: KeyRing) -> None:
    campaign_id = audience(database, keys, gmail=18)
    transport = MemoryTransport()
    sender(database, transport, utc_now, Limits(providers={"gmail.com": 8.0})).drain()
    assert providers(transport) == {"gmail.com": 18}
    with database.read() as connection:
        assert ledger.totals(connection, campaign_id).sent == 18


def test_confirmation_does_not_wait_behind_an_issue(database: Database, keys: KeyRing, clock: FrozenClock) -> None:
    with database.write() as connection:
        for name in ("ada", "bea", "cid"):
            assert signup.subscribe(connection, factories.request(f"{name}@gmail.com"), keys, clock())
    transport = MemoryTransport()
    sender(database, transport, clock, Limits(providers={"gmail.com": 0.1})).drain()
    assert len(transport.messages) == 3


def test_promises_follow_the_rate_and_never_reach_beyond_ten_minutes(database: Database, clock: FrozenClock) -> None:
    paced = pacer(database, clock, Limits(providers={"gmail.com": 0.1}))
    assert paced.admit(_copy("a@gmail.com"))
    assert not paced.admit(_copy("b@gmail.com"))
    dues = [(due - factories.START).total_seconds() for due in paced.put_off("gmail.com", 70)]
    assert dues[:3] == [10, 20, 30]
    assert max(dues) == 600
    assert dues[60:63] == [10, 20, 30]


def test_limits_survive_a_restart_and_unused_tokens_come_back(database: Database, clock: FrozenClock) -> None:
    limits = Limits(providers={"gmail.com": 5.0})
    first = pacer(database, clock, limits)
    assert all(first.admit(_copy("a@gmail.com")) for _ in range(4))
    first.close()
    second = pacer(database, clock, limits)
    clock.advance(timedelta(milliseconds=799))
    assert not second.admit(_copy("a@gmail.com"))
    clock.advance(timedelta(milliseconds=1))
    assert second.admit(_copy("a@gmail.com"))


def test_changed_configuration_replaces_the_limit_and_a_dropped_one_goes(
    database: Database, clock: FrozenClock
) -> None:
    pacer(database, clock, Limits(relay=10.0, providers={"gmail.com": 5.0}))
    pacer(database, clock, Limits(relay=20.0))
    found = limit(database, "relay")
    assert found is not None
    assert found.interval == found.configured == interval_of(20.0)
    assert limit(database, "gmail.com") is None


def test_provider_that_asks_for_patience_is_slowed_for_everybody_and_recovers(
    database: Database, clock: FrozenClock
) -> None:
    mine, other = (pacer(database, clock, Limits()) for _ in range(2))
    assert mine.is_idle
    mine.learn([(_letter("a@gmail.com"), ACCEPTED)] * 40)
    mine.learn([(_letter("a@gmail.com"), TOO_FAST)] * 5)
    found = limit(database, "gmail.com")
    assert found is not None
    assert found.origin is not None
    assert found.interval == 2 * found.origin
    assert not mine.is_idle
    other._refreshed = 0.0
    with database.write() as connection:
        other.refresh(connection)
    assert not other.is_idle
    for _ in range(60):
        other.learn([(_letter("a@gmail.com"), ACCEPTED)] * 50)
        other._written = 0.0
    assert limit(database, "gmail.com") is None
    assert other.is_idle
    assert mine.admit(_copy("a@gmail.com"))


def test_slowed_provider_gets_a_message_in_ten_seconds_at_the_least(database: Database, clock: FrozenClock) -> None:
    with database.write() as connection:
        throttles.save(connection, Throttle("gmail.com", 0, 8 * SECOND, origin=SECOND))
    paced = pacer(database, clock, Limits())
    paced.learn([(_letter("a@gmail.com"), TOO_FAST)])
    found = limit(database, "gmail.com")
    assert found is not None
    assert found.interval == 10 * SECOND


def test_sandbox_neither_obeys_nor_learns(database: Database, clock: FrozenClock) -> None:
    paced = Pacer(database, None, clock)
    with database.write() as connection:
        throttles.save(connection, Throttle("gmail.com", 0, SECOND))
        paced.open(connection)
    paced.learn([(_letter("a@example.com"), TOO_FAST)])
    assert paced.is_idle
    assert limit(database, "example.com") is None


@pytest.mark.parametrize(
    ("outcome", "whom"),
    [
        (TOO_FAST, "gmail.com"),
        (Outcome(Verdict.DEFERRED, Phase.DOT, 451, "4.7.650", "rate limited"), "gmail.com"),
        (Outcome(Verdict.DEFERRED, Phase.RCPT, 450, "4.7.28", "too fast"), "gmail.com"),
        (Outcome(Verdict.DEFERRED, Phase.MAIL, 421, "4.7.0", "later", session=True), "relay"),
        (GREYLISTED, ""),
        (Outcome(Verdict.DEFERRED, Phase.RCPT, 450, "4.2.0", "Greylisted"), ""),
        (Outcome(Verdict.DEFERRED, Phase.RCPT, 452, "4.2.2", "Mailbox full"), ""),
        (Outcome(Verdict.REJECTED, Phase.DOT, 550, "5.7.1", "spam"), ""),
        (ACCEPTED, ""),
    ],
)
def test_whom_an_answer_asks_to_slow_down_for(outcome: Outcome, whom: str) -> None:
    assert slowed("a@googlemail.com", outcome) == whom


def _copy(email: str) -> Delivery:
    return Delivery(1, 1, 0, CampaignKind.ISSUE, 1, 0, 1, email, "", {}, "en", None, None)


def _letter(email: str) -> Envelope:
    return Envelope("editor@news.example.org", email, b"", _copy(email))
