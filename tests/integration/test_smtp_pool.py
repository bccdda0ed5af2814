"""Several sessions at a time: who starts, who ends, what a run raises, and that nothing taken is lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import which
from smtpd import CAPABILITIES, Drop, ScriptedServer, Stall, Step
from types import FrameType
from typing import Any

import pytest

from newsletter.errors import TransportUnavailable
from newsletter.transport.base import Envelope, Outcome, Phase, Settled, Verdict
from newsletter.transport.smtp import SmtpSettings, SmtpTransport, Timeouts

QUICK = Timeouts(connect=5, greeting=5, command=5, data=5, block=5, dot=5)
BODY = b"Subject: Hello\r\n\r\nHi\r\n"


class Ledger:
    """`count` messages; session deferrals go back to the queue, as the sender does with them."""

    def __init__(self, count: int, *, again: bool = False) -> None:
        self.waiting = list(range(count))
        self.again = again
        self.lock = threading.Lock()
        self.open: set[int] = set()
        self.armed: set[int] = set()
        self.most_armed = 0
        self.outcomes: list[tuple[int, Outcome]] = []

    def take(self) -> Envelope | None:
        with self.lock:
            if not self.waiting:
                return None
            number = self.waiting.pop(0)
            self.open.add(number)
        return Envelope("b+1@example.org", f"reader{number}@example.org", BODY, key=number)

    def settle(self, done: Sequence[Settled], arming: Sequence[Envelope]) -> Sequence[Envelope]:
        for envelope, outcome in done:
            self.note(envelope, outcome)
        self.armed |= {envelope.key for envelope in arming}
        self.most_armed = max(self.most_armed, len(self.armed))
        return ()

    @property
    def tried(self) -> list[tuple[int, Outcome]]:
        """Outcomes of messages that some session had begun."""
        return [(number, outcome) for number, outcome in self.outcomes if outcome.phase is not Phase.CONNECT]

    def note(self, envelope: Envelope, outcome: Outcome) -> None:
        with self.lock:
            if outcome.verdict in {Verdict.ACCEPTED, Verdict.UNKNOWN}:
                assert envelope.key in self.armed, "its body left before it was armed"
            self.open.remove(envelope.key)
            self.armed.discard(envelope.key)
            self.outcomes.append((envelope.key, outcome))
            if self.again and outcome.session:
                self.waiting.append(envelope.key)

    def verdicts(self, verdict: Verdict) -> set[int]:
        return {number for number, outcome in self.outcomes if outcome.verdict is verdict}


def transport(server: ScriptedServer, connections: int = 4, **given: Any) -> SmtpTransport:
    pauses: Callable[[float], None] = given.pop("sleep", lambda _: None)
    defaults: dict[str, Any] = {"security": "none", "connections": connections, "timeouts": QUICK}
    return SmtpTransport(SmtpSettings(server.host, server.port, **(defaults | given)), sleep=pauses)


def numbers(server: ScriptedServer) -> list[int]:
    return sorted(int(m.recipient.removeprefix("reader").partition("@")[0]) for m in server.messages)


def test_many_messages_go_over_a_few_sessions_each_once() -> None:
    ledger = Ledger(200)
    with ScriptedServer() as server:
        transport(server).run(ledger.take, ledger.settle)
    assert numbers(server) == list(range(200))
    assert ledger.verdicts(Verdict.ACCEPTED) == set(range(200))
    assert server.connections <= 4
    assert ledger.most_armed <= 4


def test_one_message_needs_one_connection_and_nothing_to_send_needs_no_message() -> None:
    with ScriptedServer() as server:
        ledger = Ledger(1)
        transport(server).run(ledger.take, ledger.settle)
        assert server.connections == 1
        transport(server).run(lambda: None, ledger.settle)
    assert len(server.messages) == 1


def test_sessions_work_side_by_side() -> None:
    meet = threading.Barrier(3, timeout=10)

    def together(_: str) -> Step:
        if len(server.said("MAIL")) >= 2:
            meet.wait()
        return None

    ledger = Ledger(7)  # the first alone, then three at a time
    with ScriptedServer({"DOT": [None, *[together] * 6]}) as server:
        transport(server, connections=3).run(ledger.take, ledger.settle)
    assert numbers(server) == list(range(7))
    assert ledger.most_armed == 3


def test_an_envelope_is_taken_only_when_a_session_stands() -> None:
    with ScriptedServer({"GREETING": [Stall()]}) as server:
        ledger = Ledger(1)
        given = transport(server, timeouts=replace(QUICK, greeting=0.2))
        seen: list[int] = []

        def take() -> Envelope | None:
            seen.append(server.connections)
            return ledger.take()

        given.run(take, ledger.settle)
    assert seen[0] == 2, "the first connection never greeted"


def test_a_session_is_changed_after_so_many_messages() -> None:
    ledger = Ledger(10)
    with ScriptedServer() as server:
        transport(server, 1, messages_per_connection=3).run(ledger.take, ledger.settle)
    assert [m.connection for m in server.messages] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4]
    assert len(server.said("QUIT")) == 4


def test_421_in_the_middle_loses_nobody_and_doubles_nobody() -> None:
    pauses: list[float] = []
    ledger = Ledger(20, again=True)
    with ScriptedServer(messages_per_connection=3) as server:
        transport(server, 2, sleep=pauses.append).run(ledger.take, ledger.settle)
    assert numbers(server) == list(range(20))
    assert len(pauses) >= 5
    assert max(pauses) < 1, "an accepted message starts the pauses anew"


def test_a_connection_that_closes_behind_a_verdict_costs_the_next_message_nothing() -> None:
    ledger = Ledger(2)
    with ScriptedServer({"DOT": [Drop("250 2.0.0 ok", kept=True)]}) as server:
        transport(server, 1).run(ledger.take, ledger.settle)
    assert ledger.verdicts(Verdict.ACCEPTED) == {0, 1}
    assert len(ledger.outcomes) == 2
    assert server.connections == 2


def test_a_server_that_keeps_breaking_off_ends_the_run_after_growing_pauses() -> None:
    pauses: list[float] = []
    ledger = Ledger(50)
    with (
        ScriptedServer({"RCPT": Drop()}) as server,
        pytest.raises(TransportUnavailable, match="keeps breaking off"),
    ):
        transport(server, 1, sleep=pauses.append).run(ledger.take, ledger.settle)
    assert len(ledger.tried) == 4
    assert all(outcome.session for _, outcome in ledger.outcomes)
    assert [round(p / base) for p, base in zip(pauses, (0.5, 2, 5), strict=True)] == [1, 1, 1]


def test_a_server_that_swallows_everything_does_not_swallow_the_whole_list() -> None:
    ledger = Ledger(50)
    with ScriptedServer({"DOT": Drop(kept=True)}) as server, pytest.raises(TransportUnavailable):
        transport(server, 2).run(ledger.take, ledger.settle)
    assert len(ledger.verdicts(Verdict.UNKNOWN)) == len(ledger.tried) <= 8
    assert numbers(server) == sorted(ledger.verdicts(Verdict.UNKNOWN))


def test_sessions_that_are_not_to_be_had_leave_the_work_to_the_others() -> None:
    ledger = Ledger(30)
    with ScriptedServer(max_connections=2) as server:
        transport(server, 5).run(ledger.take, ledger.settle)
    assert numbers(server) == list(range(30))


def test_a_server_that_goes_away_ends_the_run_with_everything_settled() -> None:
    ledger = Ledger(100)
    with ScriptedServer() as server:

        def take() -> Envelope | None:
            if len(server.messages) >= 10:
                server.close()
            return ledger.take()

        with pytest.raises(TransportUnavailable):
            transport(server).run(take, ledger.settle)
    assert not ledger.open
    assert len(ledger.waiting) > 50
    assert ledger.verdicts(Verdict.ACCEPTED) <= set(numbers(server))
    assert set(numbers(server)) <= ledger.verdicts(Verdict.ACCEPTED) | ledger.verdicts(Verdict.UNKNOWN)


def test_a_lost_last_message_is_not_forgotten_when_the_server_does_not_come_back() -> None:
    ledger = Ledger(1, again=True)
    with (
        ScriptedServer({"MAIL": ["421 bye"], "GREETING": [None, *["421 no"] * 9]}) as server,
        pytest.raises(TransportUnavailable, match="no session to spare"),
    ):
        transport(server).run(ledger.take, ledger.settle)
    assert ledger.waiting == [0]


def test_a_lost_last_message_is_owed_even_when_another_session_found_nothing_more() -> None:
    ledger = Ledger(3, again=True)
    exhausted = threading.Event()

    def take() -> Envelope | None:
        envelope = ledger.take()
        if envelope is None:
            exhausted.set()
        return envelope

    def close_late(argument: str) -> Step:
        if "reader2@" not in argument:
            return None
        exhausted.wait(10)
        return "421 bye"

    greetings: list[Step] = [None, None, *["421 no"] * 9]
    with (
        ScriptedServer({"RCPT": close_late, "GREETING": greetings}) as server,
        pytest.raises(TransportUnavailable, match="no session to spare"),
    ):
        transport(server, 2).run(take, ledger.settle)
    assert ledger.waiting == [2]


def test_a_refused_sender_stops_the_other_sessions_too() -> None:
    ledger = Ledger(100)
    with (
        ScriptedServer({"MAIL": [None, None, *["550 5.7.1 blocked"] * 99]}) as server,
        pytest.raises(TransportUnavailable, match="blocked"),
    ):
        transport(server).run(ledger.take, ledger.settle)
    assert not ledger.open
    assert len(ledger.waiting) >= 90


@pytest.mark.parametrize("which_one", ["take", "settle"])
def test_an_exception_of_the_caller_stops_everybody_and_comes_out(which_one: str) -> None:
    ledger = Ledger(200)

    failures: list[bool] = []

    def fail(*_: object) -> Any:
        raise OSError("disk full")

    def take() -> Envelope | None:
        return fail() if which_one == "take" and len(ledger.outcomes) > 5 else ledger.take()

    def settle(done: Sequence[Settled], arming: Sequence[Envelope]) -> Sequence[Envelope]:
        if which_one == "settle" and len(ledger.outcomes) > 5 and not failures:
            failures.append(True)
            fail()
        return ledger.settle(done, arming)

    with ScriptedServer() as server, pytest.raises(OSError, match="disk full"):
        transport(server).run(take, settle)
    assert not ledger.open
    assert len(ledger.waiting) > 150


@contextmanager
def interrupted_after(server: ScriptedServer, verb: str, count: int, *, times: int = 1) -> Iterator[threading.Thread]:
    noticed = threading.Semaphore(0)

    def notice(number: int, frame: FrameType | None) -> None:
        noticed.release()
        signal.default_int_handler(number, frame)

    def strike() -> None:
        server.wait_for(verb, count)
        for _ in range(times):
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGINT)
            noticed.acquire(timeout=30)  # two at once would count as one

    usual = signal.signal(signal.SIGINT, notice)
    thread = threading.Thread(target=strike)
    thread.start()
    try:
        yield thread
        thread.join()
    finally:
        signal.signal(signal.SIGINT, usual)


def test_an_interrupt_lets_every_session_finish_its_message() -> None:
    ledger = Ledger(100)
    release = threading.Event()
    with ScriptedServer({"DOT": [*[None] * 5, *[Stall(released=release)] * 3]}) as server:
        timer = threading.Timer(0.5, release.set)
        timer.start()
        with interrupted_after(server, ".", 8), pytest.raises(KeyboardInterrupt):
            transport(server, 3).run(ledger.take, ledger.settle)
        timer.join()
    assert not ledger.open
    assert ledger.verdicts(Verdict.ACCEPTED) == set(numbers(server))
    assert len(ledger.tried) == 8


def test_an_interrupt_does_not_wait_for_a_greeting() -> None:
    ledger = Ledger(5)
    with ScriptedServer({"GREETING": Stall()}) as server:

        def strike() -> None:
            while not server.connections:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=strike)
        thread.start()
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            transport(server, timeouts=Timeouts()).run(ledger.take, ledger.settle)
        thread.join()
    assert time.monotonic() - begun < 3
    assert len(ledger.waiting) == 5


def test_a_second_interrupt_breaks_off_and_is_honest_about_what_was_past_its_dot() -> None:
    ledger = Ledger(10)
    with (
        ScriptedServer({"DOT": Stall()}) as server,
        interrupted_after(server, ".", 1, times=2),
        pytest.raises(KeyboardInterrupt),
    ):
        transport(server, timeouts=Timeouts()).run(ledger.take, ledger.settle)
    assert not ledger.open
    assert {outcome.verdict for _, outcome in ledger.tried} == {Verdict.UNKNOWN}
    assert 1 <= len(ledger.tried) <= 4


def test_wire_time_runs_from_the_first_connect_to_the_last_reply() -> None:
    ledger = Ledger(3)
    with ScriptedServer({"DOT": [Stall(0.1)], "QUIT": Stall(0.3)}) as server:
        given = transport(server, 1)
        assert given.wire_seconds == 0
        given.run(ledger.take, ledger.settle)
    assert 0.1 <= given.wire_seconds < 0.3


def test_the_default_pauses_are_waited_out() -> None:
    ledger = Ledger(2, again=True)
    with ScriptedServer({"MAIL": ["421 bye"]}) as server:
        settings = SmtpSettings(server.host, server.port, security="none", connections=1, timeouts=QUICK)
        begun = time.monotonic()
        SmtpTransport(settings, backoff=(0.2,)).run(ledger.take, ledger.settle)
    assert time.monotonic() - begun >= 0.15
    assert numbers(server) == [0, 1]


@pytest.mark.parametrize("capabilities", [CAPABILITIES, ()])
def test_a_stormy_server_neither_loses_nor_doubles(capabilities: tuple[str, ...]) -> None:
    """Every kind of trouble before the dot, in turn; what is deferred is tried again until it is in."""
    trouble: list[Step] = [None, None, "421 x", None, Drop(), None, "451 4.3.0 x", None, b"?\r\n", None, None]
    script = {verb: [*trouble * 6] for verb in ("MAIL", "RCPT", "DATA", "BODY")}
    script["BODY"] = [None, None, None, Drop()] * 10
    ledger = Ledger(150)

    def settle(done: Sequence[Settled], arming: Sequence[Envelope]) -> Sequence[Envelope]:
        ledger.settle(done, arming)
        ledger.waiting += [envelope.key for envelope, outcome in done if outcome.verdict is Verdict.DEFERRED]
        return ()

    with ScriptedServer(script, capabilities=capabilities) as server:
        for _ in range(30):
            try:
                transport(server).run(ledger.take, settle)
            except TransportUnavailable:
                continue
            if not ledger.waiting:
                break
    arrived = numbers(server)
    assert len(arrived) == len(set(arrived))
    unknown = ledger.verdicts(Verdict.UNKNOWN)
    assert set(arrived) >= ledger.verdicts(Verdict.ACCEPTED)
    assert set(arrived) <= ledger.verdicts(Verdict.ACCEPTED) | unknown
    assert ledger.verdicts(Verdict.ACCEPTED) | unknown == set(range(150))


SINK = which("smtp-sink", path="/usr/sbin:/usr/bin:/sbin:/bin")


@pytest.mark.skipif(
    SINK is None and not os.environ.get("NEWSLETTER_TEST_REQUIRE_ALL"),
    reason="SKIPPED LOUDLY: Postfix's smtp-sink is not installed",
)
def test_postfix_smtp_sink_takes_every_message_byte_for_byte(tmp_path: Path) -> None:
    assert SINK is not None
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [SINK, *user, "-d", str(tmp_path / "dump."), f"127.0.0.1:{port}", "64"]
    sink = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        ledger = Ledger(300)
        given = SmtpTransport(SmtpSettings("127.0.0.1", port, security="none", timeouts=QUICK))
        given.run(ledger.take, ledger.settle)
    finally:
        sink.terminate()
        sink.wait(10)
    dumps = [path.read_bytes() for path in tmp_path.glob("dump.*")]
    assert ledger.verdicts(Verdict.ACCEPTED) == set(range(300))
    assert len(dumps) == 300
    assert all(b"Subject: Hello\n\nHi\n" in dump.replace(b"\r\n", b"\n") for dump in dumps)
    assert given.wire_seconds > 0
