"""The SMTP transport: the door to the rooms beside it.

`settings` say where, `session` opens, `conversation` knows what each reply means, `line` is a session
that never waits, `berth` its place from opening to goodbye, and `engine` runs several in one loop.
"""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.transport.base import Settle, Take
from newsletter.transport.berth import Sleep
from newsletter.transport.engine import Engine
from newsletter.transport.session import Session
from newsletter.transport.settings import Security, SmtpSettings, Timeouts, is_loopback
from newsletter.transport.wire import WireTimes

__all__ = ["Security", "SmtpSettings", "SmtpTransport", "Timeouts", "is_loopback", "probe"]

BACKOFF = (0.5, 2.0, 5.0)
"""Seconds between tries to get a working session; a definite answer from the server starts it anew."""


class SmtpTransport:
    """Sends through one relay. `wire` tells when the wire was first and last in use, over all runs."""

    def __init__(
        self, settings: SmtpSettings, *, backoff: Sequence[float] = BACKOFF, sleep: Sleep | None = None
    ) -> None:
        """`sleep` replaces the pauses (seconds); by default they end early when the run ends."""
        self.settings = settings
        self.wire = WireTimes()
        self._backoff = tuple(backoff)
        self._sleep = sleep
        self._present: Engine | None = None

    def run(self, take: Take, settle: Settle) -> None:
        """Send until `take` answers None; see `Transport.run`. One run at a time.

        An exception of `take` or `settle` stops the run and comes out of it. KeyboardInterrupt lets
        every session finish its present message; a second one breaks the connections, so that what
        was past its dot is settled as unknown and the rest as deferred.
        """
        self._present = Engine(self.settings, self.wire, take, settle, backoff=self._backoff, sleep=self._sleep)
        self._present.run()

    def abort(self) -> None:
        """End the present run by breaking its connections, from any other thread or a signal handler.

        What was past its dot is settled as unknown, the rest as deferred; `run` then returns.
        """
        if self._present is not None:
            self._present.abort()

    @property
    def wire_seconds(self) -> float:
        """Wall time from the first connect to the last final reply, over all runs so far."""
        return self.wire.seconds


def probe(settings: SmtpSettings) -> str:
    """Open a session up to and including the login, say goodbye, and describe it in one line.

    Raises `TransportUnavailable` with the reason and a remedy.
    """
    session = Session.start(settings)
    description = session.describe()
    session.quit()
    return description
