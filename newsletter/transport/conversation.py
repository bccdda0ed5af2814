"""What two messages on one session mean to each other, without sockets or clocks.

With PIPELINING the commands of the next message ride behind the final dot of the present one, so a
session always knows two envelopes: the one that is *past* its dot and waits for the verdict, and the one
*ahead*, whose commands are out and whose body must not leave before its giver has armed it. Whatever goes
wrong before the dot means *certainly not accepted*; after it, silence means *nobody can say* (RFC 1047).
"""

from __future__ import annotations

import re
from collections import deque
from enum import StrEnum
from typing import NamedTuple

from newsletter.addresses import for_the_wire
from newsletter.errors import AddressError, TransportUnavailable
from newsletter.transport import dsn
from newsletter.transport.base import Envelope, Outcome, Phase, Settled, Verdict
from newsletter.transport.replies import MAX_TEXT, Reply, WireError

_UNSAFE = re.compile(r"[\x00-\x20\x7f<>\x80-\x9f\u2028\u2029\ud800-\udfff]")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,255}")
_MAIL, _RCPT = b"MAIL FROM:<%b>%b\r\n", b"RCPT TO:<%b>%b\r\n"
_STORAGE = frozenset({452, 552})
"""On RCPT both mean *too many* or *too full at present* (RFC 5321 §4.5.3.1.10)."""
_HINT = "No reader was marked; check [sender] and [feedback] return_path, or ask the operator of the mail server."


class SenderRefused(TransportUnavailable):
    """The mail server refuses mail from us as a whole."""

    settled: Settled | None = None
    """The envelope that met the refusal; it is not to blame."""


class Unsendable(Exception):
    """This message or recipient cannot be said over this session; the text says why."""

    def __init__(self, text: str, enhanced: str = "") -> None:
        super().__init__(text)
        self.outcome = Outcome(Verdict.REJECTED, Phase.MAIL, 0, enhanced, text[:MAX_TEXT])


class _Step(StrEnum):
    """What the next reply answers."""

    RSET = "rset"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"


_PHASE = {_Step.MAIL: Phase.MAIL, _Step.RCPT: Phase.RCPT, _Step.DATA: Phase.DATA, _Step.DOT: Phase.DOT}


class Turn(NamedTuple):
    """What follows from one reply."""

    write: bytes = b""
    """To be written now."""
    settled: Settled | None = None
    """An envelope whose fate is known."""
    close: bool = False
    """The session is of no more use."""


_GO_ON = Turn()


class Conversation:
    """The two envelopes of a session and the replies they wait for."""

    def __init__(self, capabilities: dict[str, str]) -> None:
        self._capabilities = capabilities
        self._is_pipelining = "PIPELINING" in capabilities
        self._expected: deque[_Step] = deque()
        self._later: deque[tuple[_Step, bytes]] = deque()
        self._failed: tuple[_Step, Reply] | None = None
        self._dirty = False
        self._rides = False
        """The commands of `ahead` went out behind a dot, so a session that ends there is not about it."""
        self.past: Envelope | None = None
        """Its dot was handed to the wire; no verdict yet."""
        self.ahead: Envelope | None = None
        """Its commands are out; its body is not."""
        self.is_ready = False
        """354 has come for `ahead`: its body may follow as soon as it is armed."""

    @property
    def phase(self) -> Phase | None:
        """How far the message is that the next reply belongs to; None when no reply is awaited."""
        for step in self._expected:
            if step is not _Step.RSET:
                return _PHASE[step]
        return None

    @property
    def is_waiting(self) -> bool:
        """Whether a reply is owed to us."""
        return bool(self._expected)

    def begin(self, envelope: Envelope) -> bytes:
        """Put an envelope ahead; returns what opens its transaction.

        Raises `Unsendable` or `SenderRefused` before anything is said; nothing has changed then.
        """
        mail, rcpt, data = _commands(envelope, self._capabilities)
        self.ahead, self._failed, self.is_ready = envelope, None, False
        self._rides = self.past is not None
        steps = [(_Step.MAIL, mail), (_Step.RCPT, rcpt), (_Step.DATA, data)]
        if self._dirty:
            steps.insert(0, (_Step.RSET, b"RSET\r\n"))
            self._dirty = False
        if self._is_pipelining:  # RFC 2920 §3.1: DATA may end a group
            self._expected += [step for step, _ in steps]
            return b"".join([line for _, line in steps])
        self._later.extend(steps)
        return self._next_step()

    def body(self) -> tuple[bytes, bytes]:
        """The body of `ahead`, and what ends in its final dot; call it only when `ahead` was armed.

        With PIPELINING, `begin` may put the next envelope ahead at once, so that its commands ride behind the dot.
        """
        envelope = self._take_ahead()
        self.past = envelope
        self._expected.append(_Step.DOT)
        message = envelope.message
        if envelope.is_canonical:
            return message, b".\r\n"
        stuffed = message.replace(b"\r\n.", b"\r\n..")  # RFC 5321 §4.5.2
        if message.startswith(b"."):
            stuffed = b"." + stuffed
        return stuffed, b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n"

    @property
    def pipelines(self) -> bool:
        """Whether the next message's commands may go out behind the present one's dot."""
        return self._is_pipelining

    def reply(self, reply: Reply) -> Turn:
        """Take the next reply. Raises `WireError` when it is out of place, `SenderRefused` when we are unwelcome."""
        if not self._expected:
            raise WireError(f"The mail server speaks without being asked: {reply}")
        if reply.code == 421:
            raise WireError(f"The mail server closes the session: {reply}")
        step = self._expected.popleft()
        if step is _Step.DOT:
            return self._verdict(reply)
        if step is _Step.RSET:
            if not reply.good:
                raise WireError(f"The mail server refuses to begin anew: {reply}")
            return Turn(self._next_step())
        is_wished = reply.code == 354 if step is _Step.DATA else reply.good
        if self._failed is None and is_wished:
            self.is_ready = step is _Step.DATA
            return Turn(self._next_step()) if self._later else _GO_ON
        if self._failed is None:
            self._failed = (step, reply)
        if self._is_pipelining and step is not _Step.DATA:
            return _GO_ON
        try:
            outcome = _judged(*self._failed)
        except SenderRefused as error:
            refusal = _of_the_session(Verdict.DEFERRED, Phase.MAIL, self._failed[1], error.message)
            error.settled = (self._take_ahead(), refusal)
            raise
        self._later.clear()
        self._dirty = True
        envelope = self._take_ahead()
        # A 354 all the same waits for a body that nobody should get; leaving accepts nothing.
        return Turn(settled=(envelope, outcome), close=reply.code == 354)

    def broken(
        self, error: Exception, reply: Reply | None, *, dot_has_left: bool
    ) -> tuple[list[Settled], list[Envelope]]:
        """The session ended. Returns what is settled by that, and envelopes that were not touched by it.

        `reply` is the 421, or the reply out of place, that ended it.
        """
        text = error.message if isinstance(error, TransportUnavailable) else repr(error)
        is_421 = reply is not None and reply.code == 421
        settled: list[Settled] = []
        unharmed: list[Envelope] = []
        past, self.past = self.past, None
        ahead, self.ahead = self.ahead, None
        if past is not None:
            if is_421:
                verdict, phase = Verdict.DEFERRED, Phase.DOT if dot_has_left else Phase.DATA
            elif dot_has_left:
                verdict, phase, reply = Verdict.UNKNOWN, Phase.DOT, None
            else:
                verdict, phase, reply = Verdict.DEFERRED, Phase.DATA, None
            settled.append((past, _of_the_session(verdict, phase, reply, text)))
        unanswered = self._rides and _Step.MAIL in self._expected and not is_421
        if ahead is not None and (past is not None or self.is_ready or unanswered):
            unharmed.append(ahead)
        elif ahead is not None and (verdict_ahead := self._known_verdict()) is not None:
            settled.append((ahead, verdict_ahead))
        elif ahead is not None:
            phase = _PHASE[self._failed[0]] if self._failed else self.phase or Phase.MAIL
            settled.append((ahead, _of_the_session(Verdict.DEFERRED, phase, reply if is_421 else None, text)))
        self._expected.clear()
        self._later.clear()
        return settled, unharmed

    def refused(self) -> Envelope:
        """The giver takes `ahead` back at the last moment: the session must be closed, for it waits for a body."""
        return self._take_ahead()

    def _known_verdict(self) -> Outcome | None:
        """What was said about `ahead` before the connection went, when that was a verdict."""
        if self._failed is None:
            return None
        try:
            return _judged(*self._failed)
        except (WireError, SenderRefused):
            return None

    def _verdict(self, reply: Reply) -> Turn:
        envelope = self.past
        assert envelope is not None  # noqa: S101 - DOT is expected only behind a body
        outcome = _judged(_Step.DOT, reply)
        self.past = None
        return Turn(settled=(envelope, outcome))

    def _take_ahead(self) -> Envelope:
        envelope = self.ahead
        assert envelope is not None  # noqa: S101 - its replies are being read
        self.ahead, self.is_ready = None, False
        return envelope

    def _next_step(self) -> bytes:
        if not self._later:
            return b""
        step, line = self._later.popleft()
        self._expected.append(step)
        return line


def _judged(step: _Step, reply: Reply) -> Outcome:
    """The verdict of a reply that is not the wished one, and of every reply to the dot."""
    phase = _PHASE[step]
    if phase is Phase.DOT and reply.good:
        verdict = Verdict.ACCEPTED
    elif reply.temporary or (phase is Phase.RCPT and reply.code in _STORAGE):
        verdict = Verdict.DEFERRED
    elif reply.permanent and phase is Phase.MAIL:
        raise SenderRefused(f"The mail server refuses mail from us: {reply}", hint=_HINT)
    elif reply.permanent:
        verdict = Verdict.REJECTED
    else:
        raise WireError(f"The mail server gave an answer out of place: {reply}")
    of_the_session = verdict is Verdict.DEFERRED and phase is Phase.MAIL
    return Outcome(verdict, phase, reply.code, reply.enhanced, reply.text, session=of_the_session)


def _of_the_session(verdict: Verdict, phase: Phase, reply: Reply | None, text: str) -> Outcome:
    session = verdict is Verdict.DEFERRED
    if reply is None:
        return Outcome(verdict, phase, text=text[:MAX_TEXT], session=session)
    return Outcome(verdict, phase, reply.code, reply.enhanced, reply.text, session=session)


def _commands(envelope: Envelope, capabilities: dict[str, str]) -> tuple[bytes, bytes, bytes]:
    message = envelope.message
    if not envelope.is_canonical and not (message.count(b"\n") == message.count(b"\r") == message.count(b"\r\n")):
        raise Unsendable("The message has bare line ends, which some servers take for the end of a message.")
    size = capabilities.get("SIZE")
    if size and size.isdecimal() and 0 < int(size) < len(message):
        raise Unsendable(f"The message has {len(message)} bytes, the mail server takes at most {size}.", "5.3.4")
    offers_dsn = "DSN" in capabilities
    if envelope.is_canonical and _PLAIN_PATH.fullmatch(envelope.recipient) and _PLAIN_PATH.fullmatch(envelope.sender):
        mail, rcpt = "" if size is None else f" SIZE={len(message)}", ""
        if offers_dsn:
            mail, rcpt = mail + dsn.mail_parameters(envelope.envid), dsn.rcpt_parameters(envelope.recipient)
        return (
            _MAIL % (envelope.sender.encode(), mail.encode()),
            _RCPT % (envelope.recipient.encode(), rcpt.encode()),
            b"DATA\r\n",
        )
    recipient, recipient_utf8 = _path(envelope.recipient)
    try:
        sender, sender_utf8 = _path(envelope.sender) if envelope.sender else ("", False)
    except Unsendable as error:
        raise SenderRefused(f"The envelope sender cannot be used: {error}", hint=_HINT) from error
    mail, rcpt = "" if size is None else f" SIZE={len(message)}", ""
    if "8BITMIME" in capabilities and not message.isascii():
        mail += " BODY=8BITMIME"
    if recipient_utf8 or sender_utf8:
        if "SMTPUTF8" not in capabilities:
            text = "Letters outside ASCII before the @ need SMTPUTF8, which the mail server lacks."
            if sender_utf8:
                raise SenderRefused(f"The envelope sender: {text}", hint=_HINT)
            raise Unsendable(text, "5.6.7")
        mail += " SMTPUTF8"
    if offers_dsn:
        mail, rcpt = mail + dsn.mail_parameters(envelope.envid), dsn.rcpt_parameters(recipient)
    return _MAIL % (sender.encode(), mail.encode()), _RCPT % (recipient.encode(), rcpt.encode()), b"DATA\r\n"


def _path(address: str) -> tuple[str, bool]:
    """The address as it is said on the wire, and whether that needs SMTPUTF8 (RFC 6531)."""
    if _PLAIN_PATH.fullmatch(address):
        return address, False
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or _UNSAFE.search(address) or len(address) > 320:
        raise Unsendable("That is not an address that can be said in SMTP.")
    if not local.isascii():
        return address, True
    try:
        return for_the_wire(address), False
    except AddressError as error:
        raise Unsendable(str(error)) from error
