"""No interleaving breaks a promise of the protocol; without any one of its guards, some interleaving does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from itertools import product
from typing import Any

import factories
import protocol_model as model
import pytest
from protocol_model import PROMISES, Guards, Protocol, Row, State, Worker
from protocol_search import Found, search
from sqlalchemy import Connection, select, update

from newsletter.deliveries import claims, ledger, retry, workers
from newsletter.deliveries.claims import Delivery, Scope
from newsletter.deliveries.lifecycle import CAMPAIGN, DELIVERY, finish_done
from newsletter.store.engine import Database
from newsletter.store.schema import (
    CampaignStatus,
    DeliveryStatus,
    SubscriptionStatus,
    campaigns,
    deliveries,
    subscriptions,
)
from newsletter.subscribers.wanted import still_wanted
from newsletter.tokens import KeyRing

HARM = {
    "cas_on_arm": "nobody gets it twice",
    "consent_at_arm": "whoever has left is not mailed",
    "arm_is_durable": "nobody gets it twice",
    "commit_before_body": "nobody gets it twice",
    "silence_is_doubt": "nobody gets it twice",
    "reaper_never_repeats": "nobody gets it twice",
    "fence_on_record": "pending means not accepted",
    "deferral_reopens": "the end leaves nobody waiting",
    "resend_needs_evidence": "nobody gets it twice",
}
"""What comes of it when a guard is missing."""


@pytest.fixture(scope="module")
def everything() -> Found:
    """The search through all that may happen under the whole protocol."""
    return search(Guards())


def test_every_promise_holds_in_every_state_that_can_be_reached(everything: Found) -> None:
    print(f"{everything.states:,} states, up to the names of rows and workers; {len(PROMISES)} promises")
    assert not everything.broken, "\n".join([everything.broken, *everything.trace])
    assert everything.states > 100_000, "the model has lost most of what may happen"


def test_every_state_has_a_way_to_the_end_without_another_fault(everything: Found) -> None:
    assert everything.stuck == 0


@pytest.mark.parametrize("guard", HARM)
def test_without_this_guard_there_is_a_way_to_harm(guard: str) -> None:
    promise = HARM[guard]
    found = search(Guards(**{guard: False}), {promise: PROMISES[promise]})
    print(f"Without {guard}, not true that {promise}:", *found.trace, sep="\n  ")
    assert found.broken == promise, f"{guard} guards nothing"


def test_every_guard_has_been_taken_out_once() -> None:
    assert set(HARM) == {field.name for field in fields(Guards)}


# -- the model and the code are about the same thing -----------------------------------------------


def edges(table: Mapping[Any, frozenset[Any]]) -> set[tuple[str, str]]:
    return {(start.value, end.value) for start, ends in table.items() for end in ends}


def test_rows_of_the_model_take_exactly_the_steps_the_lifecycle_allows(everything: Found) -> None:
    assert everything.edges == edges(DELIVERY)


def test_campaigns_of_the_model_take_exactly_the_steps_the_lifecycle_allows(everything: Found) -> None:
    """But for `scheduled`, when no row can be claimed yet."""
    waiting = {edge for edge in edges(CAMPAIGN) if CampaignStatus.SCHEDULED.value in edge}
    assert everything.campaign_edges == edges(CAMPAIGN) - waiting


HOLDERS = (model.NONE, 0, 1)
STATES = [
    State(campaign, (Row(status, holder, reader), Row(model.SKIPPED)), (Worker(), Worker()))
    for campaign, status, holder, reader in product(
        (model.SENDING, model.PAUSED, model.FINISHED, model.CANCELLED),
        [status.value for status in DeliveryStatus],
        HOLDERS,
        (model.STAYS, model.LEFT),
    )
]
"""Every standing a row can have, those included that the protocol never lets happen."""

OUTCOMES = {
    model.ACCEPTED: factories.ACCEPTED,
    model.DEFERRED: factories.GREYLISTED,
    model.REFUSED: factories.REFUSED,
    model.SILENCE: factories.SILENCE,
}
ME = 0


class Twin:
    """The real ledger with one row and two workers, to be put where a state of the model stands."""

    def __init__(self, connection: Connection, keys: KeyRing) -> None:
        self.connection = connection
        factories.readers(connection, keys, 1)
        self.campaign_id = factories.issue_campaign(connection)
        self.fences = [workers.register(connection, "send", factories.START) for _ in range(2)]
        (self.delivery,) = self.claim()

    def claim(self) -> list[Delivery]:
        scope = Scope(trial=False)
        return claims.claim(self.connection, self.fences[ME], scope, now=factories.START, limit=9)

    def arm(self) -> None:
        ledger.arm(self.connection, self.delivery, self.fences[ME], still_wanted(), factories.START)

    def record(self, answer: str) -> None:
        outcome, now = OUTCOMES[answer], factories.START
        decision = retry.decide(outcome, kind=self.delivery.kind, tries=1, now=now)
        ledger.record(self.connection, self.delivery, self.fences[ME], outcome=outcome, decision=decision, now=now)

    def reap(self) -> None:
        ledger.bury(self.connection, [self.fences[ME]], factories.START)

    def finish(self) -> None:
        finish_done(self.connection, factories.START)

    def put(self, state: State) -> None:
        row = state.rows[0]
        holder = None if row.holder == model.NONE else self.fences[row.holder]
        here = SubscriptionStatus.CONFIRMED if row.reader == model.STAYS else SubscriptionStatus.UNSUBSCRIBED
        self.connection.execute(update(campaigns).values(status=state.campaign))
        self.connection.execute(
            update(deliveries).values(status=row.status, worker_id=holder, due_at=factories.START, tries=1)
        )
        self.connection.execute(update(subscriptions).values(status=here))

    def stands(self) -> tuple[str, str, int]:
        row = self.connection.execute(select(deliveries)).one()
        status = self.connection.execute(
            select(campaigns.c.status).where(campaigns.c.id == self.campaign_id)
        ).scalar_one()
        return str(status), str(row.status), self.fences.index(row.worker_id) if row.worker_id else model.NONE


def stands(state: State) -> tuple[str, str, int]:
    return state.campaign, state.rows[0].status, state.rows[0].holder


def after(words: str, state: State) -> State:
    """Where the step of the model that is called so leads; nowhere when it cannot be taken."""
    return next((reached for action, reached in Protocol(Guards()).steps(state) if action.words == words), state)


def recorded(answer: str) -> Callable[[State], State]:
    def step(state: State) -> State:
        done = Protocol(Guards()).record(state, ME, 0, answer)
        if answer == model.SILENCE and done != state:  # the code keeps the number of one who has nothing to add
            return done._replace(rows=(done.rows[0]._replace(holder=ME), done.rows[1]))
        return done

    return step


PAIRS: dict[str, tuple[Callable[[State], State], Callable[[Twin], object]]] = {
    "claim": (lambda state: after("{w} claims row {r}", state), Twin.claim),
    "arm": (lambda state: Protocol(Guards()).arm(state, ME, 0), Twin.arm),
    **{f"record {answer}": (recorded(answer), partial(Twin.record, answer=answer)) for answer in OUTCOMES},
    "reap": (lambda state: Protocol(Guards()).reap(state, ME), Twin.reap),
    "finish": (lambda state: after("the campaign is finished", state), Twin.finish),
}
"""The same step in the model and in the ledger."""


@pytest.mark.parametrize("name", PAIRS)
def test_ledger_does_what_the_model_does_wherever_a_row_may_stand(name: str, database: Database, keys: KeyRing) -> None:
    in_the_model, in_the_ledger = PAIRS[name]
    differences = []
    with database.write() as connection:
        twin = Twin(connection, keys)
        for state in STATES:
            twin.put(state)
            in_the_ledger(twin)
            expected, found = stands(in_the_model(state)), twin.stands()
            if found != expected:
                differences.append(f"{stands(state)}, reader {state.rows[0].reader}: {found}, in the model {expected}")
    assert not differences, "\n".join(differences)
