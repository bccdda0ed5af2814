"""Sliding windows kept in the database, so that all processes of a Site share them and a restart forgets nothing.

Only what a budget was spent on is written down, never an attempt that was turned away; so a key has no more rows
than its limit, however long somebody hammers. Keys are keyed hashes: nobody reads addresses here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select

from newsletter.addresses import Address
from newsletter.config.model import SignupsConfig
from newsletter.deliveries.providers import GREAT, provider_of
from newsletter.store.gate_schema import gate_hits
from newsletter.subscribers.gate import likeness
from newsletter.subscribers.gate.budgets import BUDGETS
from newsletter.subscribers.gate.verdict import Load
from newsletter.tokens import KeyRing

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

Window = tuple[timedelta, int]
"""At most so many within so long."""


class Errand(StrEnum):
    """What somebody came for; each is counted apart."""

    SIGNUP = "sign-up"
    """Spends a confirmation mail."""
    REPLY = "reply"
    """Spends an editor's time. No mail goes to its address, so that neither mailbox nor domain is counted."""


NETWORK: Mapping[Errand, tuple[Window, Window]] = {
    Errand.SIGNUP: ((_HOUR, 20), (_DAY, 60)),
    Errand.REPLY: ((_HOUR, 6), (_DAY, 20)),
}
"""What one network may cause."""
BUSY_NETWORK: Mapping[Errand, Window] = {Errand.SIGNUP: (_HOUR, 5), Errand.REPLY: (_HOUR, 2)}
"""From here on a network has to work for more."""
REPLIES: Window = (_HOUR, 100)
"""Of everybody together; the configuration says how many sign-ups."""
WAITERS_OF_NETWORK: Window = (_HOUR, 3)
WAITERS: Window = (_MINUTE, 10)
"""Of those who wait instead of working."""
GREAT_TIMES = 10
"""A great provider may receive so many times what another domain may."""


@dataclass(frozen=True)
class Keys:
    """The names under which one knock is counted; empty when it is not."""

    address: bytes
    network: bytes
    domain: bytes
    everybody: bytes
    waiters: bytes
    waiters_of_network: bytes


def keys_of(ring: KeyRing, errand: Errand, address: Address, ip: str) -> Keys:
    """The names of a knock."""
    network, apart = likeness.network(ip), "" if errand is Errand.SIGNUP else f"{errand} "
    is_mailed = errand is Errand.SIGNUP
    return Keys(
        address=_key(ring, "address", likeness.mailbox(address) if is_mailed else ""),
        network=_key(ring, f"{apart}network", network),
        domain=_key(ring, "domain", provider_of(address.domain) if is_mailed else ""),
        everybody=_key(ring, f"{apart}everybody", "all"),
        waiters=_key(ring, f"{apart}waiters", "all"),
        waiters_of_network=_key(ring, f"{apart}waiters", network),
    )


def load(  # noqa: PLR0917
    connection: Connection, errand: Errand, keys: Keys, address: Address, config: SignupsConfig, now: datetime
) -> Load:
    """Which limits are reached; one statement."""
    most = config.mails_per_domain * (GREAT_TIMES if provider_of(address.domain) in GREAT else 1)
    together = (_MINUTE, config.mails_per_minute) if errand is Errand.SIGNUP else REPLIES
    windows = (
        *((keys.address, span, limit) for span, limit in BUDGETS),
        *((keys.network, span, limit) for span, limit in NETWORK[errand]),
        (keys.domain, _HOUR, most),
        (keys.everybody, *together),
        (keys.waiters, *WAITERS),
        (keys.waiters_of_network, *WAITERS_OF_NETWORK),
        (keys.network, *BUSY_NETWORK[errand]),
    )
    given: dict[str, Any] = {}
    for number, (key, span, _) in enumerate(windows):
        given |= {f"key{number}": key, f"since{number}": now - span}
    counts = connection.execute(_counting(len(windows)), given).one()
    full = [bool(key) and count >= limit for (key, _, limit), count in zip(windows, counts, strict=True)]
    return Load(
        address=full[0] or full[1],
        network=full[2] or full[3],
        domain=full[4],
        everybody=full[5],
        waiters=full[6] or full[7],
        is_busy_network=full[8],
        is_half_used=2 * counts[5] >= together[1],
    )


def spend(connection: Connection, keys: Keys, now: datetime, *, waited: bool) -> None:
    """One was let in."""
    spent = [(keys.address, _DAY), (keys.network, _DAY), (keys.domain, _HOUR), (keys.everybody, _HOUR)]
    if waited:
        spent += [(keys.waiters, _HOUR), (keys.waiters_of_network, _HOUR)]
    rows = [{"key": key, "at": now, "expires_at": now + span} for key, span in spent if key]
    connection.execute(insert(gate_hits), rows)


def mails_in_the_last_minute(connection: Connection, ring: KeyRing, now: datetime) -> int:
    """How much of the budget of everybody together is used."""
    key = _key(ring, "everybody", "all")
    return int(
        connection.execute(
            select(func.count()).select_from(gate_hits).where(gate_hits.c.key == key, gate_hits.c.at > now - _MINUTE)
        ).scalar_one()
    )


def sweep(connection: Connection, now: datetime) -> None:
    """Forget what no window reaches any more."""
    connection.execute(delete(gate_hits).where(gate_hits.c.expires_at < now))


@cache
def _counting(windows: int) -> Select[Any]:
    """How often each `key` was seen since its `since`; built once, since a flood would feel it."""
    return select(
        *(
            select(func.count())
            .select_from(gate_hits)
            .where(gate_hits.c.key == bindparam(f"key{number}"), gate_hits.c.at > bindparam(f"since{number}"))
            .scalar_subquery()
            .label(f"window{number}")
            for number in range(windows)
        )
    )


def _key(ring: KeyRing, what: str, value: str) -> bytes:
    return ring.address_hash(f"gate {what} {value}") if value else b""
