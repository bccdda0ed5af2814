"""Who is sending: a lease that runs out, or at once when the process is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import factories
import faults
import pytest
from sqlalchemy import Connection, select, update

from newsletter.deliveries import workers
from newsletter.deliveries.workers import LEASE, Process
from newsletter.store.engine import Database
from newsletter.store.schema import workers as table

NOW = factories.START


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as opened:
        yield opened


def test_this_process_runs_and_its_worker_lives(connection: Connection) -> None:
    assert not Process.this().is_gone()
    workers.register(connection, "send", NOW)
    assert workers.dead(connection, NOW + LEASE) == []


def test_lease_that_ran_out_is_dead_and_a_heartbeat_prolongs_it(connection: Connection) -> None:
    worker = workers.register(connection, "send", NOW)
    later = NOW + LEASE + timedelta(milliseconds=1)
    assert workers.dead(connection, later) == [worker]
    workers.renew(connection, worker, later)
    assert workers.dead(connection, later) == []


def test_worker_whose_process_is_gone_is_dead_at_once(connection: Connection) -> None:
    worker = workers.register(connection, "send", NOW)
    connection.execute(update(table).values(pid=faults.ended_process()))
    assert workers.dead(connection, NOW) == [worker]


def test_process_number_given_to_another_process_is_not_the_old_worker(connection: Connection) -> None:
    worker = workers.register(connection, "send", NOW)
    connection.execute(update(table).values(process_started=table.c.process_started - 1))
    assert workers.dead(connection, NOW) == [worker]


def test_process_killed_but_not_yet_reaped_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        running = replace(Process.this(), pid=process.pid, started=workers._start_time(process.pid) or 0)
        assert not running.is_gone()
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert running.is_gone()


def test_process_of_another_host_is_judged_by_its_lease_alone(connection: Connection) -> None:
    worker = workers.register(connection, "send", NOW)
    connection.execute(update(table).values(host="elsewhere.example.net", pid=faults.ended_process()))
    assert workers.dead(connection, NOW) == []
    assert workers.dead(connection, NOW + 2 * LEASE) == [worker]


def test_number_of_a_worker_is_never_given_out_twice(connection: Connection) -> None:
    first = workers.register(connection, "send", NOW)
    workers.retire(connection, first)
    assert workers.register(connection, "send", NOW) > first
    assert len(connection.execute(select(table)).all()) == 1
