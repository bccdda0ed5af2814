"""A transport that keeps what it is given, for tests and for trying.

It answers as it is told, so that a test of the sender needs no server and no mock.
"""

from __future__ import annotations

from collections.abc import Callable

from newsletter.transport.base import Envelope, Outcome, Phase, Settle, Take, Verdict

ACCEPTED = Outcome(Verdict.ACCEPTED, Phase.DOT, 250, "2.0.0", "kept in memory")


class MemoryTransport:
    """Accepts everything unless `script`, called with each envelope, says otherwise.

    `messages` are the accepted envelopes in order, `outcomes` everything with its outcome. An exception
    of `script` comes out of `run`, after the envelope was deferred.
    """

    def __init__(self, script: Callable[[Envelope], Outcome] | None = None) -> None:
        self.messages: list[Envelope] = []
        self.outcomes: list[tuple[Envelope, Outcome]] = []
        self._script = script

    def run(self, take: Take, settle: Settle) -> None:
        """See `Transport.run`."""
        while (envelope := take()) is not None:
            if envelope in settle((), (envelope,)):
                continue
            try:
                outcome = self._script(envelope) if self._script else ACCEPTED
            except BaseException as error:
                deferred = Outcome(Verdict.DEFERRED, Phase.CONNECT, text=str(error)[:500], session=True)
                settle(((envelope, deferred),), ())
                raise
            self.outcomes.append((envelope, outcome))
            if outcome.verdict is Verdict.ACCEPTED:
                self.messages.append(envelope)
            settle(((envelope, outcome),), ())
