"""The workshop: composes the next few copies in threads while the sender talks to the relay.

A DKIM signature is a third of a millisecond of arithmetic, during which OpenSSL lets go of the interpreter. So
with as many threads as cores all of them sign, where the sender's own thread would keep one busy and wait for
it. Without threads a copy is composed when it is asked for: filling alone is too quick to be worth handing over.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import cycle, islice

from newsletter.deliveries.claims import Delivery
from newsletter.transport.base import Envelope

Compose = Callable[[Delivery], Envelope]

AHEAD = 8
"""Copies begun per thread before they are asked for: the engine asks for several in one turn, one for each line
that is free, and no thread should run out of work meanwhile. A few hundred kilobytes at the most."""

NAME = "newsletter-compose"


class Workshop:
    """Composes for one sender; asked from the sender's own thread only, while `compose` runs in any."""

    def __init__(self, compose: Compose, threads: int) -> None:
        self._compose = compose
        self._depth = AHEAD * threads
        cores = _cores()
        self._pool = ThreadPoolExecutor(threads, NAME, lambda: _settle_on(next(cores))) if threads else None
        self._begun: dict[int, tuple[Delivery, Future[Envelope]]] = {}
        """By identity, so that a row that is claimed anew is composed anew; in the order of `behind`."""

    def compose(self, delivery: Delivery, behind: Iterable[Delivery]) -> Envelope:
        """The copy of `delivery`, or what composing it raised; those `behind` it are begun.

        `behind` is what will be asked for next, in that order. What is left out of it later is forgotten.
        """
        if self._pool is None:
            return self._compose(delivery)
        for each in islice(behind, self._depth):
            if id(each) not in self._begun:
                self._begun[id(each)] = each, self._pool.submit(self._compose, each)
        future = self._taken(delivery)
        # One that no thread has begun yet is quicker made here than waited for.
        return self._compose(delivery) if future is None or future.cancel() else future.result()

    def close(self) -> None:
        """Forget what was not asked for, and wait for the threads."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._begun.clear()

    def _taken(self, delivery: Delivery) -> Future[Envelope] | None:
        """What was begun for this row; whatever stood before it is no longer wanted."""
        if id(delivery) not in self._begun:
            return None
        while True:
            each, future = self._begun.pop(next(iter(self._begun)))
            if each is delivery:
                return future
            future.cancel()


def _cores() -> Iterator[set[int]]:
    """The cores this process may use, one after the other for ever; another process begins with another."""
    mine = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    first = os.getpid() % len(mine)
    return cycle([{core} for core in mine[first:] + mine[:first]])


def _settle_on(core: set[int]) -> None:
    """Keep this thread on one core.

    Threads that hand the interpreter to each other wake each other, and Linux likes to run whoever is woken on
    the core of whoever wakes it: left alone, two of them often share one core while the other stands idle.
    """
    if hasattr(os, "sched_setaffinity"):
        with suppress(OSError):
            os.sched_setaffinity(0, core)
