"""One message for one recipient on an open session, and the honest verdict on it.

The verdict hangs on how far the conversation had come. Before the final dot is written, whatever goes
wrong means *certainly not accepted*; from then on, silence means *nobody can say* (RFC 1047). Standard
clients do not tell the two apart, which is why this one is our own.
"""

from __future__ import annotations

import re

from newsletter.addresses import for_the_wire
from newsletter.errors import AddressError, TransportUnavailable
from newsletter.transport.base import Envelope, Outcome, Phase, Verdict
from newsletter.transport.replies import MAX_TEXT, Closing, Reply, WireError
from newsletter.transport.session import Session

_UNSAFE = re.compile(r"[\x00-\x20\x7f<>\x80-\x9f\u2028\u2029\ud800-\udfff]")
_STORAGE = frozenset({452, 552})
"""On RCPT both mean *too many* or *too full at present* (RFC 5321 §4.5.3.1.10)."""
_HINT = "No reader was marked; check [sender] and [feedback] return_path, or ask the operator of the mail server."


class SenderRefused(TransportUnavailable):
    """The mail server refuses mail from us as a whole."""


class _Unsendable(Exception):
    """This message or recipient cannot be said over this session; the text says why."""

    def __init__(self, text: str, enhanced: str = "") -> None:
        super().__init__(text)
        self.enhanced = enhanced


class Transaction:
    """The state of one delivery; `dot` is set just before the final dot may leave."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.phase = Phase.MAIL
        self.dot = False
        self.failed: tuple[Phase, Reply] | None = None

    def run(self, envelope: Envelope) -> Outcome:
        """Send and judge. Raises `SenderRefused` when MAIL is refused for good; anything else is an Outcome."""
        session = self.session
        session.sent += 1
        try:
            commands = _commands(envelope, session.capabilities)
        except _Unsendable as error:
            return Outcome(Verdict.REJECTED, Phase.MAIL, 0, error.enhanced, str(error)[:MAX_TEXT])
        try:
            outcome = self._converse(commands, envelope.message)
        except WireError as error:
            session.close()
            outcome = self._judge(*self.failed) if self.failed else self.broken(error)
        if outcome.code:
            session.wire.replied()
        session.dirty = outcome.verdict is not Verdict.ACCEPTED
        return outcome

    def broken(self, error: Exception) -> Outcome:
        """The verdict when the conversation ended without an answer, or with 421."""
        if isinstance(error, Closing):
            reply = error.reply
            return Outcome(Verdict.DEFERRED, self.phase, reply.code, reply.enhanced, reply.text, session=True)
        text = (error.message if isinstance(error, WireError) else repr(error))[:MAX_TEXT]
        if self.dot:
            return Outcome(Verdict.UNKNOWN, Phase.DOT, text=text)
        return Outcome(Verdict.DEFERRED, self.phase, text=text, session=True)

    def _converse(self, commands: tuple[bytes, bytes, bytes], message: bytes) -> Outcome:
        session = self.session
        channel, timeouts = session.channel, session.settings.timeouts
        last = self._ask(commands)
        if self.failed:
            if last.code == 354:  # it waits for a body that nobody should get; leaving accepts nothing
                session.close()
            return self._judge(*self.failed)
        body = b"." + message if message.startswith(b".") else message
        body = body.replace(b"\r\n.", b"\r\n..")
        channel.write(body if body.endswith(b"\r\n") else body + b"\r\n", timeouts.block)
        if not channel.quiet():
            early = channel.read(timeouts.command)
            raise WireError(f"The mail server answered before the message was complete: {early}")
        self.phase, self.dot = Phase.DOT, True
        channel.write(b".\r\n", timeouts.block)
        reply = channel.read(timeouts.dot)
        return self._judge(Phase.DOT, reply)

    def _ask(self, commands: tuple[bytes, bytes, bytes]) -> Reply:
        """MAIL, RCPT and DATA, in one write where PIPELINING allows (RFC 2920); the last reply read."""
        channel, timeouts = self.session.channel, self.session.settings.timeouts
        pipelining = "PIPELINING" in self.session.capabilities
        if pipelining:
            channel.write(b"".join(commands), timeouts.command)
        for phase, line in zip((Phase.MAIL, Phase.RCPT, Phase.DATA), commands, strict=True):
            if not self.failed:
                self.phase = phase
            if not pipelining:
                channel.write(line, timeouts.command)
            reply = channel.read(timeouts.data if phase is Phase.DATA else timeouts.command)
            expected = reply.code == 354 if phase is Phase.DATA else reply.good
            if not expected and not self.failed:
                self.failed = (phase, reply)
                if not pipelining:
                    break
        return reply

    def _judge(self, phase: Phase, reply: Reply) -> Outcome:
        def outcome(verdict: Verdict, *, session: bool = False) -> Outcome:
            return Outcome(verdict, phase, reply.code, reply.enhanced, reply.text, session=session)

        if phase is Phase.DOT and reply.good:
            return outcome(Verdict.ACCEPTED)
        if reply.temporary or (phase is Phase.RCPT and reply.code in _STORAGE):
            return outcome(Verdict.DEFERRED, session=phase is Phase.MAIL)
        if reply.permanent and phase is Phase.MAIL:
            self.session.close()
            raise SenderRefused(f"The mail server refuses mail from us: {reply}", hint=_HINT)
        if reply.permanent:
            return outcome(Verdict.REJECTED)
        self.session.close()
        return self.broken(WireError(f"The mail server gave an answer out of place: {reply}"))


def _commands(envelope: Envelope, capabilities: dict[str, str]) -> tuple[bytes, bytes, bytes]:
    message = envelope.message
    if not message.count(b"\n") == message.count(b"\r") == message.count(b"\r\n"):
        raise _Unsendable("The message has bare line ends, which some servers take for the end of a message.")
    size = capabilities.get("SIZE")
    if size and size.isdecimal() and 0 < int(size) < len(message):
        raise _Unsendable(f"The message has {len(message)} bytes, the mail server takes at most {size}.", "5.3.4")
    recipient, recipient_utf8 = _path(envelope.recipient)
    try:
        sender, sender_utf8 = _path(envelope.sender) if envelope.sender else ("", False)
    except _Unsendable as error:
        raise SenderRefused(f"The envelope sender cannot be used: {error}", hint=_HINT) from error
    parameters = [f"SIZE={len(message)}"] if size is not None else []
    if "8BITMIME" in capabilities and not message.isascii():
        parameters.append("BODY=8BITMIME")
    if recipient_utf8 or sender_utf8:
        if "SMTPUTF8" not in capabilities:
            text = "Letters outside ASCII before the @ need SMTPUTF8, which the mail server lacks."
            raise (
                SenderRefused(f"The envelope sender: {text}", hint=_HINT) if sender_utf8 else _Unsendable(text, "5.6.7")
            )
        parameters.append("SMTPUTF8")
    mail = " ".join([f"MAIL FROM:<{sender}>", *parameters])
    return mail.encode() + b"\r\n", f"RCPT TO:<{recipient}>\r\n".encode(), b"DATA\r\n"


def _path(address: str) -> tuple[str, bool]:
    """The address as it is said on the wire, and whether that needs SMTPUTF8 (RFC 6531)."""
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or _UNSAFE.search(address) or len(address) > 320:
        raise _Unsendable("That is not an address that can be said in SMTP.")
    if not local.isascii():
        return address, True
    try:
        return for_the_wire(address), False
    except AddressError as error:
        raise _Unsendable(str(error)) from error
