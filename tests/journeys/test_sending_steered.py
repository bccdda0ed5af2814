"""Stopping, pausing, resuming and cancelling a send that is under way, from its terminal and from another one."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from smtpd import ScriptedServer, Stall

import pytest
from journeys.desk import Command, Desk, eventually
from journeys.sink import Sink

READERS = 400
AFTER = 20
"""Copies that are out when somebody steps in."""


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    """A relay slow enough to step in."""
    with Sink(tmp_path / "sink.log", delay=0.03) as opened:
        yield opened


@pytest.fixture
def desk(desks: Callable[[int], Desk], sink: Sink) -> Desk:
    """A desk that sends there, two at a time."""
    made = desks(READERS)
    made.relay(sink.port, connections=2)
    return made


def under_way(desk: Desk, sink: Sink) -> Command:
    """A send of which some copies are out."""
    sending = desk.start_send("--json")
    sink.wait_for(AFTER)
    return sending


def finish(desk: Desk, sink: Sink) -> None:
    """The same command again sends the rest, once each."""
    sink.delay = 0
    last = desk.send("--json")
    assert (last.code, last.json["sent"]) == (0, READERS), last
    assert set(sink.copies().values()) == {1}
    assert desk.statuses() == {"sent": READERS}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_pauses_cleanly_and_the_same_command_goes_on(desk: Desk, sink: Sink, number: signal.Signals) -> None:
    sending = under_way(desk, sink)
    sending.signal(number)
    stopped = sending.result(timeout=10)
    assert stopped.code == 130
    out = sink.count
    assert out < READERS
    assert f"Paused: {out} of {READERS} sent" in stopped.err
    assert "same command again" in stopped.err
    assert desk.statuses() == {"sent": out, "pending": READERS - out}, "what was on the wire has finished"
    assert desk.campaign() == "paused"
    assert desk.sql("SELECT * FROM workers") == []
    finish(desk, sink)


def test_a_second_ctrl_c_breaks_off_and_what_was_past_its_dot_is_in_doubt(
    desks: Callable[[int], Desk], tmp_path: Path
) -> None:
    desk = desks(12)
    with ScriptedServer({"DOT": Stall()}) as server:
        desk.relay(server.port, connections=1)
        sending = desk.start_send()
        server.wait_for(".")
        sending.signal(signal.SIGINT)
        time.sleep(0.5)
        assert sending.running, "the first one waits for the message on the wire"
        sending.signal(signal.SIGINT)
        stopped = sending.result(timeout=10)
    assert stopped.code == 130
    assert desk.statuses() == {"pending": 11, "ambiguous": 1}
    assert desk.campaign() == "paused", "nothing else goes on with what was interrupted"


def test_pause_from_another_terminal_stops_a_send_within_moments(desk: Desk, sink: Sink) -> None:
    sending = desk.start_send()
    sink.wait_for(AFTER)
    assert desk.run("campaign", "pause", "1").code == 0
    paused = sink.count
    result = sending.result(timeout=10)
    assert sink.count <= paused + 2, "only what was on the wire when it was paused"
    assert result.code == 5
    assert f"{sink.count} of {READERS} sent" in result.out
    assert f"{READERS - sink.count} wait, for the campaign is paused" in result.out
    assert "campaign resume 1" in result.out
    assert desk.campaign() == "paused"
    assert desk.statuses() == {"sent": sink.count, "pending": READERS - sink.count}
    assert desk.run("campaign", "resume", "1").code == 0
    assert desk.campaign() == "sending"
    finish(desk, sink)


def test_cancel_ends_a_campaign_for_good_and_a_new_one_reaches_only_who_has_no_copy(desk: Desk, sink: Sink) -> None:
    sending = under_way(desk, sink)
    unsure = desk.run("campaign", "cancel", "1")
    assert unsure.code == 4, "nobody could be asked"
    cancelled = desk.run("campaign", "cancel", "1", "--yes", "--json")
    assert cancelled.code == 0
    result = sending.result(timeout=10)
    assert result.code == 0
    assert result.json["skipped"] == cancelled.json["skipped"]
    assert desk.statuses() == {"sent": sink.count, "skipped": READERS - sink.count}
    assert desk.campaign() == "cancelled"
    resumed = desk.run("campaign", "resume", "1")
    assert resumed.code == 4
    assert "cancelled" in resumed.err
    desk.readers, sink.delay = READERS - sink.count, 0
    again = desk.send("--json")
    assert (again.code, again.json["campaign"], again.json["sent"]) == (0, 2, desk.readers)
    assert set(sink.copies().values()) == {1}
    assert sink.copies().total() == READERS


def test_whoever_leaves_while_it_runs_gets_none(desks: Callable[[int], Desk]) -> None:
    desk, gate = desks(12), threading.Event()
    with ScriptedServer({"DOT": [Stall(released=gate)]}) as server:
        desk.relay(server.port, connections=1)
        sending = desk.start_send("--json")
        server.wait_for(".")
        assert desk.ledger()["reader0007@example.net"].status == "claimed", "in hand already"
        assert desk.run("subscriber", "unsubscribe", "reader0007@example.net").code == 0
        assert desk.run("suppression", "add", "reader0009@example.net", "--yes").code == 0
        gate.set()
        result = sending.result()
        assert not {"reader0007@example.net", "reader0009@example.net"} & {each.recipient for each in server.messages}
        assert len(server.messages) == 10
    assert (result.code, result.json["sent"], result.json["skipped"]) == (0, 10, 2)
    assert desk.those("skipped") == ["reader0007@example.net", "reader0009@example.net"]


def test_a_detached_send_waits_for_somebody_to_empty_it(desks: Callable[[int], Desk]) -> None:
    desk = desks(12)
    with ScriptedServer() as server:
        desk.relay(server.port)
        assert desk.send("--detach").code == 0
        assert desk.statuses() == {"pending": 12}
        assert not server.commands
        worker = desk.start("worker")
        eventually(lambda: desk.campaign() == "finished", "the worker empties it")
        worker.signal(signal.SIGTERM)
        assert worker.result(timeout=10).code == 0
        assert len({each.recipient for each in server.messages}) == len(server.messages) == 12
    assert desk.statuses() == {"sent": 12}
