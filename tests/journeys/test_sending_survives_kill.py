"""`kill -9` in the middle of a send, many times: nobody gets two, nobody is forgotten, few are in doubt.

Full size takes a few minutes:

    NEWSLETTER_TEST_READERS=30000 NEWSLETTER_TEST_KILLS=20 \\
        python -m pytest -s tests/journeys/test_sending_survives_kill.py
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from journeys.desk import READERS, Desk
from journeys.sink import Sink

KILLS = int(os.environ.get("NEWSLETTER_TEST_KILLS", "5"))
CONNECTIONS = 4
SEED = 20260915


@pytest.mark.slow
def test_a_send_killed_again_and_again_repeats_nobody_and_forgets_nobody(
    desks: Callable[[int], Desk], tmp_path: Path
) -> None:
    desk, dice = desks(READERS), random.Random(SEED)
    moments = sorted(dice.sample(range(READERS // 10, READERS * 9 // 10), KILLS))
    in_doubt: list[int] = []
    begun = time.monotonic()
    with Sink(tmp_path / "sink.log") as sink:
        desk.relay(sink.port, connections=CONNECTIONS)
        for moment in moments:
            sending = desk.start_send()
            sink.wait_for(max(moment, sink.count + 1))
            time.sleep(dice.uniform(0, 0.004))
            assert sending.running
            sending.signal(signal.SIGKILL)
            assert sending.result().code == -signal.SIGKILL
            in_doubt.append(desk.statuses().get("inflight", 0))
            agree(desk, sink)
        last = desk.send("--json", timeout=300)
        again = desk.send()
    seconds = time.monotonic() - begun

    statuses, copies = desk.statuses(), sink.copies()
    print(
        f"seed {SEED}: killed at {moments} of {READERS}, in doubt after each {in_doubt}, {statuses}, "
        f"{sum(n - 1 for n in copies.values())} duplicates, {seconds:.1f} s"
    )
    agree(desk, sink)
    assert max(in_doubt) <= CONNECTIONS
    assert statuses.get("ambiguous", 0) == sum(in_doubt)
    assert set(statuses) <= {"sent", "ambiguous"}, "nobody is left over, and nobody was refused"
    assert last.code == (5 if statuses.get("ambiguous") else 0)
    told = last.json
    assert {key: told[key] for key in ("audience", "sent", "ambiguous", "deferred", "failed", "skipped")} == {
        "audience": READERS,
        "sent": statuses["sent"],
        "ambiguous": statuses.get("ambiguous", 0),
        "deferred": 0,
        "failed": 0,
        "skipped": 0,
    }
    assert again.code == 4
    assert "already sent" in again.err
    assert len(sink.entries()) == copies.total(), "the refused send sent nothing"


def agree(desk: Desk, sink: Sink) -> None:
    """The ledger says nothing that the log of the relay does not bear out."""
    ledger, copies = desk.ledger(), sink.copies()
    assert len(ledger) == READERS
    assert set(copies) <= set(ledger), "only readers were mailed"
    assert not [each for each, n in copies.items() if n > 1], "nobody got two"
    for reader, row in ledger.items():
        if row.status == "sent":
            assert copies[reader] == 1, f"{reader} is down as sent, and was not"
        elif row.status not in {"inflight", "ambiguous"}:
            assert copies[reader] == 0, f"{reader} is down as {row.status}, and got a copy"
