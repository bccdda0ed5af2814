"""What is known of domains: whether they take mail at all, and how long a confirmation waits to find out.

A misspelt domain costs the sender's good name a bounce, and its visitor may never learn why nothing comes. Whether a
domain takes mail is for the DNS to say, which may take seconds; so the mail waits, not the visitor. Findings are kept
in the database, because the pages and the sender may be different processes; under keyed hashes, like all names here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select, update

from newsletter.deliveries.providers import GREAT, provider_of
from newsletter.store.gate_schema import gate_domains
from newsletter.tokens import KeyRing

HOLD = timedelta(seconds=30)
"""How long a confirmation waits at the most. It leaves as soon as the answer is there, and when none comes."""


class Reach(StrEnum):
    """What the DNS says of a domain."""

    MAIL = "mail"
    NOTHING = "nothing"
    """It says clearly that no mail can arrive there."""
    UNSURE = "unsure"
    """No answer, or one that says nothing: the mail is tried."""


LIFE: Mapping[Reach, timedelta] = {
    Reach.MAIL: timedelta(days=30),
    Reach.NOTHING: timedelta(hours=1),
    Reach.UNSURE: timedelta(minutes=10),
}
"""How long a finding counts. Who sets a domain up may try again within the hour."""


@dataclass(frozen=True)
class Finding:
    """What is known of a domain, and in one word why."""

    reach: Reach
    reason: str = ""
    """With NOTHING: `no-domain`, `null-mx` (RFC 7505) or `no-host`."""


def due(connection: Connection, ring: KeyRing, domain: str, now: datetime) -> datetime:
    """When a confirmation to that domain (an A-label) may leave: now, or after `HOLD` while nothing good is known."""
    found = known(connection, ring, domain, now)
    if provider_of(domain) in GREAT or (found is not None and found.reach is not Reach.NOTHING):
        return now
    return now + HOLD


def known(connection: Connection, ring: KeyRing, domain: str, now: datetime) -> Finding | None:
    """What was found out about a domain and still counts."""
    row = connection.execute(
        select(gate_domains.c.reach, gate_domains.c.reason).where(
            gate_domains.c.key == _key(ring, domain), gate_domains.c.expires_at > now
        )
    ).one_or_none()
    return None if row is None else Finding(Reach(row.reach), row.reason)


def keep(connection: Connection, ring: KeyRing, domain: str, found: Finding, now: datetime) -> None:
    """Remember what was found out."""
    key = _key(ring, domain)
    values = {"reach": found.reach.value, "reason": found.reason, "expires_at": now + LIFE[found.reach]}
    if not connection.execute(update(gate_domains).where(gate_domains.c.key == key).values(**values)).rowcount:
        connection.execute(insert(gate_domains).values(key=key, **values))


def sweep(connection: Connection, now: datetime) -> None:
    """Forget what no longer counts."""
    connection.execute(delete(gate_domains).where(gate_domains.c.expires_at < now))


def _key(ring: KeyRing, domain: str) -> bytes:
    return ring.address_hash(f"gate reach {domain}")
