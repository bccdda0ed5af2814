"""A send of thousands and the sign-up form on one SQLite file: the form answers at once, its mails leave at once.

Full size takes a minute:

    NEWSLETTER_TEST_READERS=30000 python -m pytest -s tests/journeys/test_signup_beside_send.py
"""

from __future__ import annotations

import re
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from journeys.desk import READERS, Command, Desk
from journeys.sink import Sink
from websites import hidden_fields

SIGN_UPS = READERS // 150
FIRST, LAST = READERS // 20, READERS - 2000
"""Between which copies the forms come."""


@pytest.mark.slow
def test_signups_are_answered_and_confirmed_while_thousands_are_sent(
    desks: Callable[[int], Desk], tmp_path: Path
) -> None:
    desk = desks(READERS)
    newcomers = {f"newcomer{n}@example.org" for n in range(SIGN_UPS)}
    with Sink(tmp_path / "sink.log", delay=0.001) as sink:
        desk.relay(sink.port)
        url = pages(desk.start("serve", "--port", "0"))
        hidden = hidden_fields(get(url))
        time.sleep(3.1)  # whoever is quicker than three seconds is asked to press one more button
        sending = desk.start_send("--json")
        waits = []
        for number, each in enumerate(sorted(newcomers)):
            sink.wait_for(FIRST + number * (LAST - FIRST) // SIGN_UPS)
            waits.append(post(url, {**hidden, "email": each}))
        answered = sink.count
        assert sink.wait_until(lambda: sink.count >= READERS or newcomers <= sink.reached), "no mail came"
        came, running = sink.copies(), sending.running
        result = sending.result(timeout=300)
    print(
        f"{SIGN_UPS} answers within {max(waits):.3f} s (mean {sum(waits) / SIGN_UPS:.3f} s); {answered} copies were "
        f"out after the last form, {came.total()} when the last confirmation came; "
        f"the send took {result.json['seconds']} s"
    )
    assert max(waits) < 1
    assert running
    assert newcomers <= set(came), "every confirmation left while the send was running"
    assert came.total() < READERS
    assert (result.code, result.json["sent"]) == (0, READERS)
    assert set(sink.copies().values()) == {1}
    assert len(sink.copies()) == READERS + SIGN_UPS


def pages(serving: Command) -> str:
    """Where a `serve` that was just started says its pages are."""
    assert serving.process.stdout is not None
    said = serving.process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", said)
    assert found, said
    return found[0]


def get(url: str) -> str:
    """A page."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode("utf-8"))


def post(url: str, values: dict[str, str]) -> float:
    """Send the sign-up form; seconds until the answer."""
    form = urllib.parse.urlencode(values).encode("ascii")
    opener = urllib.request.build_opener(_StayHere)
    begun = time.monotonic()
    with opener.open(f"{url}/subscribe", form, timeout=10) as answer:
        seconds = time.monotonic() - begun
        assert answer.status == 303
    return seconds


class _StayHere(urllib.request.HTTPErrorProcessor):
    """Takes a redirect for an answer."""

    def http_response(self, request: object, response: object) -> object:
        return response
