"""One established session as the engine sees it: a socket that never waits, and a conversation on it.

Writes go out as far as the kernel takes them; what is left follows when there is room. The line knows
how many bytes have gone, and so whether a final dot has left: that decides what silence means.
"""

from __future__ import annotations

import ssl
import time
from collections import deque
from selectors import EVENT_READ, EVENT_WRITE

from newsletter.transport.base import Envelope, Phase, Settled
from newsletter.transport.conversation import Conversation, SenderRefused, Unsendable
from newsletter.transport.replies import Reply, WireError
from newsletter.transport.session import Session

CHUNK = 1 << 17
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Line:
    """A session in the engine's hands."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.sock, self._parser = session.channel.detach()
        self.talk = Conversation(session.capabilities)
        self.spare: Envelope | None = None
        """Composed already, to ride behind the next dot."""
        self.events = self.watched = EVENT_READ
        """What it waits for, and what its engine watches for."""
        self.deadline = float("inf")
        """Monotonic moment by which something must have happened."""
        self.is_open = True
        self.last_reply: Reply | None = None
        """The reply that was being handled when something went wrong."""
        self._out: deque[memoryview] = deque()
        self._queued = 0
        self._sent = 0
        self._dot_at = 0

    @property
    def is_idle(self) -> bool:
        """Whether no message is on its way."""
        return self.talk.ahead is None and self.talk.past is None

    @property
    def dot_has_left(self) -> bool:
        """Whether any byte of the last final dot may be on its way."""
        return self._dot_at > 0 and self._sent > self._dot_at - 3

    @property
    def is_spent(self) -> bool:
        """Whether the session has carried as many messages as it should."""
        return self.session.sent >= self.session.settings.messages_per_connection

    @property
    def wants_spare(self) -> bool:
        """Whether a composed message should wait for its ride behind the next dot."""
        return self.spare is None and self.talk.pipelines and not self.is_idle and not self.is_spent

    def begin(self, envelope: Envelope) -> Settled | None:
        """Open the transaction of an envelope; a verdict when it cannot even be said on this session."""
        try:
            commands = self.talk.begin(envelope)
        except Unsendable as error:
            return envelope, error.outcome
        self.session.sent += 1
        self._write(commands)
        return None

    def send_body(self, *, has_news: bool) -> Settled | None:
        """Write the body of the armed envelope with its dot, and behind it the commands of the spare one.

        `has_news`: something has arrived that was not read. A reply that nobody asked for must not pass for the
        verdict on this body.
        """
        if has_news:
            self._receive()
        if self._parser.pending:
            raise WireError("The mail server speaks without being asked.")
        (body, dot), commands, verdict = self.talk.body(), b"", None
        if self.spare is not None and self.talk.pipelines and not self.is_spent:
            envelope, self.spare = self.spare, None
            try:
                commands = self.talk.begin(envelope)
                self.session.sent += 1
            except Unsendable as error:
                verdict = (envelope, error.outcome)
        self._dot_at = self._queued + len(body) + len(dot)
        self._write(b"".join((body, dot, commands)))
        return verdict

    def read(self) -> tuple[list[Settled], WireError | SenderRefused | None]:
        """Take what has arrived and do what follows: verdicts, and why the line has come to its end if it has."""
        settled: list[Settled] = []
        replies = 0
        try:
            self._receive()
            while (reply := self._parser.next()) is not None:
                replies += 1
                self.last_reply = reply
                if self._out and self.talk.past is not None and not self.dot_has_left:
                    raise WireError(f"The mail server answered before the message was complete: {reply}")
                turn = self.talk.reply(reply)
                self.last_reply = None
                if turn.settled:
                    settled.append(turn.settled)
                    self.session.wire.replied()
                if turn.close:
                    raise WireError("The session was left to be safe.")
                if turn.write:
                    self._write(turn.write)
        except (WireError, SenderRefused) as fault:
            return settled, fault
        if replies:  # a byte a minute is no progress
            self._set_deadline()
        return settled, None

    def flush(self) -> None:
        """Write what the kernel takes now; raises `WireError` when the connection is gone."""
        before = self._sent
        try:
            while self._out:
                count = self.sock.send(self._out[0])
                self._sent += count
                if count < len(self._out[0]):
                    self._out[0] = self._out[0][count:]
                    break
                self._out.popleft()
        except _WOULD_BLOCK:
            pass
        except OSError as error:
            raise WireError(f"The connection to the mail server broke: {error.strerror or error}.") from error
        self.events = EVENT_READ | EVENT_WRITE if self._out else EVENT_READ
        if self._sent > before:
            self._set_deadline()

    def over(self, error: Exception) -> tuple[list[Settled], list[Envelope]]:
        """Close at once; returns what is settled by that and the envelopes that were not touched."""
        self.is_open = False
        self.session.close()
        settled, unharmed = self.talk.broken(error, self.last_reply, dot_has_left=self.dot_has_left)
        if self.spare is not None:
            unharmed.append(self.spare)
            self.spare = None
        return settled, unharmed

    def overdue(self) -> WireError:
        """What to say when the deadline has passed."""
        seconds = self._patience()
        if self._out:
            return WireError(f"The mail server took nothing for {seconds:g} seconds.")
        return WireError(f"The mail server did not answer within {seconds:g} seconds.")

    def _write(self, data: bytes) -> None:
        self._queued += len(data)
        self._out.append(memoryview(data))
        self.flush()

    def _receive(self) -> None:
        while True:
            try:
                data = self.sock.recv(CHUNK)
            except _WOULD_BLOCK:
                return
            except OSError as error:
                raise WireError(f"The connection to the mail server broke: {error.strerror or error}.") from error
            if not data:
                raise WireError("The mail server closed the connection without a word.")
            self._parser.feed(data)
            if not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
                return

    def _patience(self) -> float:
        timeouts = self.session.settings.timeouts
        if self._out:
            return timeouts.block
        phase = self.talk.phase
        if phase is Phase.DOT:
            return timeouts.dot
        return timeouts.data if phase is Phase.DATA else timeouts.command

    def _set_deadline(self) -> None:
        waiting = self._out or self.talk.is_waiting
        self.deadline = time.monotonic() + self._patience() if waiting else float("inf")
