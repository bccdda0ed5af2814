"""The engine: one loop, several sessions, the next message's commands behind the present one's dot.

One turn of the loop reads whatever replies have come on all lines, hands everything that follows from
them to the ledger in one go (verdicts of the messages past their dot, requests to arm those whose 354
has come), writes the armed bodies, and only then composes the messages after, while the receiver works.
So at most one message per line is ever in doubt, and the ledger commits once a turn, not once a message.

Sessions are opened in threads beside the loop, because greeting, TLS and login may take their time; a
line that breaks off is opened again after growing pauses, and a server that keeps breaking off ends the
run instead of eating the list.
"""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from newsletter.errors import TransportUnavailable
from newsletter.transport.base import Envelope, Outcome, Phase, Settle, Settled, Take, Verdict
from newsletter.transport.conversation import SenderRefused
from newsletter.transport.line import Line, LineOver
from newsletter.transport.replies import WireError
from newsletter.transport.session import CannotOpen, Session
from newsletter.transport.settings import SmtpSettings
from newsletter.transport.wire import WireTimes

Sleep = Callable[[float], None]

TICK = 0.25
"""Seconds between looks at deadlines and pauses."""


@dataclass(eq=False)
class _Berth:
    """A place for one line: empty, being opened, waiting for another try, taken, or given up."""

    line: Line | None = None
    opener: threading.Thread | None = None
    session: Session | None = None
    """The session being opened, so that it can be broken off."""
    retry_at: float | None = None
    setbacks: int = 0
    has_given_up: bool = False

    @property
    def is_free(self) -> bool:
        return self.line is None and self.opener is None and self.retry_at is None and not self.has_given_up


@dataclass
class _Opened:
    """What an opener thread brings back."""

    berth: _Berth
    session: Session | None = None
    error: BaseException | None = None


@dataclass
class _Turn:
    """What has to be told to the ledger at the end of this turn."""

    done: list[Settled] = field(default_factory=list)
    arming: list[_Berth] = field(default_factory=list)


class Engine:
    """One run."""

    def __init__(
        self,
        settings: SmtpSettings,
        wire: WireTimes,
        take: Take,
        settle: Settle,
        *,
        backoff: Sequence[float],
        sleep: Sleep | None,
    ) -> None:
        self._settings = settings
        self._wire = wire
        self._take = take
        self._settle = settle
        self._backoff = tuple(backoff)
        self._sleep = sleep
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._waker = socket.socketpair()
        self._wakeup.setblocking(False)
        self._opened: deque[_Opened] = deque()
        self._berths = [_Berth() for _ in range(max(1, settings.connections))]
        self._unharmed: deque[Envelope] = deque()
        """Envelopes in hand that no line has begun."""
        self._untold: list[Settled] = []
        """Verdicts the ledger has not taken yet; kept when it refuses to, so that a second try can tell them."""
        self._is_exhausted = False
        self._is_stopping = False
        self._is_aborted = False
        self._taken = 0
        self._fatal: BaseException | None = None
        self._unavailable: TransportUnavailable | None = None

    # -- life ----------------------------------------------------------------------------------

    def run(self) -> None:
        """See `Transport.run`."""
        self._selector.register(self._wakeup, selectors.EVENT_READ, None)
        try:
            self._open(self._berths[0])
            self._loop()
        except BaseException as error:
            self._stop(error)
            try:
                self._loop()
            except BaseException:
                self._is_aborted = True
                self._loop()
                raise
        finally:
            self._leave()
        if self._fatal is not None:
            raise self._fatal
        if self._unavailable is not None and not self._is_exhausted:
            raise self._unavailable

    def abort(self) -> None:
        """Break all connections, from any thread; what was past its dot is settled as unknown."""
        self._is_stopping = self._is_aborted = True
        self._wake()

    def _loop(self) -> None:
        next_look = 0.0
        while not self._is_over():
            turn = _Turn()
            for key, events in self._selector.select(0 if self._is_aborted else TICK):
                if key.data is None:
                    self._welcome(turn)
                else:
                    self._attend(key.data, events, turn)
            now = time.monotonic()
            if now >= next_look or self._is_aborted:
                next_look = now + TICK
                self._look_at_clocks(now, turn)
            self._tell(turn)
            if self._is_stopping:
                self._take_back()
            else:
                self._feed()

    def _is_over(self) -> bool:
        if any(berth.opener is not None for berth in self._berths):
            return False
        lines = [berth.line for berth in self._berths if berth.line is not None]
        if any(not line.is_idle for line in lines):
            return False
        if self._is_stopping:
            return True
        if self._untold:
            return False
        if not lines:
            return all(berth.retry_at is None for berth in self._berths) and (
                self._is_exhausted or all(berth.has_given_up for berth in self._berths if not berth.is_free)
            )
        return self._is_exhausted and not self._unharmed

    def _stop(self, error: BaseException | None = None) -> None:
        """Take nothing more; the first error is the one the run will raise."""
        if self._fatal is None:
            self._fatal = error
        self._is_stopping = True
        for berth in self._berths:
            berth.retry_at = None
            if berth.session is not None:
                berth.session.channel.abort()

    def _leave(self) -> None:
        """Close what is open, and give back what was never begun."""
        goodbyes = []
        for berth in self._berths:
            if berth.line is not None:
                line, berth.line = berth.line, None
                self._forget(line)
                if line.spare is not None:
                    self._unharmed.append(line.spare)
                line.sock.setblocking(True)
                thread = threading.Thread(target=line.session.quit, daemon=True)
                thread.start()
                goodbyes.append(thread)
        for thread in goodbyes:
            thread.join()
        self._selector.close()
        self._wakeup.close()
        self._waker.close()
        back = Outcome(Verdict.DEFERRED, Phase.CONNECT, text="It was not sent yet.", session=True)
        self._untold += [(envelope, back) for envelope in self._unharmed]
        self._unharmed.clear()
        if self._untold:
            try:
                self._settle(self._untold, [])
            except BaseException as error:
                if self._fatal is None:
                    self._fatal = error

    @property
    def _has_more(self) -> bool:
        """Whether there may be messages that no line has begun."""
        waiting = any(berth.line is not None and berth.line.spare is not None for berth in self._berths)
        return bool(not self._is_exhausted or self._unharmed or waiting)

    # -- one turn ------------------------------------------------------------------------------

    def _attend(self, berth: _Berth, events: int, turn: _Turn) -> None:
        line = berth.line
        if line is None:
            return
        try:
            if events & selectors.EVENT_WRITE:
                line.flush()
            if events & selectors.EVENT_READ:
                settled = line.read()
                turn.done += settled
                if any(outcome.code and not outcome.session for _, outcome in settled):
                    berth.setbacks = 0
                if any(outcome.session for _, outcome in settled):
                    self._drop(berth, WireError("The mail server puts us off."), turn)
                    return
        except LineOver as over:
            turn.done += over.settled
            self._drop(berth, over.cause, turn)
            return
        except WireError as error:
            self._drop(berth, error, turn)
            return
        self._watch(berth)
        if line.talk.is_ready:
            turn.arming.append(berth)

    def _tell(self, turn: _Turn) -> None:
        """Verdicts and requests to arm go to the ledger together; then the armed bodies leave."""
        self._untold += turn.done
        ready = [berth for berth in turn.arming if berth.line is not None and berth.line.talk.ahead is not None]
        if not self._untold and not ready:
            return
        asking = [] if self._is_stopping else ready
        envelopes = [berth.line.talk.ahead for berth in asking if berth.line is not None and berth.line.talk.ahead]
        refused = self._settle(self._untold, envelopes)
        if any(outcome.session for _, outcome in self._untold):
            self._is_exhausted = False  # what was put off may be due again at once
        self._untold = []
        for berth, envelope in zip(asking, envelopes, strict=True):
            if envelope in refused:
                self._let_go(berth)
            else:
                self._send_body(berth)

    def _take_back(self) -> None:
        """A run that stops lets go of every message whose body is not out."""
        for berth in self._berths:
            if berth.line is not None and berth.line.talk.past is None and berth.line.talk.ahead is not None:
                self._unharmed.append(berth.line.talk.ahead)
                self._let_go(berth)

    def _send_body(self, berth: _Berth) -> None:
        line = berth.line
        assert line is not None  # noqa: S101 - it asked to be armed a moment ago
        turn = _Turn()
        try:
            verdict = line.send_body()
        except WireError as error:
            self._drop(berth, error, turn)
        except SenderRefused as error:
            self._drop(berth, error, turn)
        else:
            if verdict is not None:
                turn.done.append(verdict)
            self._watch(berth)
        self._untold += turn.done

    def _feed(self) -> None:
        """Compose what comes next: first for lines that stand idle, then a spare for each that works."""
        for berth in self._berths:
            line = berth.line
            if line is not None and line.talk.ahead is None and (line.talk.past is None or not line.talk.pipelines):
                if line.talk.past is not None:
                    continue
                self._begin(berth, line)
        for berth in self._berths:
            line = berth.line
            if (
                line is not None
                and line.talk.pipelines
                and line.spare is None
                and not line.is_idle
                and not line.is_spent
            ):
                line.spare = self._next()
                if line.spare is None:
                    break
        if self._taken > 1 and self._has_more:
            self._grow()

    def _begin(self, berth: _Berth, line: Line) -> None:
        if line.is_spent:
            self._retire(berth)
            return
        while True:
            envelope, line.spare = line.spare or self._next() or self._spare_of_another(), None
            if envelope is None:
                return
            try:
                verdict = line.begin(envelope)
            except (WireError, SenderRefused) as error:
                turn = _Turn()
                if line.talk.ahead is None:
                    self._unharmed.append(envelope)
                self._drop(berth, error, turn)
                self._untold += turn.done
                return
            if verdict is None:
                self._watch(berth)
                return
            self._untold.append(verdict)

    def _next(self) -> Envelope | None:
        if self._unharmed:
            return self._unharmed.popleft()
        if self._is_exhausted:
            return None
        envelope = self._take()
        if envelope is None:
            self._is_exhausted = True
        else:
            self._taken += 1
        return envelope

    def _spare_of_another(self) -> Envelope | None:
        """Work that waits behind a busy line, for one that has none."""
        for berth in self._berths:
            if berth.line is not None and berth.line.spare is not None:
                envelope, berth.line.spare = berth.line.spare, None
                return envelope
        return None

    # -- lines come and go ---------------------------------------------------------------------

    def _grow(self) -> None:
        """One more line, as long as there is work for it."""
        if any(berth.opener is not None for berth in self._berths):
            return
        free = next((berth for berth in self._berths if berth.is_free), None)
        if free is not None:
            self._open(free)

    def _open(self, berth: _Berth) -> None:
        berth.retry_at = None

        def watch(session: Session) -> None:
            berth.session = session
            if self._is_stopping:
                session.channel.abort()

        def open_session() -> None:
            opened = _Opened(berth)
            try:
                opened.session = Session.start(self._settings, self._wire, watch)
            except BaseException as error:
                opened.error = error
            self._opened.append(opened)
            self._wake()

        berth.opener = threading.Thread(target=open_session, name="smtp-opener", daemon=True)
        try:
            berth.opener.start()
        except RuntimeError as error:  # no more threads to be had
            berth.opener = None
            self._give_up(berth, TransportUnavailable(f"No thread for a connection could be started: {error}."))

    def _welcome(self, turn: _Turn) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wakeup.recv(4096)
        while self._opened:
            opened = self._opened.popleft()
            berth, berth.opener, berth.session = opened.berth, None, None
            error = opened.error
            if opened.session is not None:
                if self._is_stopping:
                    opened.session.close()
                    continue
                berth.line = Line(opened.session)
                self._selector.register(berth.line.sock, selectors.EVENT_READ, berth)
            elif self._is_stopping:
                continue
            elif isinstance(error, CannotOpen) and error.retry:
                self._set_back(berth, error)
            elif isinstance(error, TransportUnavailable):
                self._give_up(berth, error)
            else:
                self._stop(error)

    def _drop(self, berth: _Berth, error: TransportUnavailable, turn: _Turn) -> None:
        """A line broke off: settle what that decides, and open it again after a pause."""
        line = berth.line
        assert line is not None  # noqa: S101 - only lines break off
        was_idle = line.is_idle and not turn.done
        self._forget(line)
        berth.line = None
        settled, unharmed = line.over(error)
        turn.done += settled
        self._unharmed.extend(unharmed)
        if isinstance(error, SenderRefused):
            if error.settled is not None:
                turn.done.append(error.settled)
            self._stop(error)
        elif not was_idle and not self._is_stopping:
            self._set_back(
                berth,
                TransportUnavailable(
                    f"The mail server {self._settings.place} keeps breaking off: {error.message}",
                    hint="Try again later, or ask its operator.",
                ),
            )

    def _let_go(self, berth: _Berth) -> None:
        """Leave a line that waits for a body nobody should get: its reader has just left."""
        line = berth.line
        assert line is not None  # noqa: S101 - it was asking to be armed
        line.talk.refused()
        self._forget(line)
        berth.line = None
        _, unharmed = line.over(WireError("The reader has just left."))
        self._unharmed.extend(unharmed)

    def _retire(self, berth: _Berth) -> None:
        """A line has carried its share of messages: say goodbye beside the loop, open another when there is work."""
        line = berth.line
        assert line is not None  # noqa: S101 - it was about to begin
        self._forget(line)
        berth.line = None
        if line.spare is not None:
            self._unharmed.append(line.spare)
            line.spare = None
        line.sock.setblocking(True)
        threading.Thread(target=line.session.quit, daemon=True).start()
        if self._unharmed or not self._is_exhausted:
            self._open(berth)

    def _set_back(self, berth: _Berth, error: TransportUnavailable) -> None:
        """Try again after a pause with jitter, or give up after the last of the pauses."""
        berth.setbacks += 1
        if berth.setbacks > len(self._backoff):
            self._give_up(berth, error)
            return
        seconds = self._backoff[berth.setbacks - 1] * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load
        if self._sleep is not None:
            self._sleep(seconds)
            seconds = 0.0
        berth.retry_at = time.monotonic() + seconds

    def _give_up(self, berth: _Berth, error: TransportUnavailable) -> None:
        berth.has_given_up = True
        self._unavailable = error

    def _look_at_clocks(self, now: float, turn: _Turn) -> None:
        for berth in self._berths:
            if berth.line is not None and (self._is_aborted or now >= berth.line.deadline):
                error = WireError("Sending was broken off.") if self._is_aborted else berth.line.overdue()
                self._drop(berth, error, turn)
            elif berth.retry_at is not None and now >= berth.retry_at:
                if self._is_exhausted and not self._unharmed:
                    berth.retry_at = None
                else:
                    self._open(berth)
            elif berth.session is not None and self._is_aborted:
                berth.session.channel.abort()

    def _watch(self, berth: _Berth) -> None:
        """Listen for what the line waits for."""
        line = berth.line
        if line is not None and self._selector.get_key(line.sock).events != line.events:
            self._selector.modify(line.sock, line.events, berth)

    def _forget(self, line: Line) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(line.sock)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"!")
