"""The pacer: whether the next copy may go now, and what answers teach about that.

Three kinds of limits, each a `throttles` row that all senders of a Site share: on everything, on the relay,
and on one receiving provider. For the first two a sender waits. A copy for a provider without a token does
not hold up the others: it goes back to the ledger, due when it may go. With no limit set or learned nothing
of this costs more than a look at an empty dictionary; tokens are taken several at a time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection

from newsletter.clock import Clock
from newsletter.deliveries import throttles
from newsletter.deliveries.claims import Delivery
from newsletter.deliveries.meter import Meter
from newsletter.deliveries.providers import provider_of
from newsletter.deliveries.throttles import SECOND, Throttle, interval_of
from newsletter.store.engine import Database
from newsletter.store.schema import CampaignKind
from newsletter.transport.base import Outcome, Phase, Settled, Verdict

ALL = "all"
RELAY = "relay"
WAITED_FOR = (ALL, RELAY)

MOST_TOKENS = 50
AHEAD = SECOND // 10
"""Tokens of `all` and `relay` are taken for so long at a time: a process that dies loses no more."""

ROUND = 2 * SECOND
"""A provider gets what is due to it every so often, in one go, so that a connection is worth its opening."""

HORIZON = 600 * SECOND
"""Nobody is put off for longer because of others, so that a limit that rises soon finds work."""

REFRESH = 1.0
"""Seconds between looks at what other processes have learned, and between writes of what went well."""


@dataclass(frozen=True)
class Limits:
    """Messages a second at the most, as configured; None is no limit."""

    total: float | None = None
    relay: float | None = None
    providers: Mapping[str, float] = field(default_factory=dict)

    def intervals(self) -> dict[str, int]:
        """Microseconds between messages by key; of two limits for one provider the lower holds."""
        rates = {key: rate for key, rate in ((ALL, self.total), (RELAY, self.relay)) if rate}
        for domain, rate in self.providers.items():
            provider = provider_of(domain)
            rates[provider] = min(rate, rates.get(provider, rate))
        return {key: interval_of(rate) for key, rate in rates.items()}


class _Bucket:
    """Tokens of one limit that this process has taken and not used."""

    __slots__ = ("blocked_until", "interval", "is_waited_for", "next_slot", "promised", "promised_in_round", "tokens")

    def __init__(self, key: str, interval: int) -> None:
        self.interval = interval
        self.is_waited_for = key in WAITED_FOR
        self.tokens = 0
        self.next_slot = 0.0
        """When the next token may be used, by the monotonic clock; `all` and `relay` only."""
        self.blocked_until = 0
        """When a provider has its next tokens, by the wall clock; so do the promises below."""
        self.promised = 0
        self.promised_in_round = 0

    @property
    def round(self) -> int:
        """How many tokens are taken at a time."""
        return max(1, min(MOST_TOKENS, (AHEAD if self.is_waited_for else ROUND) // self.interval))


class Pacer:
    """Paces one sender; used from its own thread only. `limits` None: no pacing at all (the sandbox)."""

    def __init__(self, database: Database, limits: Limits | None, clock: Clock) -> None:
        self._database = database
        self._limits = limits
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}
        self._meter = Meter()
        self._successes: dict[str, int] = {}
        self._slowed: dict[str, float] = {}
        self._refreshed = 0.0
        self._written = 0.0
        self._promised = 0

    # -- life ----------------------------------------------------------------------------------

    def open(self, connection: Connection) -> None:
        """Bring the rows in step with the configuration, and read what was learned before."""
        if self._limits is None:
            return
        rows = throttles.load(connection)
        configured = self._limits.intervals()
        for key, interval in configured.items():
            row = rows.get(key)
            if row is None or row.configured != interval:
                throttles.save(connection, Throttle(key, row.tat if row else 0, interval, configured=interval))
        for key, row in rows.items():
            if row.configured is not None and key not in configured:
                throttles.remove(connection, key)
        self._read(connection)

    def refresh(self, connection: Connection) -> None:
        """See what other processes have learned, once a second at the most."""
        if self._limits is not None and time.monotonic() - self._refreshed >= REFRESH:
            self._read(connection)

    def close(self) -> None:
        """Return tokens that were not used, and write down what went well."""
        now = time.monotonic()
        unused = {
            key: bucket.tokens
            for key, bucket in self._buckets.items()
            if bucket.tokens and (not bucket.is_waited_for or bucket.next_slot > now)
        }
        if unused or self._successes:
            with self._database.write() as connection:
                for key, count in unused.items():
                    throttles.give_back(connection, key, count)
                self._write_successes(connection)
        self._buckets.clear()

    def _read(self, connection: Connection) -> None:
        self._refreshed = time.monotonic()
        rows = throttles.load(connection)
        for key in self._buckets.keys() - rows.keys():
            del self._buckets[key]
        for key, row in rows.items():
            self._set(key, row.interval)

    def _set(self, key: str, interval: int) -> None:
        bucket = self._buckets.get(key)
        if bucket is None:
            self._buckets[key] = _Bucket(key, interval)
        else:
            bucket.interval = interval

    # -- may it go? ----------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Whether there is no limit on anything: every copy may go at once."""
        return not self._buckets

    def admit(self, delivery: Delivery) -> bool:
        """Take a token of the copy's provider; False when it has none now.

        People wait for confirmations and the like, so these go at once, on credit.
        """
        provider = provider_of(delivery.email)
        bucket = self._buckets.get(provider)
        if bucket is None:
            return True
        if not bucket.tokens:
            self._fill(provider, bucket, on_credit=delivery.kind is not CampaignKind.ISSUE)
        if not bucket.tokens:
            return provider not in self._buckets
        bucket.tokens -= 1
        return True

    def pause(self) -> float:
        """Take a token of the relay and of the whole; how many seconds to wait before it may be used."""
        return max((self._slot(key) for key in WAITED_FOR if key in self._buckets), default=0.0)

    def put_off(self, provider: str, count: int) -> list[datetime]:
        """When the next `count` copies for a provider without a token may go."""
        bucket = self._buckets[provider]
        now = self._now()
        first = max(bucket.blocked_until, now)
        dues = []
        for _ in range(count):
            if bucket.promised < first or bucket.promised > now + HORIZON:
                bucket.promised, bucket.promised_in_round = first, 0
            dues.append(_moment(bucket.promised))
            self._promised = max(self._promised, bucket.promised)
            bucket.promised_in_round += 1
            if bucket.promised_in_round >= bucket.round:
                bucket.promised += bucket.round * bucket.interval
                bucket.promised_in_round = 0
        return dues

    @property
    def last_promise(self) -> datetime:
        """Until when copies are held back by nothing but pacing."""
        return _moment(self._promised)

    def _fill(self, provider: str, bucket: _Bucket, *, on_credit: bool) -> None:
        now = self._now()
        if now < bucket.blocked_until < now + throttles.LEAD and not on_credit:
            return
        count = 1 if on_credit else bucket.round
        with self._database.write(alone=False) as connection:
            taken = throttles.reserve(connection, provider, count, now, latest=None if on_credit else now)
            row = None if taken else throttles.load(connection).get(provider)
        if taken is not None:
            bucket.interval, bucket.tokens = taken.interval, count
            bucket.blocked_until = taken.start + count * taken.interval
        elif row is not None:
            bucket.interval, bucket.blocked_until = row.interval, row.tat
        else:
            del self._buckets[provider]

    def _slot(self, key: str) -> float:
        bucket = self._buckets[key]
        if not bucket.tokens:
            now, count = self._now(), bucket.round
            with self._database.write(alone=False) as connection:
                taken = throttles.reserve(connection, key, count, now, slack=AHEAD)
            if taken is None:
                del self._buckets[key]
                return 0.0
            bucket.interval, bucket.tokens = taken.interval, count
            bucket.next_slot = time.monotonic() + (taken.start - now) / SECOND
        slot = bucket.next_slot
        bucket.tokens -= 1
        bucket.next_slot += bucket.interval / SECOND
        return slot - time.monotonic()

    # -- what answers teach --------------------------------------------------------------------

    def learn(self, done: Sequence[Settled]) -> None:
        """Count what was accepted, and slow down for whoever asked for it."""
        if self._limits is None:
            return
        counts = self._meter.counts()
        for envelope, outcome in done:
            if outcome.verdict is Verdict.ACCEPTED:
                provider = provider_of(envelope.recipient)
                counts[provider] += 1
                counts[RELAY] += 1
                if self._buckets:
                    self._succeed(provider)
            elif key := slowed(envelope.recipient, outcome):
                self._slow(key)
        if self._successes and time.monotonic() - self._written >= REFRESH:
            with self._database.write() as connection:
                self._write_successes(connection)

    def _succeed(self, provider: str) -> None:
        for key in (provider, RELAY):
            if key in self._buckets:
                self._successes[key] = self._successes.get(key, 0) + 1

    def _write_successes(self, connection: Connection) -> None:
        self._written = time.monotonic()
        rows = throttles.load(connection)
        for key, row in rows.items():
            if not (count := self._successes.get(key)):
                continue
            changed = throttles.quicker(row, count)
            if changed is None:
                throttles.remove(connection, key)
                self._buckets.pop(key, None)
            elif changed.interval != row.interval or row.configured != row.interval:
                throttles.save(connection, changed)
                self._set(key, changed.interval)
        self._successes.clear()

    def _slow(self, key: str) -> None:
        moment = time.monotonic()
        if moment - self._slowed.get(key, -throttles.COOLING) < throttles.COOLING / SECOND:
            return
        self._slowed[key] = moment
        now = self._now()
        with self._database.write() as connection:
            row = throttles.load(connection).get(key)
            changed = throttles.slower(row, now) if row else throttles.learned(key, self._meter.rate(key), now)
            throttles.save(connection, changed)
        self._successes.pop(key, None)
        self._buckets[key] = _Bucket(key, changed.interval)

    def _now(self) -> int:
        return round(self._clock().timestamp() * SECOND)


def slowed(recipient: str, outcome: Outcome) -> str:
    """Whom an answer asks us to slow down for: `relay`, a provider, or nobody (empty).

    A 421 ends a session for want of room, 4.7.x is about our conduct (RFC 3463 §3.8). A 451 4.7.1 or
    450 4.2.0 at RCPT is how greylisting greets a stranger (RFC 6647 §2.1): it asks to come back, not to slow down.
    """
    if outcome.verdict is not Verdict.DEFERRED or not (outcome.code == 421 or outcome.enhanced.startswith("4.7.")):
        return ""
    if outcome.phase in {Phase.CONNECT, Phase.MAIL}:
        return RELAY
    if outcome.phase is Phase.RCPT and outcome.code in {450, 451} and outcome.enhanced == "4.7.1":
        return ""
    return provider_of(recipient)


def _moment(microseconds: int) -> datetime:
    """The whole millisecond at or after it, which is what the ledger keeps."""
    return datetime.fromtimestamp(-(-microseconds // 1000) / 1000, UTC)
