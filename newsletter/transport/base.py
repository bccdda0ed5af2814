"""The Transport port: what a pipe out is given, and what it answers. No database in sight.

A transport is driven by two callables. `take()` hands it the next Envelope, or None when there is
nothing more to send. `settle(done, arming)` is told what became of envelopes and asked to arm others,
both at once, so that the ledger can write them in one commit; it answers with those that must not be
sent after all. The final dot of an envelope never leaves before a `settle` that was asked to arm it has
returned. Every envelope taken is settled exactly once, whatever happens, unless the process dies; one
that was never armed may come back as deferred at `connect`, which means: nothing was tried.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol


class Verdict(StrEnum):
    """What the next hop made of one message."""

    ACCEPTED = "accepted"
    """250 after the final dot: the next hop has it."""
    DEFERRED = "deferred"
    """4xx, or any failure before the final dot: certainly not accepted, may be tried again."""
    REJECTED = "rejected"
    """5xx about this message or recipient: certainly not accepted, will not be."""
    UNKNOWN = "unknown"
    """Silence after the final dot: nobody can say (RFC 1047)."""


class Phase(StrEnum):
    """How far the conversation had come."""

    CONNECT = "connect"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"


class Envelope(NamedTuple):
    """One message for one recipient, as bytes that are ready for the wire (CRLF line ends)."""

    sender: str
    recipient: str
    message: bytes
    key: Any = None
    """Whatever the giver needs to know it again; transports do not look at it."""
    is_canonical: bool = False
    """The giver vouches that every line ends in CRLF and none begins with a dot, so nobody need look."""
    envid: str = ""
    """What a bounce should call this delivery (RFC 3461 §4.4), ASCII; said only to servers that offer DSN."""


class Outcome(NamedTuple):
    """What became of one envelope."""

    verdict: Verdict
    phase: Phase
    code: int = 0
    """SMTP reply code, 0 when there was no reply."""
    enhanced: str = ""
    """Enhanced status code (RFC 3463), e.g. `5.1.1`, or empty."""
    text: str = ""
    """Reply text or the error in words, at most 500 characters, printable."""
    session: bool = False
    """True when a deferral is about the connection, not the recipient (421, a drop before the dot)."""


Settled = tuple[Envelope, Outcome]
"""An envelope and what became of it."""

Take = Callable[[], Envelope | None]
Settle = Callable[[Sequence[Settled], Sequence[Envelope]], Collection[Envelope]]


class Transport(Protocol):
    """A pipe out."""

    def run(self, take: Take, settle: Settle) -> None:
        """Send until `take` answers None, settling every envelope taken.

        Raises `TransportUnavailable` when no session can be opened or the server refuses us as
        a whole (AUTH, TLS, MAIL FROM), after everything taken has been settled.
        """
        ...
