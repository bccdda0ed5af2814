"""A reader's side of the house: acts, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import factories
import pytest
from sqlalchemy import Connection, select

from newsletter import addresses
from newsletter.clock import FrozenClock
from newsletter.store.engine import Database
from newsletter.store.schema import CampaignKind, campaigns, consent_records, deliveries
from newsletter.subscribers import lifecycle, people, signup
from newsletter.subscribers.people import Subscriber
from newsletter.subscribers.signup import Answer
from newsletter.tokens import KeyRing


@dataclass
class Desk:
    """One open write transaction, and short names for what readers do in it."""

    connection: Connection
    keys: KeyRing
    clock: FrozenClock

    def subscribe(self, email: str = "ada@example.net", *list_ids: int, **more: Any) -> bool:
        return signup.subscribe(self.connection, factories.request(email, *list_ids, **more), self.keys, self.clock())

    def confirm(self, email: str = "ada@example.net", seq: int = 0) -> Answer:
        uid = self.person(email).uid
        before = signup.preview_confirmation(self.connection, uid, seq, self.clock())
        outcome = signup.confirm(self.connection, uid, seq, factories.PAGE, self.clock())
        assert before == outcome
        return outcome.answer

    def unsubscribe(self, email: str = "ada@example.net", list_id: int = 1, *, farewell: bool = False) -> bool:
        return signup.unsubscribe(
            self.connection, self.person(email), list_id, factories.PAGE, self.clock(), farewell=farewell
        )

    def person(self, email: str = "ada@example.net") -> Subscriber:
        found = people.find(self.connection, addresses.parse(email).key)
        assert found is not None
        return found

    def is_known(self, email: str = "ada@example.net") -> bool:
        return people.find(self.connection, addresses.parse(email).key) is not None

    def status(self, email: str = "ada@example.net", list_id: int = 1) -> str | None:
        return lifecycle.status_of(self.connection, self.person(email).id, list_id)

    def mails(self, kind: CampaignKind = CampaignKind.CONFIRM) -> int:
        query = select(deliveries.c.seq).join(campaigns, campaigns.c.id == deliveries.c.campaign_id)
        return len(self.connection.execute(query.where(campaigns.c.kind == kind)).all())

    def evidence(self) -> list[Any]:
        return list(self.connection.execute(select(consent_records).order_by(consent_records.c.id)))

    def acts(self) -> list[str]:
        return [row.kind for row in self.evidence()]


@pytest.fixture
def desk(database: Database, keys: KeyRing, clock: FrozenClock) -> Iterator[Desk]:
    with database.write() as connection:
        yield Desk(connection, keys, clock)
