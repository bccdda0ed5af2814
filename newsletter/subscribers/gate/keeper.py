"""The one gate that forms, embeds, replies and the API pass through: facts and counters in, a verdict out.

The doors say what they saw (`Visit`); the gate reads and writes its tables in the transaction they hand it, so
that two processes never give the same budget away twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete

from newsletter.addresses import Address
from newsletter.config.model import SignupsConfig
from newsletter.store.gate_schema import gate_proofs
from newsletter.subscribers.gate import allowed, disposable, domains, likeness, limits, memory, proof
from newsletter.subscribers.gate.forms import FormTokens
from newsletter.subscribers.gate.limits import Errand
from newsletter.subscribers.gate.proof import Proofs, Solved
from newsletter.subscribers.gate.verdict import Decision, Facts, Verdict, decide
from newsletter.tokens import KeyRing

PAUSE = timedelta(seconds=10)
"""How long who cannot work waits before the button counts."""


@dataclass(frozen=True)
class Visit:
    """One sign-up, or whatever else somebody came for, as a door saw it."""

    address: Address
    ip: str
    errand: Errand = Errand.SIGNUP
    is_proven: bool = True
    is_trapped: bool = False
    has_pressed: bool = False
    has_waited: bool = False
    solved: Solved | None = None
    has_key: bool = False
    """A program brought it that the owner gave a key, which is as good as work."""


class Gate:
    """What all entrances of a Site share; holds no state of its own."""

    def __init__(self, config: SignupsConfig, ring: KeyRing, *, is_local: bool = False) -> None:
        """`is_local`: mail reaches this machine only, and whether its domain exists is all the same."""
        self._config = config
        self._ring = ring
        self._is_local = is_local
        self.forms = FormTokens(ring)
        self.proofs = Proofs(ring)

    def decide(self, connection: Connection, visit: Visit, now: datetime) -> Decision:
        """The verdict, written into the day's tally. Call inside a write transaction; `spend` follows a pass."""
        config, is_signup = self._config, visit.errand is Errand.SIGNUP
        look = memory.count_post if is_signup else memory.watch
        watch = look(connection, now, config.attack)
        facts = Facts(
            is_proven=visit.is_proven,
            is_trapped=visit.is_trapped,
            has_pressed=visit.has_pressed,
            has_waited=visit.has_waited,
            has_solved=visit.has_key or (visit.solved is not None and proof.use(connection, visit.solved)),
            is_disposable=disposable.is_disposable(visit.address.domain, config.disposable),
            is_allowed=allowed.is_allowed(connection, visit.address, visit.ip),
        )
        load = limits.load(connection, visit.errand, self._keys(visit), visit.address, config, now)
        decision = decide(facts, replace(load, is_attacked=watch.is_attacked), config.proof)
        network = "" if decision.verdict is Verdict.PASS else likeness.network(visit.ip)
        reason = decision.reason if is_signup else f"{visit.errand} {decision.reason}".strip()
        memory.tally(connection, replace(decision, reason=reason), network, now)
        return decision

    def due(self, connection: Connection, visit: Visit, now: datetime) -> datetime:
        """When the confirmation mail may leave: later while nobody knows whether its domain takes mail."""
        return now if self._is_local else domains.due(connection, self._ring, visit.address.domain, now)

    def spend(self, connection: Connection, visit: Visit, now: datetime) -> None:
        """It was let in: a confirmation mail was enrolled, or a reply kept."""
        limits.spend(connection, self._keys(visit), now, waited=visit.has_waited and visit.solved is None)

    def _keys(self, visit: Visit) -> limits.Keys:
        return limits.keys_of(self._ring, visit.errand, visit.address, visit.ip)


def sweep(connection: Connection, now: datetime) -> None:
    """Forget what is over: old windows, expired challenges, tallies of last month, findings about domains."""
    limits.sweep(connection, now)
    connection.execute(delete(gate_proofs).where(gate_proofs.c.expires_at < now))
    memory.sweep(connection, now)
    domains.sweep(connection, now)
