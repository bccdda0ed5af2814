"""The sender: claims rows, has them composed, drives a Transport, and records what became of each.

It is handed everything that knows more than the ledger does: `compose` turns a claimed row into an
Envelope, `still_wanted` is the SQL condition under which the arm statement lets a message go, and
`on_outcome` runs in the transaction that records an answer. `send`, `serve` and `worker` differ only
in which campaigns they empty and when they stop.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement

from newsletter.clock import Clock
from newsletter.deliveries import claims, ledger, lifecycle, workers
from newsletter.deliveries.breakers import Breakers
from newsletter.deliveries.claims import Delivery, Scope
from newsletter.deliveries.exchange import Exchange, OnOutcome
from newsletter.deliveries.fence import Fence
from newsletter.deliveries.pacing import Limits, Pacer
from newsletter.deliveries.providers import provider_of
from newsletter.deliveries.workshop import Compose, Workshop
from newsletter.errors import RenderError, StateError, StoreError
from newsletter.store.engine import Database
from newsletter.store.schema import CampaignKind, CampaignStatus
from newsletter.transport.base import Envelope, Outcome, Phase, Settled, Transport, Verdict

Progress = Callable[[Outcome], None]

BATCHES = (20, 2000)
"""Rows claimed at a time, at least and at most: about what leaves in a second, so that a confirmation
need not wait behind a long batch of an issue, and a quick relay is not kept waiting for claims."""

PATIENCE = timedelta(seconds=10)
"""`drain` waits for rows that are due this soon instead of leaving them to the next run."""


@dataclass(frozen=True)
class Policies:
    """What the workflows above the ledger want a say in."""

    compose: Compose
    still_wanted: ColumnElement[bool]
    on_outcome: OnOutcome
    limits: Limits | None = None
    """Whom not to hurry; None where mail reaches nobody (the sandbox): no limits, and nothing learned."""
    fence: Fence | None = None
    """Refuses to begin on a copy of the database."""
    compose_threads: int = 0
    """Threads that compose ahead, for copies that are signed; `compose` then runs in several at once."""


class Sender:
    """Empties the ledger through one Transport. One instance per run; `stop` is safe from any thread."""

    def __init__(
        self,
        database: Database,
        transport: Transport,
        policies: Policies,
        clock: Clock,
        *,
        scope: Scope,
        progress: Progress | None = None,
    ) -> None:
        self._database = database
        self._transport = transport
        self._policies = policies
        self._clock = clock
        self._scope = scope
        self._progress = progress
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._hands: deque[Delivery] = deque()
        self._pacer = Pacer(database, policies.limits, clock)
        self._breakers = Breakers()
        self._batch = BATCHES[0]
        self._news: list[Settled] = []
        """Settled, and nothing learned from it yet."""
        self._claims = itertools.count()
        self._claimed_at = 0.0
        self._worker_id = 0
        self._exchange: Exchange
        self._workshop: Workshop

    def stop(self) -> None:
        """Take nothing more; what is on the wire finishes."""
        self._stopping.set()
        self._woken.set()

    def wake(self) -> None:
        """There is something new in the ledger: `serve_forever` looks at once."""
        self._woken.set()

    def drain(self) -> None:
        """Send until nothing (of the campaign) is due, claimed or in flight, by us or by another sender.

        Raises `TransportUnavailable` when the relay cannot be used; every row is then back in the ledger.
        Raises `RefusedError`, like every beginning of a worker, when the database is a copy.
        """
        with _Worker(self, "send"):
            is_due = True
            while not self._stopping.is_set():
                if is_due:
                    self._run()
                with self._database.write() as connection:
                    now = self._clock()
                    ledger.reap(connection, now)
                    lifecycle.finish_done(connection, now)
                    due = ledger.next_due(connection, self._scope)
                    campaign_id = self._scope.campaign_id
                    others = 0 if campaign_id is None else ledger.held(connection, campaign_id)
                patience = max(PATIENCE, self._pacer.last_promise - now)
                if not others and not ledger.soon(now, due, patience):
                    return
                is_due = ledger.soon(now, due, timedelta())
                self._stopping.wait(0.2)

    def serve_forever(self, on_trouble: Callable[[Exception], None], pause: float = 1.0) -> None:
        """Empty everything until `stop`; trouble with the relay or the disk is reported and tried again later.

        After trouble a new worker begins, so that what the old one had in hand or in flight is settled.
        """
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                with _Worker(self, "serve"):
                    self._serve(pause)
            except Exception as error:
                on_trouble(error)
                self._woken.wait(10 * pause)

    def _serve(self, pause: float) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            wait = pause
            if self._tidy():
                self._run()
                self._tidy()
                wait = 0.05
            self._woken.wait(wait)

    def _tidy(self) -> bool:
        with self._database.read() as connection:
            due = ledger.soon(self._clock(), ledger.next_due(connection, self._scope), timedelta())
        with self._database.write() as connection:
            now = self._clock()
            ledger.reap(connection, now)
            lifecycle.start_scheduled(connection, now)
            lifecycle.finish_done(connection, now)
        return due

    # -- the two callables that drive the transport --------------------------------------------

    def _run(self) -> None:
        try:
            self._transport.run(self._take, self._settle)
        finally:
            self._take_in()

    def _take(self) -> Envelope | None:
        self._take_in()
        while not self._stopping.is_set():
            if not self._hands and not self._claim():
                return None
            delivery = self._hands.popleft()
            if not self._pacer.is_idle and not self._keep_pace(delivery):
                continue
            envelope = self._compose(delivery)
            if envelope is not None:
                return envelope
        return None

    def _settle(self, done: Sequence[Settled], arming: Sequence[Envelope]) -> Collection[Envelope]:
        # A stopped sender arms nothing more: what is not on the wire yet stays in the ledger.
        asking = () if self._stopping.is_set() else arming
        refused = self._exchange(done, asking) if done or asking else ()
        self._news += done
        return refused if asking is arming else arming

    def _take_in(self) -> None:
        """Learn from what was settled: not at once, because armed bodies wait to leave, but before more is taken."""
        if not self._news:
            return
        done, self._news = self._news, []
        if self._progress:
            for _, outcome in done:
                self._progress(outcome)
        self._pacer.learn(done)
        self._watch_out(done)

    def _claim(self) -> bool:
        fence, turn = self._policies.fence, 0
        with self._database.write(alone=False) as connection:
            now = self._clock()
            workers.renew(connection, self._worker_id, now)
            lifecycle.start_scheduled(connection, now)
            self._pacer.refresh(connection)
            nth = next(self._claims)
            self._hands += claims.claim(connection, self._worker_id, self._scope, now=now, limit=self._batch, nth=nth)
            if fence is not None and self._hands:
                turn = fence.advance(connection)
        if fence is not None and turn:
            fence.keep(turn)
        if self._breakers.has_tripped:
            self._breakers.claimed({delivery.campaign_id for delivery in self._hands})
        self._fit_batch()
        return bool(self._hands)

    def _fit_batch(self) -> None:
        now = time.monotonic()
        if now - self._claimed_at < 0.5:
            self._batch = min(BATCHES[1], 2 * self._batch)
        elif now - self._claimed_at > 2:
            self._batch = max(BATCHES[0], self._batch // 2)
        self._claimed_at = now

    def _compose(self, delivery: Delivery) -> Envelope | None:
        try:
            return self._workshop.compose(delivery, self._hands)
        except RenderError as error:
            outcome = Outcome(Verdict.REJECTED, Phase.CONNECT, text=f"not composed: {error}")
            with self._database.write() as connection:
                ledger.refuse(connection, delivery, self._worker_id, outcome, self._clock())
            return None

    # -- manners -------------------------------------------------------------------------------

    def _keep_pace(self, delivery: Delivery) -> bool:
        """Wait until this copy may go; False when it is not to go now."""
        if not self._pacer.admit(delivery):
            self._put_off(delivery)
            return False
        pause = self._pacer.pause()
        if pause > 0 and self._stopping.wait(pause):
            self._hands.appendleft(delivery)
            return False
        return True

    def _put_off(self, delivery: Delivery) -> None:
        """Give back what is in hand for a provider that has enough for now; the others go on."""
        provider = provider_of(delivery.email)
        waiting = [delivery]
        others: deque[Delivery] = deque()
        for each in self._hands:
            is_alike = each.kind is CampaignKind.ISSUE and provider_of(each.email) == provider
            (waiting if is_alike else others).append(each)
        dues = self._pacer.put_off(provider, len(waiting))
        with self._database.write() as connection:
            ledger.put_off(connection, list(zip(waiting, dues, strict=True)), self._worker_id, self._clock())
        self._hands = others

    def _watch_out(self, done: Sequence[Settled]) -> None:
        for envelope, outcome in done:
            if reason := self._breakers.feed(envelope.key, outcome):
                self._pause(envelope.key.campaign_id, reason)

    def _pause(self, campaign_id: int, reason: str) -> None:
        """Stop one campaign; what of it is in hand goes back, other campaigns go on."""
        mine = [delivery for delivery in self._hands if delivery.campaign_id == campaign_id]
        with self._database.write() as connection:
            now = self._clock()
            # Whoever finished, paused or cancelled it meanwhile was first.
            with suppress(StateError):
                lifecycle.move_campaign(connection, campaign_id, CampaignStatus.PAUSED, now=now, reason=reason)
            for delivery in mine:
                ledger.put_back(connection, delivery, self._worker_id, now)
        self._hands = deque(delivery for delivery in self._hands if delivery.campaign_id != campaign_id)


class _Worker:
    """A worker's row from registration to retirement, with a heartbeat in between."""

    def __init__(self, sender: Sender, purpose: str) -> None:
        self._sender = sender
        self._purpose = purpose
        self._over = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="newsletter-heartbeat", daemon=True)

    def __enter__(self) -> None:
        sender = self._sender
        if sender._policies.fence is not None:
            sender._policies.fence.require()
        with sender._database.write() as connection:
            now = sender._clock()
            ledger.reap(connection, now)
            sender._worker_id = workers.register(connection, self._purpose, now)
            sender._pacer.open(connection)
        policies = sender._policies
        sender._exchange = Exchange(
            sender._database, sender._worker_id, policies.still_wanted, policies.on_outcome, sender._clock
        )
        sender._workshop = Workshop(policies.compose, policies.compose_threads)
        self._heart.start()

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._heart.join()
        sender = self._sender
        sender._workshop.close()
        sender._exchange.close()
        sender._hands.clear()
        with sender._database.write() as connection:
            now = sender._clock()
            # A settle that could not be written (disk full) left its row in flight: in doubt, not lost.
            ledger.bury(connection, [sender._worker_id], now)
            lifecycle.finish_done(connection, now)
        sender._pacer.close()

    def _beat(self) -> None:
        while not self._over.wait(workers.HEARTBEAT.total_seconds()):
            # A heartbeat that cannot be written shortens the lease, and the lease decides.
            with suppress(StoreError), self._sender._database.write(alone=False) as connection:
                workers.renew(connection, self._sender._worker_id, self._sender._clock())
