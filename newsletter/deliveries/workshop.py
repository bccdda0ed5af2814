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

AHEAD = 16
"""Copies begun per thread before they are asked for: the engine asks for several in one turn, one for each line
that is free, and no thread should run out of work meanwhile. About a megabyte at the most."""

NAME = "newsletter-compose"


CHUNK = 4
"""Copies handed to a thread at a time: waking one costs as much as filling a copy."""

_Result = Envelope | Exception


class Workshop:
    """Composes for one sender; asked from the sender's own thread only, while `compose` runs in any."""

    def __init__(self, compose: Compose, threads: int) -> None:
        self._compose = compose
        self._depth = AHEAD * threads
        cores = _cores()
        self._pool = ThreadPoolExecutor(threads, NAME, lambda: _settle_on(next(cores))) if threads else None
        self._begun: dict[int, tuple[Delivery, Future[list[_Result]], int]] = {}
        """By identity, so that a row that is claimed anew is composed anew; in the order of `behind`."""

    def compose(self, delivery: Delivery, behind: Iterable[Delivery]) -> Envelope:
        """The copy of `delivery`, or what composing it raised; those `behind` it are begun.

        `behind` is what will be asked for next, in that order. What is left out of it later is forgotten.
        """
        if self._pool is None:
            return self._compose(delivery)
        self._begin(self._pool, list(islice(behind, self._depth)))
        begun = self._taken(delivery)
        # One that no thread has begun yet is quicker made here than waited for.
        if begun is None or begun[0].cancel():
            return self._compose(delivery)
        result = begun[0].result()[begun[1]]
        if isinstance(result, Exception):
            raise result
        return result

    def close(self) -> None:
        """Forget what was not asked for, and wait for the threads."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._begun.clear()

    def _begin(self, pool: ThreadPoolExecutor, rows: list[Delivery]) -> None:
        """Hand out whole chunks, and what is left at the end of everything."""
        fresh = [row for row in rows if id(row) not in self._begun]
        if len(rows) == self._depth:
            fresh = fresh[: len(fresh) - len(fresh) % CHUNK]
        for start in range(0, len(fresh), CHUNK):
            chunk = fresh[start : start + CHUNK]
            future = pool.submit(self._results, chunk)
            self._begun |= {id(row): (row, future, place) for place, row in enumerate(chunk)}

    def _results(self, rows: list[Delivery]) -> list[_Result]:
        """What became of each."""
        results: list[_Result] = []
        for row in rows:
            try:
                results.append(self._compose(row))
            except Exception as error:
                results.append(error)
        return results

    def _taken(self, delivery: Delivery) -> tuple[Future[list[_Result]], int] | None:
        """What was begun for this row; whatever stood before it is no longer wanted."""
        if id(delivery) not in self._begun:
            return None
        while True:
            row, future, place = self._begun.pop(next(iter(self._begun)))
            if row is delivery:
                return future, place


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
