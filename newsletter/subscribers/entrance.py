"""Through the gate and into the ledger: what form, embed and API do with a sign-up, in one transaction.

Who is turned away costs the same work as who is let in, and gets the same answer, so that neither words nor time
tell a stranger anything about an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from newsletter.store.trial import on_trial
from newsletter.subscribers.gate import Decision, Gate, Verdict, Visit
from newsletter.subscribers.signup import Request, subscribe
from newsletter.tokens import KeyRing


@dataclass(frozen=True)
class Entered:
    """What became of it: doors show the decision, and nobody but the sender learns the rest."""

    decision: Decision
    enrolled: bool = False
    """Whether a confirmation mail waits in the ledger."""

    @property
    def is_answered(self) -> bool:
        """Whether the visitor is told to look into their inbox."""
        return self.decision.verdict in {Verdict.PASS, Verdict.ENOUGH}


def enter(  # noqa: PLR0917
    connection: Connection, gate: Gate, visit: Visit, request: Request, ring: KeyRing, now: datetime
) -> Entered:
    """Let a sign-up in, ask for more, or let it go nowhere. Call inside a write transaction."""
    decision = gate.decide(connection, visit, now)
    if decision.verdict not in {Verdict.PASS, Verdict.ENOUGH}:
        return Entered(decision)
    due, in_vain = gate.due(connection, visit, now), decision.verdict is Verdict.ENOUGH
    enrolled = subscribe(connection, request, ring, now, due=due, in_vain=in_vain)
    with on_trial(connection) as trial:
        gate.spend(connection, visit, now)
        trial.counts = enrolled
    return Entered(decision, enrolled)
