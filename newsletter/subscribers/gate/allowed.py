"""The allow-list: addresses, domains and networks whose sign-ups meet no limit but the one of their address.

A school behind one address, or the reader who wrote that nothing arrives: the owner knows them, the counters do not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from newsletter import addresses
from newsletter.addresses import Address
from newsletter.errors import AddressError, NewsletterError
from newsletter.store.gate_schema import gate_allowed
from newsletter.store.schema import Row

_WIDEST = {4: 8, 6: 16}
"""Length of the shortest prefix that may be allowed, by the version of IP."""


def normalised(text: str) -> str:
    """An address, a domain, or an IP address or network as it is kept; `NewsletterError` for anything else."""
    text = text.strip()
    network = _network(text, strict=False)
    if network is not None:
        if network.prefixlen < _WIDEST[network.version]:
            raise NewsletterError(
                f"{network} is so wide that the gate would hold up hardly anybody.",
                hint="Name the network of those you know: /8 (IPv4) or /16 (IPv6) at most, say 203.0.113.0/24.",
            )
        return str(network)
    try:
        if "@" in text.lstrip("@"):
            return addresses.parse(text).key
        return addresses.parse(f"x@{text.lstrip('@')}").domain
    except AddressError as error:
        raise NewsletterError(
            f"{text!r} is not an address, a domain or a network.",
            hint="Write ada@example.org, example.org or 203.0.113.0/24.",
        ) from error


def add(connection: Connection, entry: str, note: str, now: datetime) -> bool:
    """Put a normalised entry on the list; False when it is there already."""
    if connection.execute(select(gate_allowed.c.entry).where(gate_allowed.c.entry == entry)).first():
        return False
    connection.execute(insert(gate_allowed).values(entry=entry, note=note, created_at=now))
    return True


def remove(connection: Connection, entry: str) -> bool:
    """Take a normalised entry off the list; False when it is not there."""
    return bool(connection.execute(delete(gate_allowed).where(gate_allowed.c.entry == entry)).rowcount)


def entries(connection: Connection) -> Sequence[Row]:
    """The whole list, in the order of the alphabet."""
    return connection.execute(select(gate_allowed).order_by(gate_allowed.c.entry)).all()


def is_allowed(connection: Connection, address: Address, ip: str) -> bool:
    """Whether the address, its domain or the visitor's network is on the list."""
    found = connection.execute(select(gate_allowed.c.entry)).scalars().all()
    if not found:
        return False
    if address.key in found or address.domain in found:
        return True
    try:
        visitor = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return False
    return any(visitor in network for entry in found if (network := _network(entry)) is not None)


def _network(entry: str, *, strict: bool = True) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(entry, strict=strict)
    except ValueError:
        return None
