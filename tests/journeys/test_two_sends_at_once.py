"""Two editors press the button at once: the second send joins the first, and together they send one copy each."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from journeys.desk import Desk, eventually
from journeys.sink import Sink

READERS = 400


def test_two_sends_started_together_share_the_work(desks: Callable[[int], Desk], tmp_path: Path) -> None:
    desk = desks(READERS)
    with Sink(tmp_path / "sink.log", delay=0.04) as sink:
        desk.relay(sink.port)
        both = [desk.start_send("--json") for _ in range(2)]
        results = [each.result() for each in both]
    assert [each.code for each in results] == [0, 0], results
    assert {(each.json["campaign"], each.json["audience"], each.json["sent"]) for each in results} == {
        (1, READERS, READERS)
    }
    assert sum("continues" in each.err or "joins" in each.err for each in results) == 1, results
    assert desk.statuses() == {"sent": READERS}
    assert set(sink.copies().values()) == {1}
    assert sink.copies().total() == READERS


def test_a_send_that_comes_later_joins_and_says_so(desks: Callable[[int], Desk], tmp_path: Path) -> None:
    desk = desks(READERS)
    with Sink(tmp_path / "sink.log", delay=0.03) as sink:
        desk.relay(sink.port, connections=2)
        first = desk.start_send("--json")
        sink.wait_for(20)
        second = desk.start_send("--json")
        results = [first.result(), second.result()]
    assert [each.code for each in results] == [0, 0], results
    assert "Campaign 1 continues" in results[1].err
    assert [each.json["sent"] for each in results] == [READERS, READERS]
    assert all(each.json["wire_seconds"] > 0 for each in results), "both have sent some"
    assert set(sink.copies().values()) == {1}
    assert desk.statuses() == {"sent": READERS}


def test_a_killed_send_is_taken_over_by_the_one_beside_it(desks: Callable[[int], Desk], tmp_path: Path) -> None:
    desk = desks(READERS)
    with Sink(tmp_path / "sink.log", delay=0.03) as sink:
        desk.relay(sink.port, connections=2)
        first = desk.start_send()
        sink.wait_for(20)
        second = desk.start_send("--json")
        eventually(lambda: len(desk.sql("SELECT id FROM workers")) == 2, "both senders at work")
        first.signal(signal.SIGKILL)
        first.result()
        result = second.result()
    assert result.json["sent"] + result.json["ambiguous"] == READERS
    assert result.json["ambiguous"] <= 2
    assert result.code == (5 if result.json["ambiguous"] else 0)
    assert max(sink.copies().values()) == 1
    assert desk.campaign() == "finished"
