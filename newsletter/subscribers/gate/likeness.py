"""What counts as the same for limits: one mailbox under many spellings, one network under many addresses.

For limits only. The address on file stays as it was typed, because a provider may treat two spellings as two
people; a limit that mistakes two for one costs a wait, the other mistake costs a stranger a full inbox.
"""

from __future__ import annotations

import ipaddress

from newsletter.addresses import Address
from newsletter.deliveries.providers import provider_of

_DOTLESS = frozenset({"gmail.com"})
"""Providers that deliver `a.da` and `ada` to the same mailbox."""
_HYPHENATED = frozenset({"yahoo.com"})
"""Providers whose disposable addresses are written with a hyphen."""

_AT_HOME = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
        *("::1/128", "fc00::/7", "fe80::/10"),
    )
)


def mailbox(address: Address) -> str:
    """The mailbox behind a spelling: no `+tag`, no dots at Gmail, one name for all domains of a provider."""
    local, _, domain = address.key.rpartition("@")
    provider = provider_of(domain)
    local = local.partition("+")[0] or local
    if provider in _DOTLESS:
        local = local.replace(".", "")
    elif provider in _HYPHENATED:
        local = local.partition("-")[0] or local
    return f"{local}@{provider}"


def network(ip: str) -> str:
    """IPv4 /24 or IPv6 /48 of a visitor; empty for this machine and private networks, where a proxy stands.

    Who comes from there came through something that `server.trusted_proxies` does not name, and is everybody.
    """
    try:
        found = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return ""
    address = getattr(found, "ipv4_mapped", None) or found
    if any(address in each for each in _AT_HOME if each.version == address.version):
        return ""
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))
