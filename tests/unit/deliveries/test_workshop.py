"""Copies that are composed ahead are the same copies, and nobody gets another's or an old one."""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from newsletter.deliveries.claims import Delivery
from newsletter.deliveries.workshop import AHEAD, Compose, Workshop
from newsletter.errors import RenderError
from newsletter.store.schema import CampaignKind
from newsletter.transport.base import Envelope

NOW = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)


def row(number: int, tries: int = 0) -> Delivery:
    email = f"r{number}@example.net"
    return Delivery(1, number, 0, CampaignKind.ISSUE, 1, tries, 10**12 + number, email, "", {}, "en", NOW, None)


def copy(delivery: Delivery) -> Envelope:
    return Envelope("editor@news.example.org", delivery.email, b"Subject: Spring\r\n\r\nHello\r\n", delivery)


class Composing:
    """Counts what is composed, and in which threads."""

    def __init__(self) -> None:
        self.rows: Counter[int] = Counter()
        self.threads: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, delivery: Delivery) -> Envelope:
        with self._lock:
            self.rows[delivery.subscriber_id] += 1
            self.threads.add(threading.current_thread().name)
        if delivery.email.startswith("r13@"):
            raise RenderError("This reader has no city.")
        return copy(delivery)


@contextmanager
def workshop(compose: Compose, threads: int = 2) -> Iterator[Workshop]:
    opened = Workshop(compose, threads)
    try:
        yield opened
    finally:
        opened.close()
        assert not [each for each in threading.enumerate() if each.name.startswith("newsletter-compose")]


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_every_row_gets_its_own_copy_composed_once(threads: int) -> None:
    hands = deque(row(number) for number in range(100, 300))
    composing = Composing()
    with workshop(composing, threads) as shop:
        while hands:
            delivery = hands.popleft()
            assert shop.compose(delivery, hands).key is delivery
    assert composing.rows == Counter(range(100, 300))


def test_without_threads_nothing_is_begun_ahead() -> None:
    composing = Composing()
    with workshop(composing, 0) as shop:
        shop.compose(row(1), [row(2), row(3)])
    assert composing.rows == {1: 1}
    assert composing.threads == {threading.current_thread().name}


def test_only_so_many_copies_are_begun_ahead() -> None:
    composing = Composing()
    with workshop(composing, 2) as shop:
        shop.compose(row(1), [row(number) for number in range(2, 50)])
    assert sum(composing.rows.values()) <= 1 + 2 * AHEAD


def test_what_composing_raised_comes_out_where_that_copy_is_asked_for() -> None:
    hands = deque(row(number) for number in range(10, 16))
    seen = []
    with workshop(Composing()) as shop:
        while hands:
            delivery = hands.popleft()
            try:
                seen.append(shop.compose(delivery, hands).recipient)
            except RenderError as error:
                seen.append(error.message)
    assert seen == [f"r{n}@example.net" if n != 13 else "This reader has no city." for n in range(10, 16)]


def test_rows_that_were_put_off_are_forgotten_and_composed_anew_when_they_come_back() -> None:
    first, off, last = row(1), row(2), row(3)
    with workshop(copy) as shop:
        shop.compose(first, [off, last])
        assert shop.compose(last, []).key is last
        again = row(2, tries=1)
        assert shop.compose(again, []).key is again


def test_slow_copies_are_composed_side_by_side() -> None:
    side_by_side = threading.Barrier(2, timeout=10)

    def slow(delivery: Delivery) -> Envelope:
        side_by_side.wait()
        return copy(delivery)

    hands = deque(row(number) for number in range(2))
    with workshop(slow) as shop:
        while hands:
            shop.compose(hands.popleft(), hands)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux lets a thread choose its cores")
def test_only_the_threads_of_the_workshop_are_kept_on_a_core() -> None:
    mine = os.sched_getaffinity(0)
    where: list[set[int]] = []

    def looking(delivery: Delivery) -> Envelope:
        where.append(os.sched_getaffinity(0))
        return copy(delivery)

    with workshop(looking, 1) as shop:
        shop.compose(row(1), [row(2)])
        shop.compose(row(2), [])
    assert os.sched_getaffinity(0) == mine
    assert all(cores <= mine for cores in where)
