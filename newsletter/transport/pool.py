"""The workers of one run: threads with a session each, taking one envelope after another.

A worker opens its session first and only then takes an envelope, so that a server that is down costs
no message its place. Workers start as the work comes: one confirmation mail needs one connection. What
a session loses before the final dot is deferred and the session reopened after growing pauses; a server
that keeps breaking off ends the run instead of eating the list.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable

from newsletter.errors import TransportUnavailable
from newsletter.transport.base import Envelope, Outcome, Phase, Settle, Take, Verdict
from newsletter.transport.replies import MAX_TEXT
from newsletter.transport.session import CannotOpen, Session
from newsletter.transport.settings import SmtpSettings
from newsletter.transport.transaction import SenderRefused, Transaction
from newsletter.transport.wire import WireTimes

Sleep = Callable[[float], None]


class _Ended(Exception):
    """This worker is not needed any more."""


class Run:
    """What the workers of one run share."""

    def __init__(
        self,
        settings: SmtpSettings,
        wire: WireTimes,
        take: Take,
        settle: Settle,
        *,
        backoff: tuple[float, ...],
        sleep: Sleep | None,
    ) -> None:
        self.settings = settings
        self.wire = wire
        self.backoff = backoff
        self._take = take
        self._settle = settle
        self._sleep = sleep
        self._halt = threading.Event()
        self._exhausted = threading.Event()
        """Some worker was told that there is nothing more."""
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._living = 0
        self._done = threading.Event()
        self._sessions: set[Session] = set()
        self._occupied: set[Session] = set()
        self._taken = 0
        self._fatal: BaseException | None = None
        self._unavailable: TransportUnavailable | None = None

    @property
    def stopping(self) -> bool:
        """Whether nobody should take any more."""
        return self._halt.is_set()

    def needs(self, worker: _Worker) -> bool:
        """Whether the worker should open a session: not for a stopped run, nor a first one after the last take."""
        return not self.stopping and (worker.proven or not self._exhausted.is_set())

    def grow(self) -> None:
        """Start one more worker, unless there are enough or the run is ending."""
        with self._lock:
            if len(self._threads) >= max(1, self.settings.connections) or self.stopping or self._exhausted.is_set():
                return
            thread = threading.Thread(target=self._live, name=f"smtp-{len(self._threads) + 1}", daemon=True)
            self._threads.append(thread)
            self._living += 1
            try:
                thread.start()
            except RuntimeError:
                self._threads.pop()
                self._living -= 1
                raise

    def _live(self) -> None:
        try:
            _Worker(self).run()
        finally:
            with self._lock:  # only a living worker starts another: at zero the run is over
                self._living -= 1
                if not self._living:
                    self._done.set()

    def wait(self) -> None:
        """Until every worker has ended; lets KeyboardInterrupt through.

        An event and not `join`: an interrupted `join` may take a living thread for dead (cpython 90882).
        """
        if self._living:
            self._done.wait()

    def conclude(self) -> None:
        """Raise what the run has to answer for."""
        if self._fatal is not None:
            raise self._fatal
        if self._unavailable is not None and not self._exhausted.is_set():
            raise self._unavailable

    def next(self) -> Envelope | None:
        """Take an envelope; the second one calls for a second worker, and so on."""
        if self.stopping:
            return None
        try:
            envelope = self._take()
        except BaseException as error:
            self.stop(error)
            raise _Ended from error
        if envelope is None:
            self._exhausted.set()
            return None
        with self._lock:
            self._taken += 1
            more = self._taken > 1
        if more:
            with contextlib.suppress(RuntimeError):  # no more threads to be had: fewer sessions do as well
                self.grow()
        return envelope

    def settle(self, envelope: Envelope, outcome: Outcome) -> None:
        """Hand the outcome over; an exception there stops the run."""
        try:
            self._settle(envelope, outcome)
        except BaseException as error:
            self.stop(error)
            raise _Ended from error

    def stop(self, error: BaseException | None = None) -> None:
        """Let nobody take any more and break the sessions that carry nothing.

        `error` is what the run will raise, the first one wins.
        """
        with self._lock:
            if self._fatal is None:
                self._fatal = error
            self._halt.set()
            for session in self._sessions - self._occupied:
                session.channel.abort()

    def abort(self) -> None:
        """Break all connections now."""
        with self._lock:
            for session in self._sessions:
                session.channel.abort()

    def give_up(self, error: TransportUnavailable, *, owing: bool) -> None:
        """A worker ends for want of a session; `owing` when its last message has to be sent once more."""
        with self._lock:
            self._unavailable = error
            if owing:
                self._exhausted.clear()

    def pause(self, worker: _Worker, setbacks: int) -> None:
        """Wait before try number `setbacks` + 1, with jitter; no longer than the worker is needed."""
        seconds = self.backoff[setbacks - 1] * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, hides nothing
        if self._sleep is not None:
            self._sleep(seconds)
            return
        end = time.monotonic() + seconds
        while self.needs(worker) and (left := end - time.monotonic()) > 0:
            self._halt.wait(min(left, 0.1))

    def register(self, session: Session) -> None:
        """Know a connected session, so that it can be broken off."""
        with self._lock:
            self._sessions.add(session)
            if self.stopping:
                session.channel.abort()

    def occupy(self, session: Session) -> None:
        """The session carries a message: only `abort` breaks it now."""
        with self._lock:
            self._occupied.add(session)

    def vacate(self, session: Session, *, closed: bool = False) -> None:
        """The session carries nothing any more, or is `closed`."""
        with self._lock:
            self._occupied.discard(session)
            if closed:
                self._sessions.discard(session)


class _Worker:
    """One thread with one session at a time."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._session: Session | None = None
        self.proven = False
        """Whether it ever had a session."""
        self._setbacks = 0
        self._owing = False

    def run(self) -> None:
        """Work until there is nothing to take, no session to be had, or somebody stopped the run."""
        try:
            while not self._run.stopping:
                session = self._ready()
                envelope = self._run.next()
                if envelope is None:
                    break
                self._handle(session, envelope)
        except _Ended:
            pass
        except SenderRefused as error:
            self._run.stop(error)
        except TransportUnavailable as error:
            self._run.give_up(error, owing=self._owing)
        except BaseException as error:
            self._run.stop(error)
        finally:
            self._leave()

    def _ready(self) -> Session:
        """A session fit for the next message, opened anew when need be."""
        session = self._session
        if session is not None and not session.spent and session.renew():
            return session
        self._leave()
        while True:
            if not self._run.needs(self):
                raise _Ended
            try:
                session = Session.start(self._run.settings, self._run.wire, self._watch)
            except CannotOpen as error:
                self._leave()
                if not error.retry:
                    raise
                self._set_back(error)
            else:
                self.proven = True
                return session

    def _watch(self, session: Session) -> None:
        self._session = session
        self._run.register(session)

    def _set_back(self, error: TransportUnavailable) -> None:
        """Pause after a failed session, or raise `error` after the last of the pauses."""
        self._setbacks += 1
        if self._setbacks > len(self._run.backoff):
            raise error
        self._run.pause(self, self._setbacks)

    def _handle(self, session: Session, envelope: Envelope) -> None:
        """Send one envelope and settle it, whatever happens."""
        if not session.channel.quiet():  # it closed while we waited for the envelope, which need not suffer
            session.close()
            try:
                session = self._ready()
            except BaseException as error:
                text = error.message if isinstance(error, TransportUnavailable) else "Sending was stopped."
                self._settle(envelope, Outcome(Verdict.DEFERRED, Phase.CONNECT, text=text[:MAX_TEXT], session=True))
                raise
        self._run.occupy(session)
        transaction = Transaction(session)
        try:
            outcome = transaction.run(envelope)
        except BaseException as error:
            session.close()
            text = error.message if isinstance(error, TransportUnavailable) else repr(error)
            if transaction.dot:
                outcome = Outcome(Verdict.UNKNOWN, Phase.DOT, text=text[:MAX_TEXT])
            else:
                outcome = Outcome(Verdict.DEFERRED, transaction.phase, text=text[:MAX_TEXT], session=True)
            self._settle(envelope, outcome)
            raise
        self._settle(envelope, outcome)
        if outcome.session or outcome.verdict is Verdict.UNKNOWN:
            session.close()
            place, text = self._run.settings.place, outcome.text or str(outcome.code)
            self._set_back(
                TransportUnavailable(
                    f"The mail server {place} keeps breaking off: {text}",
                    hint="Try again later, or ask its operator.",
                )
            )
        elif outcome.code:
            self._setbacks = 0

    def _settle(self, envelope: Envelope, outcome: Outcome) -> None:
        if self._session is not None:
            self._run.vacate(self._session)
        self._owing = outcome.session
        self._run.settle(envelope, outcome)

    def _leave(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.quit()
            self._run.vacate(session, closed=True)
