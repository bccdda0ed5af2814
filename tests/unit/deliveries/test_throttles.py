"""Limits as rows: tokens come evenly, nothing is granted twice, and learning has a floor and an end."""

from __future__ import annotations

import subprocess
import sys
import time

import factories
import pytest

from newsletter.deliveries import throttles
from newsletter.deliveries.meter import Meter
from newsletter.deliveries.providers import provider_of
from newsletter.deliveries.throttles import SECOND, Throttle, interval_of, learned, quicker, slower
from newsletter.store.engine import Database

NOW = round(factories.START.timestamp() * SECOND)


def put(database: Database, key: str = "relay", rate: float = 10.0, tat: int = 0) -> None:
    with database.write() as connection:
        throttles.save(connection, Throttle(key, tat, interval_of(rate)))


def start(database: Database, count: int, now: int = NOW, *, slack: int = 0, latest: int | None = None) -> int | None:
    with database.write() as connection:
        taken = throttles.reserve(connection, "relay", count, now, slack=slack, latest=latest)
    return None if taken is None else taken.start - NOW


def test_tokens_follow_each_other_at_the_interval(database: Database) -> None:
    put(database)
    assert [start(database, 5) for _ in range(3)] == [0, 5 * SECOND // 10, SECOND]


def test_idle_time_is_not_saved_up_but_a_late_moment_is_made_good(database: Database) -> None:
    put(database)
    assert start(database, 1) == 0
    assert start(database, 1, NOW + 60 * SECOND, slack=SECOND // 10) == 60 * SECOND
    assert start(database, 1, NOW + 60 * SECOND + 150_000, slack=SECOND // 10) == 60 * SECOND + 100_000


def test_nothing_is_taken_before_the_latest_moment_allows(database: Database) -> None:
    put(database)
    assert start(database, 10, latest=NOW) == 0
    assert start(database, 10, latest=NOW) is None
    assert start(database, 10, NOW + SECOND, latest=NOW + SECOND) == SECOND


def test_unused_tokens_come_back(database: Database) -> None:
    put(database)
    start(database, 10)
    with database.write() as connection:
        throttles.give_back(connection, "relay", 4)
    assert start(database, 1) == 6 * SECOND // 10


def test_clock_put_back_stops_nobody_for_long(database: Database) -> None:
    put(database, tat=NOW + 86_400 * SECOND)
    assert start(database, 1) == throttles.LEAD


def test_limit_that_does_not_exist_grants_nothing(database: Database) -> None:
    assert start(database, 1) is None


def test_slowing_halves_once_in_ten_seconds_down_to_a_message_in_ten_seconds() -> None:
    limit = learned("gmail.com", 40.0, NOW)
    assert limit.interval == interval_of(20.0)
    assert slower(limit, NOW + 9 * SECOND) == limit
    assert slower(limit, NOW + 10 * SECOND).interval == interval_of(10.0)
    for minute in range(1, 30):
        limit = slower(limit, NOW + minute * 60 * SECOND)
    assert limit.interval == throttles.SLOWEST


def test_slow_start_is_not_taken_for_a_limit() -> None:
    assert learned("gmail.com", 0.0, NOW).interval == SECOND


def test_fifty_successes_bring_five_percent_and_the_rest_is_kept() -> None:
    limit = Throttle("gmail.com", NOW, 1000, origin=500)
    quick = quicker(limit, 49)
    assert quick is not None
    assert (quick.interval, quick.successes) == (1000, 49)
    quick = quicker(quick, 2)
    assert quick is not None
    assert (quick.interval, quick.successes) == (952, 1)


def test_learned_limit_is_gone_far_above_and_a_configured_one_stays_at_its_rate() -> None:
    assert quicker(Throttle("gmail.com", NOW, 1000, origin=500), 50 * 60) is None
    kept = quicker(Throttle("gmail.com", NOW, 1000, configured=500), 50 * 60)
    assert kept is not None
    assert kept.interval == 500


def test_meter_forgets_what_is_older_than_two_windows() -> None:
    moment = 100.0
    meter = Meter(lambda: moment)
    meter.counts()["gmail.com"] += 60
    moment += 6
    assert meter.rate("gmail.com") == 10
    moment += 6
    meter.counts()["gmail.com"] += 12
    assert meter.rate("gmail.com") == 6
    moment += 20
    assert meter.rate("gmail.com") == 0


@pytest.mark.parametrize(
    ("address", "provider"),
    [
        ("a@GoogleMail.com", "gmail.com"),
        ("a@hotmail.com", "outlook.com"),
        ("a@aol.com", "yahoo.com"),
        ("a@me.com", "icloud.com"),
        ("a@web.de", "gmx.net"),
        ("a@example.org", "example.org"),
        ("googlemail.com", "gmail.com"),
    ],
)
def test_domains_of_one_provider_are_one(address: str, provider: str) -> None:
    assert provider_of(address) == provider


WORKER = """
import sys, time
from pathlib import Path
from newsletter.clock import utc_now
from newsletter.deliveries.pacing import Limits, Pacer
from newsletter.store.engine import Database
database = Database(sys.argv[1], Path("/"))
pacer = Pacer(database, Limits(relay=100.0), utc_now)
with database.write() as connection:
    pacer.open(connection)
print("ready", flush=True)
begin = float(sys.stdin.readline())
time.sleep(max(0.0, begin - time.time()))
count = 0
while True:
    time.sleep(max(0.0, pacer.pause()))
    if time.time() > begin + 3:
        break
    count += 1
pacer.close()
print(count)
"""


def test_two_processes_share_one_limit(database: Database) -> None:
    url = database.engine.url.render_as_string(hide_password=False)

    def process() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", WORKER, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    with process() as first, process() as second:
        both = (first, second)
        for each in both:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        begin = time.time() + 0.2
        for each in both:
            assert each.stdin is not None
            each.stdin.write(f"{begin}\n")
            each.stdin.flush()
        counts = [int(each.communicate()[0]) for each in both]
    assert sum(counts) == pytest.approx(300, rel=0.05)
    assert min(counts) > 60
