"""The transport in memory keeps what it accepts and answers as it is told."""

from __future__ import annotations

from smtpd import one_by_one

import pytest

from newsletter.transport.base import Envelope, Outcome, Phase, Transport, Verdict
from newsletter.transport.memory import MemoryTransport


def envelope(name: str) -> Envelope:
    return Envelope("from@example.org", f"{name}@example.org", b"Subject: x\r\n\r\nHi\r\n", key=name)


def test_everything_is_accepted_and_kept_in_order() -> None:
    transport = MemoryTransport()
    port: Transport = transport
    settled: list[tuple[str, Verdict]] = []
    port.run(
        iter([envelope("a"), envelope("b"), None]).__next__, one_by_one(lambda e, o: settled.append((e.key, o.verdict)))
    )
    assert [message.key for message in transport.messages] == ["a", "b"]
    assert settled == [("a", Verdict.ACCEPTED), ("b", Verdict.ACCEPTED)]


def test_the_script_decides() -> None:
    refused = Outcome(Verdict.REJECTED, Phase.RCPT, 550, "5.1.1", "no")
    transport = MemoryTransport(lambda _: refused)
    settled: list[Outcome] = []
    transport.run(iter([envelope("a"), None]).__next__, one_by_one(lambda _, outcome: settled.append(outcome)))
    assert settled == [refused]
    assert transport.messages == []
    assert len(transport.outcomes) == 1


def test_an_envelope_is_settled_even_when_the_script_fails() -> None:
    def script(_: Envelope) -> Outcome:
        raise RuntimeError("boom")

    settled: list[Outcome] = []
    with pytest.raises(RuntimeError, match="boom"):
        MemoryTransport(script).run(
            iter([envelope("a")]).__next__, one_by_one(lambda _, outcome: settled.append(outcome))
        )
    assert [outcome.verdict for outcome in settled] == [Verdict.DEFERRED]
