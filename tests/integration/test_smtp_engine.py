"""The engine's two promises to the ledger: no body before its arming is committed, one commit where one will do."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from smtpd import CAPABILITIES, Drop, ScriptedServer, Step

import pytest

from newsletter.transport.base import Envelope, Outcome, Phase, Settled, Verdict
from newsletter.transport.smtp import SmtpSettings, SmtpTransport, Timeouts

QUICK = Timeouts(connect=5, greeting=5, command=5, data=5, block=5, dot=5)
BODY = b"Subject: Hello\r\n\r\nHi\r\n"
LOCKSTEP = tuple(capability for capability in CAPABILITIES if capability != "PIPELINING")


class Book:
    """Hands out `count` envelopes and keeps everything that `settle` was told, call by call."""

    def __init__(self, count: int, *, refuse: frozenset[int] = frozenset(), seconds: float = 0.0) -> None:
        self.waiting = list(range(count))
        self.calls: list[tuple[list[int], list[int]]] = []
        self.committed: set[str] = set()
        self.outcomes: dict[int, Outcome] = {}
        self._refuse = refuse
        self._seconds = seconds

    def take(self) -> Envelope | None:
        if not self.waiting:
            return None
        number = self.waiting.pop(0)
        return Envelope("b+1@example.org", f"reader{number}@example.org", BODY, key=number)

    def settle(self, done: Sequence[Settled], arming: Sequence[Envelope]) -> Sequence[Envelope]:
        self.calls.append(([envelope.key for envelope, _ in done], [envelope.key for envelope in arming]))
        time.sleep(self._seconds)
        for envelope, outcome in done:
            assert envelope.key not in self.outcomes
            self.outcomes[envelope.key] = outcome
        refused = [envelope for envelope in arming if envelope.key in self._refuse]
        for envelope in refused:
            self.outcomes[envelope.key] = Outcome(Verdict.DEFERRED, Phase.CONNECT, text="refused")
        self.committed |= {envelope.recipient for envelope in arming if envelope not in refused}
        return refused


def send(server: ScriptedServer, book: Book, connections: int) -> None:
    settings = SmtpSettings(server.host, server.port, security="none", connections=connections, timeouts=QUICK)
    SmtpTransport(settings, sleep=lambda _: None).run(book.take, book.settle)


@pytest.mark.parametrize("capabilities", [CAPABILITIES, LOCKSTEP], ids=["pipelining", "lockstep"])
@pytest.mark.parametrize("connections", [1, 4])
def test_no_body_leaves_before_the_commit_that_arms_it_has_returned(
    capabilities: tuple[str, ...], connections: int
) -> None:
    book = Book(40, seconds=0.005)
    early: list[str] = []
    lock = threading.Lock()

    def look(recipients: str) -> Step:
        with lock:
            early.extend(each for each in recipients.split() if each not in book.committed)
        return None

    with ScriptedServer({"BODY": look}, capabilities=capabilities) as server:
        send(server, book, connections)
    assert early == []
    assert len(server.messages) == 40


def test_one_connection_records_and_arms_in_one_commit() -> None:
    book = Book(60)
    with ScriptedServer() as server:
        send(server, book, 1)
    together = [call for call in book.calls if call[0] and call[1]]
    assert len(together) >= 50
    assert all(len(done) <= 1 and len(arming) <= 1 for done, arming in book.calls)


def test_commands_of_the_next_message_ride_behind_the_dot() -> None:
    """A server that answers the first dot only once it has heard the next MAIL, RCPT and DATA."""
    heard: list[bytes] = []

    def converse(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as wire:

            def say(*lines: bytes) -> None:
                wire.write(b"".join(line + b"\r\n" for line in lines))
                wire.flush()

            say(b"220 here")
            wire.readline()
            say(b"250-here", b"250 PIPELINING")
            for _ in range(3):
                heard.append(wire.readline())
            say(b"250 ok", b"250 ok", b"354 go")
            while wire.readline() != b".\r\n":
                pass
            for _ in range(3):
                heard.append(wire.readline())
            say(b"250 first", b"250 ok", b"250 ok", b"354 go")
            while wire.readline() != b".\r\n":
                pass
            say(b"250 second")
            wire.readline()
            say(b"221 bye")

    book = Book(2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=converse, args=(listener,))
        thread.start()
        settings = SmtpSettings(*listener.getsockname(), security="none", connections=1, timeouts=QUICK)
        SmtpTransport(settings).run(book.take, book.settle)
        thread.join(10)
    assert [line.split(b" ")[0].strip() for line in heard] == [b"MAIL", b"RCPT", b"DATA"] * 2
    assert [book.outcomes[number].text for number in range(2)] == ["first", "second"]


def test_a_reader_who_left_at_the_last_moment_gets_nothing_and_delays_nobody() -> None:
    gone = frozenset({3, 4, 11})
    book = Book(20, refuse=gone)
    with ScriptedServer() as server:
        send(server, book, 2)
    received = {int(message.recipient.removeprefix("reader").partition("@")[0]) for message in server.messages}
    assert received == set(range(20)) - gone
    assert server.connections >= 4, "a line that waits for a body nobody should get is closed"


def test_a_server_that_closes_behind_every_verdict_is_not_one_that_breaks_off() -> None:
    book = Book(12)
    with ScriptedServer({"DOT": Drop("250 2.0.0 ok", kept=True)}) as server:
        send(server, book, 1)
    assert {outcome.verdict for outcome in book.outcomes.values()} == {Verdict.ACCEPTED}
    assert len(book.outcomes) == 12
    assert server.connections == 12
