"""The wall clock jumps in the middle of a send, or two machines disagree: nobody gets two and nobody is forgotten."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from smtpd import ScriptedServer

import factories
import pytest

from newsletter.clock import Clock, FrozenClock
from newsletter.deliveries import ledger
from newsletter.deliveries.claims import Delivery, Scope
from newsletter.deliveries.ledger import Totals
from newsletter.deliveries.sender import Policies, Sender
from newsletter.store.engine import Database
from newsletter.subscribers.wanted import still_wanted
from newsletter.tokens import KeyRing
from newsletter.transport.base import Envelope
from newsletter.transport.smtp import SmtpSettings, SmtpTransport

READERS = 400
EVERYBODY = Counter(f"r{number}@example.net" for number in range(READERS))
DAY = timedelta(days=1)


class House:
    """A campaign to 400 readers, and senders through one relay."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self.database = database
        with database.write() as connection:
            factories.readers(connection, keys, READERS)
            self.campaign_id = factories.issue_campaign(connection)

    def sender(self, server: ScriptedServer, clock: Clock) -> Sender:
        settings = SmtpSettings(server.host, server.port, security="none", connections=3)
        return Sender(
            self.database,
            SmtpTransport(settings),
            Policies(compose, still_wanted(), lambda connection, delivery, outcome: None, None),
            clock,
            scope=Scope(trial=False),
        )

    @property
    def totals(self) -> Totals:
        with self.database.read() as connection:
            return ledger.totals(connection, self.campaign_id)


def compose(delivery: Delivery) -> Envelope:
    return Envelope("editor@news.example.org", delivery.email, b"Subject: Spring\r\n\r\nHello\r\n", delivery)


@pytest.fixture
def house(database: Database, keys: KeyRing) -> House:
    return House(database, keys)


def after(count: int, act: Callable[[], object]) -> Callable[[str], None]:
    """Something for the script to do once, when so many bodies have come."""
    lock, come = threading.Lock(), 0

    def look(_: str) -> None:
        nonlocal come
        with lock:
            come += 1
            is_now = come == count
        if is_now:
            act()

    return look


def received(server: ScriptedServer) -> Counter[str]:
    return Counter(message.recipient for message in server.messages)


@pytest.mark.parametrize("jump", [DAY, 400 * DAY])
def test_clock_put_forward_in_the_middle_changes_nothing(house: House, clock: FrozenClock, jump: timedelta) -> None:
    with ScriptedServer({"DOT": after(50, lambda: clock.advance(jump))}) as server:
        house.sender(server, clock).drain()
    assert received(server) == EVERYBODY
    assert house.totals == Totals(audience=READERS, sent=READERS)


@pytest.mark.parametrize("jump", [timedelta(hours=1), DAY])
def test_clock_put_back_in_the_middle_makes_the_rest_wait_and_repeats_nobody(
    house: House, clock: FrozenClock, jump: timedelta
) -> None:
    with ScriptedServer({"DOT": after(50, lambda: clock.advance(-jump))}) as server:
        house.sender(server, clock).drain()
        assert house.totals.ambiguous == 0
        assert house.totals.sent == received(server).total() >= 50
        clock.advance(jump)
        house.sender(server, clock).drain()
    assert received(server) == EVERYBODY
    assert house.totals == Totals(audience=READERS, sent=READERS)


def test_sender_whose_clock_is_ahead_takes_the_living_for_dead_and_still_nobody_gets_two(
    house: House, clock: FrozenClock
) -> None:
    ahead = FrozenClock(clock() + timedelta(hours=1))
    taken_for_dead: list[int] = []
    begun = threading.Event()

    def reap() -> None:
        with house.database.write() as connection:
            taken_for_dead.append(ledger.reap(connection, ahead()))
        begun.set()

    with ScriptedServer({"DOT": after(20, reap)}) as server:
        first = threading.Thread(target=house.sender(server, clock).drain)
        first.start()
        assert begun.wait(20)
        house.sender(server, ahead).drain()
        first.join(20)
        assert not first.is_alive()
    assert 1 <= taken_for_dead[0] <= 3, "what was on the wire was in doubt for a while"
    assert received(server) == EVERYBODY
    assert house.totals == Totals(audience=READERS, sent=READERS), "late answers of the first counted all the same"
