"""Confirmations that wait for the DNS: looked up by whoever sends them, then let go or left out.

The look-up stands outside of any request, so that the page and its time tell nothing of it, and outside of any
transaction, because it waits for the network. When nobody looks up, or no answer comes, the mail falls due by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from dns.asyncresolver import Resolver

from newsletter.clock import Clock
from newsletter.deliveries import standing
from newsletter.store.engine import Database
from newsletter.store.schema import CampaignKind
from newsletter.subscribers.gate import domains, memory, mx
from newsletter.subscribers.gate.domains import Reach
from newsletter.subscribers.gate.verdict import Decision, Verdict
from newsletter.tokens import KeyRing

AT_ONCE = 200
"""Mails that one round looks at; the others are for the next one, or fall due."""

_WHY = {
    "no-domain": "there is no such domain",
    "null-mx": "the domain says that it takes no mail (RFC 7505)",
    "no-host": "the domain has no host that takes mail",
}


@dataclass(frozen=True)
class Round:
    """What one round did, in mails."""

    released: int = 0
    left_out: int = 0


def settle(database: Database, ring: KeyRing, asking: Resolver | None, clock: Clock) -> Round:
    """Decide about every confirmation that waits: look up what is not known, then let go or leave out."""
    with database.read() as connection:
        waiting = standing.waiting(connection, CampaignKind.CONFIRM, clock(), AT_ONCE)
        known = {each.domain: domains.known(connection, ring, each.domain, clock()) for each in waiting}
    if not waiting:
        return Round()
    fresh = mx.look_up(asking, [domain for domain, finding in known.items() if finding is None])
    findings = {domain: finding or fresh[domain] for domain, finding in known.items()}
    released = left_out = 0
    with database.write() as connection:
        now = clock()
        for domain, finding in fresh.items():
            domains.keep(connection, ring, domain, finding, now)
        for each in waiting:
            finding = findings[each.domain]
            if finding.reach is not Reach.NOTHING:
                released += standing.release(connection, each, now)
            elif standing.leave_out(connection, each, f"{each.domain}: {_WHY[finding.reason]}", now):
                memory.tally(connection, Decision(Verdict.NOWHERE, finding.reason), "", now)
                left_out += 1
    return Round(released, left_out)
