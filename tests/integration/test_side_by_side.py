"""Several at once on one database: sign-ups of one address, senders of one campaign, and a server that goes away."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import databases
import factories
import postgres
import pytest
import websites
from sqlalchemy import select, update
from websites import World, hidden_fields

from newsletter import config
from newsletter.clock import utc_now
from newsletter.deliveries import ledger, lifecycle
from newsletter.deliveries.claims import Delivery, Scope
from newsletter.deliveries.sender import Policies, Sender
from newsletter.store.engine import Database
from newsletter.store.schema import CampaignKind, CampaignStatus, consent_records, subscribers, workers
from newsletter.subscribers import consent
from newsletter.subscribers import lifecycle as subscriptions
from newsletter.subscribers.wanted import still_wanted
from newsletter.tokens import KeyRing
from newsletter.transport.base import Envelope, Outcome
from newsletter.transport.memory import MemoryTransport

READERS = 300
PATIENCE = 60.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with websites.world(tmp_path) as found:
        yield found


def together(*works: Callable[[], None]) -> None:
    """Do all at once; what one raises is raised here."""
    raised: list[Exception] = []
    start = threading.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        start.wait(PATIENCE)
        try:
            work()
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert raised == []


def sender(database: Database, transport: MemoryTransport) -> Sender:
    def compose(delivery: Delivery) -> Envelope:
        return Envelope("editor@news.example.org", delivery.email, b"", key=delivery)

    def nothing(*_: object) -> None:
        pass

    return Sender(database, transport, Policies(compose, still_wanted(), nothing), utc_now, scope=Scope(trial=False))


def copies(*transports: MemoryTransport) -> Counter[str]:
    return Counter(envelope.recipient for transport in transports for envelope in transport.messages)


def opened_again(database: Database) -> Database:
    """The same database as another process has it open."""
    return Database(database.engine.url.render_as_string(hide_password=False), Path("/"))


# -- at the door -------------------------------------------------------------------------------------


def test_sign_ups_of_one_address_at_once_make_one_reader_and_one_mail(world: World) -> None:
    form = hidden_fields(world.client.get("/").text)
    world.clock.advance(timedelta(seconds=5))
    statuses: list[int] = []

    def sign_up() -> None:
        statuses.append(world.client.post("/subscribe", data={**form, "email": "ada@example.net"}).status_code)

    together(*[sign_up] * 8)
    assert statuses == [303] * 8
    with world.site.database.read() as connection:
        assert connection.execute(select(subscribers.c.email)).scalars().all() == ["ada@example.net"]
        assert list(consent.broken(connection)) == []
    assert world.mails(CampaignKind.CONFIRM) == 1


def test_sign_ups_at_once_never_spend_more_than_there_is(tmp_path: Path) -> None:
    with websites.world(tmp_path, more='[signups]\nproof = "never"\nmails_per_minute = 10\n') as world:
        form = hidden_fields(world.client.get("/").text)
        world.clock.advance(timedelta(seconds=5))

        def sign_up(visitor: int) -> None:
            for number in range(4):
                client = world.app.test_client(use_cookies=False)
                client.post(
                    "/subscribe",
                    data={**form, "email": f"r{visitor}.{number}@d{visitor}{number}.example.net"},
                    environ_base={"REMOTE_ADDR": f"203.0.{visitor}.{number}"},
                )

        together(*[lambda visitor=visitor: sign_up(visitor) for visitor in range(8)])  # type: ignore[misc]
        assert world.mails(CampaignKind.CONFIRM) == 10
        with world.site.database.read() as connection:
            assert len(connection.execute(select(consent_records)).all()) == 10
            assert list(consent.broken(connection)) == []


# -- at the relay ------------------------------------------------------------------------------------


def test_senders_beside_each_other_send_every_copy_once(database: Database, keys: KeyRing) -> None:
    with database.write() as connection:
        factories.readers(connection, keys, READERS)
        campaign_id = factories.issue_campaign(connection)
    others = [opened_again(database) for _ in range(3)]
    transports = [MemoryTransport(_slowly) for _ in others]
    together(*[sender(other, transport).drain for other, transport in zip(others, transports, strict=True)])
    for other in others:
        other.close()
    assert copies(*transports) == Counter(f"r{number}@example.net" for number in range(READERS))
    assert sum(bool(transport.messages) for transport in transports) > 1
    with database.read() as connection:
        assert ledger.totals(connection, campaign_id) == ledger.Totals(audience=READERS, sent=READERS)


def test_campaign_cancelled_under_way_stops_and_nothing_stays_open(database: Database, keys: KeyRing) -> None:
    with database.write() as connection:
        factories.readers(connection, keys, READERS)
        campaign_id = factories.issue_campaign(connection)
    other = opened_again(database)
    transport = MemoryTransport(_slowly)

    def cancel() -> None:
        while len(transport.messages) < 30:
            time.sleep(0.001)
        with database.write() as connection:
            lifecycle.move_campaign(connection, campaign_id, CampaignStatus.CANCELLED, now=utc_now())
            ledger.skip_pending(connection, campaign_id, utc_now())

    together(sender(other, transport).drain, cancel)
    other.close()
    with database.read() as connection:
        totals = ledger.totals(connection, campaign_id)
    assert totals.open == 0
    assert totals.sent == len(transport.messages) < READERS
    assert totals.skipped == READERS - totals.sent


def _slowly(_envelope: Envelope) -> Outcome:
    time.sleep(0.002)
    return factories.ACCEPTED


# -- a server that goes away -------------------------------------------------------------------------


@pytest.mark.sqlite  # brings a server of its own
def test_server_that_restarts_in_the_middle_costs_no_copy_and_doubles_none(
    planted_site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEWSLETTER_TEST_PG_URL", raising=False)
    with postgres.running() as server:
        name = databases.template(server)
        database = Database(server.url_of(name), tmp_path)
        keys = KeyRing.load(planted_site / config.load(planted_site, {})[0].keys.file)
        with database.write() as connection:
            subscriptions.mirror_lists(connection, ("steady-spine",))
            factories.readers(connection, keys, READERS)
            campaign_id = factories.issue_campaign(connection)
        transport, troubles = MemoryTransport(_slowly), []
        working = sender(database, transport)
        serving = threading.Thread(target=working.serve_forever, args=(troubles.append, 0.1))
        serving.start()
        while len(transport.messages) < 50:
            time.sleep(0.001)
        server.restart()
        with database.write() as connection:  # the leases of who was cut off run out
            connection.execute(update(workers).values(lease_until=utc_now()))
        deadline = time.monotonic() + PATIENCE
        totals = ledger.Totals(inflight=1)
        while totals.open and time.monotonic() < deadline:
            time.sleep(0.2)
            with database.read() as connection:
                totals = ledger.totals(connection, campaign_id)
        working.stop()
        serving.join(PATIENCE)
        database.close()
        assert troubles
        assert max(copies(transport).values()) == 1
        assert totals.open == 0
        assert totals.sent + totals.ambiguous == READERS
        assert totals.ambiguous <= 1
