"""The hot path of the ledger: one transaction per turn of the engine, in SQL that is prepared once.

The statements are those of `ledger`, compiled from the same tables and the same `still_wanted`, but run
on the driver itself: building an expression for every copy costs more than writing its row. Only the
plain case goes this way, accepted messages and readers who still want theirs; everything else takes
the ordinary path in the same transaction's place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Dialect, Update, null, update

from newsletter.clock import Clock
from newsletter.deliveries import ledger, retry
from newsletter.deliveries.claims import Delivery
from newsletter.deliveries.prepared import people_of, person_of
from newsletter.errors import ConflictError
from newsletter.store.dialect import given, prepared
from newsletter.store.engine import Database, Execute
from newsletter.store.schema import DeliveryStatus, deliveries
from newsletter.store.types import to_millis
from newsletter.transport.base import Envelope, Outcome, Phase, Settled, Verdict

OnOutcome = Callable[[Connection, Delivery, Outcome], None]
"""Called in the transaction that records an outcome, for every one that is not simply accepted."""


class Exchange:
    """Records and arms for one worker; used from the sender's own thread only."""

    def __init__(
        self,
        database: Database,
        worker_id: int,
        still_wanted: ColumnElement[bool],
        on_outcome: OnOutcome,
        clock: Clock,
    ) -> None:
        self._database = database
        self._worker_id = worker_id
        self._still_wanted = still_wanted
        self._on_outcome = on_outcome
        self._clock = clock
        dialect = database.engine.dialect
        self._record = _Step(_record(), dialect)
        self._arm = _Step(_arm(still_wanted), dialect)
        self._driver = database.driver()

    def close(self) -> None:
        """Give the connection back."""
        self._driver.close()

    def __call__(self, done: Sequence[Settled], arming: Sequence[Envelope]) -> Sequence[Envelope]:
        """Record what is done, arm what may go; returns what must not. One durable commit."""
        if all(outcome.verdict is Verdict.ACCEPTED for _, outcome in done):
            # Whoever cancels a campaign or forgets a reader at this moment goes over the same rows in another order.
            with suppress(ConflictError):
                if (refused := self._quickly(done, arming)) is not None:
                    return refused
        return self._carefully(done, arming)

    def _quickly(self, done: Sequence[Settled], arming: Sequence[Envelope]) -> Sequence[Envelope] | None:
        """The plain case; None, and nothing written, when some row is not as expected."""
        ours = {"worker": self._worker_id, "now": to_millis(self._clock())}
        with self._driver as execute:
            for (campaign_id, seq, code), people in _groups((envelope.key, outcome.code) for envelope, outcome in done):
                self._record.run(execute, people, ours | {"campaign": campaign_id, "seq": seq, "code": code})
            for (campaign_id, seq, _), people in _groups((envelope.key, 0) for envelope in arming):
                if self._arm.run(execute, people, ours | {"campaign": campaign_id, "seq": seq}) != len(people):
                    self._driver.roll_back()
                    return None
        return ()

    def _carefully(self, done: Sequence[Settled], arming: Sequence[Envelope]) -> Sequence[Envelope]:
        refused = []
        with self._database.write() as connection:
            now = self._clock()
            for envelope, outcome in done:
                self._note(connection, envelope.key, outcome, now)
            for envelope in arming:
                if not ledger.arm(connection, envelope.key, self._worker_id, self._still_wanted, now):
                    refused.append(envelope)
        return refused

    def _note(self, connection: Connection, delivery: Delivery, outcome: Outcome, now: datetime) -> None:
        untried = outcome.phase is Phase.CONNECT and outcome.session
        if untried and ledger.put_back(connection, delivery, self._worker_id, now):
            return
        decision = retry.decide(outcome, kind=delivery.kind, tries=delivery.tries + 1, now=now)
        ledger.record(connection, delivery, self._worker_id, outcome=outcome, decision=decision, now=now)
        self._on_outcome(connection, delivery, outcome)


def _groups(rows: Iterable[tuple[Delivery, int]]) -> Iterable[tuple[tuple[int, int, int], list[int]]]:
    """Subscriber ids by (campaign, seq, code)."""
    groups: dict[tuple[int, int, int], list[int]] = {}
    for delivery, code in rows:
        groups.setdefault((delivery.campaign_id, delivery.seq, code), []).append(delivery.subscriber_id)
    return groups.items()


class _Step:
    """One step of the protocol for some rows of a campaign; looking one up needs no list, and is quicker."""

    def __init__(self, statement: Update, dialect: Dialect) -> None:
        self._one = prepared(statement.where(*person_of(deliveries)), dialect)
        self._several = prepared(statement.where(*people_of(deliveries)), dialect)

    def run(self, execute: Execute, people: Sequence[int], parameters: dict[str, int]) -> int:
        """How many rows were touched."""
        if len(people) == 1:
            return execute(self._one, parameters | {"person": people[0]})
        return execute(self._several, parameters | {"people": f"[{','.join(map(str, people))}]"})


def _record() -> Update:
    return (
        update(deliveries)
        .where(
            deliveries.c.worker_id == given("worker"),
            deliveries.c.status.in_([DeliveryStatus.INFLIGHT.value, DeliveryStatus.AMBIGUOUS.value]),
        )
        .values(status=DeliveryStatus.SENT.value, worker_id=null(), code=given("code"), changed_at=given("now"))
    )


def _arm(still_wanted: ColumnElement[bool]) -> Update:
    return (
        update(deliveries)
        .where(
            deliveries.c.worker_id == given("worker"),
            deliveries.c.status == DeliveryStatus.CLAIMED.value,
            ledger.is_sending(),
            still_wanted,
        )
        .values(status=DeliveryStatus.INFLIGHT.value, tries=deliveries.c.tries + 1, changed_at=given("now"))
    )
