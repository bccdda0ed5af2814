"""A berth: the place of one line, while it is opened, while it is open, and between two tries.

Sessions are opened in threads beside the engine's loop, because greeting, TLS and login may take their
time. A line that breaks off is opened again after growing pauses; after the last of them the berth is
given up, so that a server that keeps breaking off ends the run instead of eating the list.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from newsletter.errors import TransportUnavailable
from newsletter.transport.line import Line
from newsletter.transport.session import Session
from newsletter.transport.settings import SmtpSettings
from newsletter.transport.wire import WireTimes

Sleep = Callable[[float], None]


@dataclass(eq=False)
class Opened:
    """What an opener thread brings back: a session, or why there is none."""

    berth: Berth
    session: Session | None = None
    error: BaseException | None = None


@dataclass(eq=False)
class Berth:
    """Empty, being opened, waiting for another try, taken by a line, or given up."""

    line: Line | None = None
    opener: threading.Thread | None = None
    session: Session | None = None
    """The session being opened, so that it can be broken off."""
    retry_at: float | None = None
    """Monotonic moment of the next try."""
    setbacks: int = 0
    has_given_up: bool = False
    is_stopping: bool = False

    @property
    def is_free(self) -> bool:
        """Whether a line may be opened here."""
        return self.line is None and self.opener is None and self.retry_at is None and not self.has_given_up

    def open(self, settings: SmtpSettings, wire: WireTimes, bring: Callable[[Opened], None]) -> None:
        """Open a session in a thread; `bring` is called from there with what came of it."""
        self.retry_at = None

        def watch(session: Session) -> None:
            self.session = session
            if self.is_stopping:
                session.channel.abort()

        def open_session() -> None:
            opened = Opened(self)
            try:
                opened.session = Session.start(settings, wire, watch)
            except BaseException as error:
                opened.error = error
            bring(opened)

        self.opener = threading.Thread(target=open_session, name="smtp-opener", daemon=True)
        try:
            self.opener.start()
        except RuntimeError as error:  # no more threads to be had
            self.opener = None
            bring(Opened(self, error=TransportUnavailable(f"No thread for a connection could be started: {error}.")))

    def arrive(self) -> None:
        """The opener thread is done."""
        self.opener = self.session = None

    def set_back(self, backoff: Sequence[float], sleep: Sleep | None) -> bool:
        """Wait for another try, with jitter; False when the last of the pauses is used up."""
        self.setbacks += 1
        if self.setbacks > len(backoff):
            self.has_given_up = True
            return False
        seconds = backoff[self.setbacks - 1] * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, hides nothing
        if sleep is not None:
            sleep(seconds)
            seconds = 0.0
        self.retry_at = time.monotonic() + seconds
        return True

    def stop(self) -> None:
        """Open nothing more here, and break off what is being opened."""
        self.is_stopping = True
        self.retry_at = None
        if self.session is not None:
            self.session.channel.abort()

    def clear(self) -> Line:
        """Take the line out of its place."""
        line, self.line = self.line, None
        assert line is not None  # noqa: S101 - only taken berths are cleared
        return line


def say_goodbye(line: Line) -> threading.Thread:
    """QUIT in a thread of its own: a server may take its time to answer."""
    line.sock.setblocking(True)
    thread = threading.Thread(target=line.session.quit, daemon=True)
    thread.start()
    return thread
