"""No final dot leaves before its arming is on the disk: seen on the system calls of a real `send`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from journeys.desk import Desk
from journeys.power import STRACE, Plug, is_forbidden
from journeys.sink import Sink

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        STRACE is None and not os.environ.get("NEWSLETTER_TEST_REQUIRE_ALL"), reason="needs strace, which is not here"
    ),
    pytest.mark.skipif(is_forbidden(), reason="this machine lets nobody trace system calls"),
]


def send(desk: Desk, folder: Path, durability: str) -> list[tuple[str, str, str]]:
    """Every dot of a send with this durability: the reader, and where a crash and a power cut would find the row."""
    plug = Plug(desk, folder / "cut")
    with Sink(folder / "sink.log") as sink:
        desk.relay(sink.port, connections=3)
        desk.settings["NEWSLETTER_DATABASE__DURABILITY"] = durability
        assert desk.send("--detach").code == 0
        result = plug.send()
        assert result.code == 0, result.err
        assert sink.copies().total() == desk.readers
    dots = list(plug.dots())
    assert sorted(reader for reader, _, _ in dots) == sorted(desk.ledger())
    return dots


def test_when_power_fails_at_any_dot_the_disk_knows_that_the_copy_may_be_out(desk: Desk, tmp_path: Path) -> None:
    dots = send(desk, tmp_path, "power")
    assert {(crash, cut) for _, crash, cut in dots} == {("inflight", "inflight")}


def test_when_the_program_dies_at_any_dot_the_kernel_knows_that_the_copy_may_be_out(desk: Desk, tmp_path: Path) -> None:
    dots = send(desk, tmp_path, "process")
    assert {crash for _, crash, _ in dots} == {"inflight"}
    assert {cut for _, _, cut in dots} == {"pending"}, "without durability = power a cut may forget what was armed"
