"""The engine: one loop, several sessions, the next message's commands behind the present one's dot.

One turn of the loop reads whatever replies have come on all lines, hands everything that follows from
them to the ledger in one go (verdicts of the messages past their dot, requests to arm those whose 354
has come), writes the armed bodies, and only then composes the messages after, while the receiver works.
So at most one message per line is ever in doubt, and the ledger commits once a turn, not once a message.

What may take its time, opening sessions and saying goodbye, happens in threads beside the loop (`berth`).
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence

from newsletter.errors import TransportUnavailable
from newsletter.transport.base import Envelope, Outcome, Phase, Settle, Settled, Take, Verdict
from newsletter.transport.berth import Berth, Opened, Sleep, say_goodbye
from newsletter.transport.conversation import SenderRefused
from newsletter.transport.hands import Hands
from newsletter.transport.line import Line
from newsletter.transport.patience import Patience
from newsletter.transport.replies import WireError
from newsletter.transport.session import CannotOpen
from newsletter.transport.settings import SmtpSettings
from newsletter.transport.wire import WireTimes

TICK = 0.25
"""Seconds between looks at deadlines and pauses."""


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
        self._settle = settle
        self._backoff = tuple(backoff)
        self._sleep = sleep
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._waker = socket.socketpair()
        self._wakeup.setblocking(False)
        self._opened: deque[Opened] = deque()
        self._berths = [Berth() for _ in range(max(1, settings.connections))]
        self._hands = Hands(take)
        self._untold: list[Settled] = []
        """Verdicts the ledger has not taken yet; kept when it refuses to, so that a second try can tell them."""
        self._patience = Patience()
        self._is_stopping = False
        self._is_aborted = False
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
        if self._unavailable is not None and not self._hands.is_exhausted:
            raise self._unavailable

    def abort(self) -> None:
        """Break all connections, from any thread; what was past its dot is settled as unknown."""
        self._is_stopping = self._is_aborted = True
        self._wake()

    def _loop(self) -> None:
        next_look = 0.0
        while not self._is_over():
            for key, events in self._selector.select(self._rest()):
                if key.data is None:
                    self._welcome()
                else:
                    self._attend(key.data, events)
            now = time.monotonic()
            if now >= next_look or self._is_aborted:
                next_look = now + TICK
                self._look_at_clocks(now)
            self._tell()
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
                self._hands.is_exhausted or all(berth.has_given_up for berth in self._berths if not berth.is_free)
            )
        return not self._hands.has_more

    def _stop(self, error: BaseException | None = None) -> None:
        """Take nothing more; the first error is the one the run will raise."""
        if self._fatal is None:
            self._fatal = error
        self._is_stopping = True
        for berth in self._berths:
            berth.stop()

    def _leave(self) -> None:
        """Close what is open, and give back what was never begun."""
        goodbyes = []
        for berth in self._berths:
            if berth.line is not None:
                goodbyes.append(self._part_from(berth))
        for thread in goodbyes:
            thread.join()
        self._selector.close()
        self._wakeup.close()
        self._waker.close()
        back = Outcome(Verdict.DEFERRED, Phase.CONNECT, text="It was not sent yet.", session=True)
        self._untold += [(envelope, back) for envelope in self._hands.empty()]
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
        return self._hands.has_more or waiting

    # -- one turn ------------------------------------------------------------------------------

    def _attend(self, berth: Berth, events: int) -> None:
        line = berth.line
        if line is None:
            return
        fault: TransportUnavailable | None = None
        settled: list[Settled] = []
        try:
            if events & selectors.EVENT_WRITE:
                line.flush()
            if events & selectors.EVENT_READ:
                settled, fault = line.read()
        except WireError as error:
            fault = error
        self._untold += settled
        definite = [outcome for _, outcome in settled if outcome.code and not outcome.session]
        if definite:
            berth.setbacks = 0
        if fault is None and len(definite) < len(settled):
            fault = WireError("The mail server puts us off.")
        if fault is not None:
            # A server that closes an idle line, or behind its verdict, has done nothing wrong.
            self._drop(berth, fault, is_fair=line.is_idle and len(definite) == len(settled))
            return
        self._watch(berth)

    def _tell(self) -> None:
        """Verdicts and requests to arm go to the ledger together; then the armed bodies leave."""
        talks = [(berth, berth.line.talk) for berth in self._berths if berth.line is not None]
        asking = [] if self._is_stopping else [(berth, talk.ahead) for berth, talk in talks if talk.is_ready]
        others = [talk for _, talk in talks]
        if not self._is_stopping and self._patience.is_worth_it(self._untold, others, len(asking)):
            return
        envelopes = [envelope for _, envelope in asking if envelope is not None]
        if not self._untold and not envelopes:
            return
        refused = self._settle(self._untold, envelopes)
        self._patience.told()
        if any(outcome.session for _, outcome in self._untold):
            self._hands.is_exhausted = False  # what was put off may be due again at once
        self._untold = []
        talkative = {key.data for key, events in self._selector.select(0) if events & selectors.EVENT_READ}
        for berth, envelope in asking:
            if envelope in refused:
                self._let_go(berth)
            else:
                self._send_body(berth, has_news=berth in talkative)

    def _rest(self) -> float:
        """Seconds the loop may sleep."""
        return 0 if self._is_aborted else self._patience.seconds(TICK, self._untold)

    def _take_back(self) -> None:
        """A run that stops lets go of every message whose body is not out."""
        for berth in self._berths:
            if berth.line is not None and berth.line.talk.past is None and berth.line.talk.ahead is not None:
                self._hands.put_back([berth.line.talk.ahead])
                self._let_go(berth)

    def _send_body(self, berth: Berth, *, has_news: bool) -> None:
        line = berth.line
        assert line is not None  # noqa: S101 - it asked to be armed a moment ago
        try:
            verdict = line.send_body(has_news=has_news)
        except (WireError, SenderRefused) as error:
            self._drop(berth, error)
            return
        if verdict is not None:
            self._untold.append(verdict)
        self._watch(berth)

    def _feed(self) -> None:
        """Compose what comes next: first for lines that stand idle, then a spare for each that works."""
        for berth in self._berths:
            if berth.line is not None and berth.line.is_idle:
                self._begin(berth, berth.line)
        for berth in self._berths:
            line = berth.line
            if line is not None and line.wants_spare:
                line.spare = self._hands.next()
                if line.spare is None:
                    break
        if self._hands.taken > 1 and self._has_more:
            self._grow()

    def _begin(self, berth: Berth, line: Line) -> None:
        if line.is_spent:
            self._retire(berth)
            return
        while True:
            envelope, line.spare = line.spare or self._hands.next() or self._spare_of_another(), None
            if envelope is None:
                return
            try:
                verdict = line.begin(envelope)
            except (WireError, SenderRefused) as error:
                if line.talk.ahead is None:
                    self._hands.put_back([envelope])
                self._drop(berth, error)
                return
            if verdict is None:
                self._watch(berth)
                return
            self._untold.append(verdict)

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

    def _open(self, berth: Berth) -> None:
        def bring(opened: Opened) -> None:
            self._opened.append(opened)
            self._wake()

        berth.open(self._settings, self._wire, bring)

    def _welcome(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wakeup.recv(4096)
        while self._opened:
            opened = self._opened.popleft()
            berth, error = opened.berth, opened.error
            berth.arrive()
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
                berth.has_given_up, self._unavailable = True, error
            else:
                self._stop(error)

    def _drop(self, berth: Berth, error: TransportUnavailable, *, is_fair: bool = False) -> None:
        """A line has ended: settle what that decides; unless it ended fairly, the next try waits for a pause."""
        line = berth.clear()
        self._forget(line)
        settled, unharmed = line.over(error)
        self._untold += settled
        self._hands.put_back(unharmed)
        if isinstance(error, SenderRefused):
            if error.settled is not None:
                self._untold.append(error.settled)
            self._stop(error)
        elif not is_fair and not self._is_stopping:
            text = f"The mail server {self._settings.place} keeps breaking off: {error.message}"
            self._set_back(berth, TransportUnavailable(text, hint="Try again later, or ask its operator."))

    def _let_go(self, berth: Berth) -> None:
        """Leave a line that waits for a body nobody should get: its reader has just left."""
        line = berth.clear()
        line.talk.refused()
        self._forget(line)
        _, unharmed = line.over(WireError("The reader has just left."))
        self._hands.put_back(unharmed)

    def _retire(self, berth: Berth) -> None:
        """A line has carried its share of messages: say goodbye beside the loop, open another when there is work."""
        self._part_from(berth)
        if self._hands.has_more:
            self._open(berth)

    def _part_from(self, berth: Berth) -> threading.Thread:
        """Say goodbye to a line that stands idle; what waited behind it goes to the others."""
        line = berth.clear()
        self._forget(line)
        if line.spare is not None:
            self._hands.put_back([line.spare])
            line.spare = None
        return say_goodbye(line)

    def _set_back(self, berth: Berth, error: TransportUnavailable) -> None:
        if not berth.set_back(self._backoff, self._sleep):
            self._unavailable = error

    def _look_at_clocks(self, now: float) -> None:
        for berth in self._berths:
            if berth.line is not None and (self._is_aborted or now >= berth.line.deadline):
                error = WireError("Sending was broken off.") if self._is_aborted else berth.line.overdue()
                self._drop(berth, error)
            elif berth.retry_at is not None and now >= berth.retry_at:
                if not self._hands.has_more:
                    berth.retry_at = None
                else:
                    self._open(berth)
            elif berth.session is not None and self._is_aborted:
                berth.session.channel.abort()

    def _watch(self, berth: Berth) -> None:
        """Listen for what the line waits for."""
        line = berth.line
        if line is not None and line.events != line.watched:
            self._selector.modify(line.sock, line.events, berth)
            line.watched = line.events

    def _forget(self, line: Line) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(line.sock)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"!")
