"""Asking the DNS whether a domain takes mail (RFC 5321 §5.1, RFC 7505): many domains at once, each within seconds.

Only a clear no counts as one. Silence, a broken server and an answer that makes no sense say nothing about the reader,
and their mail is tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import dns.name
import dns.rdatatype
from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.rdtypes.ANY.MX import MX
from dns.resolver import NXDOMAIN, NoAnswer

from newsletter.subscribers.gate.domains import Finding, Reach

PATIENCE = 4.0
"""Seconds for all questions about one domain together, several servers included."""
_TRY = 1.5
"""Seconds for one server to answer."""


def resolver() -> Resolver | None:
    """Asks the servers this machine is set up with; None when there are none."""
    try:
        asking = Resolver()
    except (DNSException, OSError):
        return None
    asking.timeout, asking.lifetime = _TRY, PATIENCE
    return asking


def look_up(asking: Resolver | None, domains: Collection[str]) -> dict[str, Finding]:
    """What the DNS says of each domain (A-labels). Takes `PATIENCE` at the most; never inside a transaction."""
    if asking is None or not domains:
        return dict.fromkeys(domains, Finding(Reach.UNSURE))

    async def everything() -> list[Finding]:
        return await asyncio.gather(*(_within_patience(asking, domain) for domain in domains))

    return dict(zip(domains, asyncio.run(everything()), strict=True))


async def _within_patience(asking: Resolver, domain: str) -> Finding:
    try:
        return await asyncio.wait_for(_look_up(asking, domain), PATIENCE)
    except (DNSException, OSError, TimeoutError):
        return Finding(Reach.UNSURE)


async def _look_up(asking: Resolver, domain: str) -> Finding:
    name = dns.name.from_text(domain)
    try:
        exchanges = await _ask(asking, name, dns.rdatatype.MX)
        if exchanges == [dns.name.root]:
            return Finding(Reach.NOTHING, "null-mx")
        if exchanges:
            return Finding(Reach.MAIL)
        for kind in (dns.rdatatype.A, dns.rdatatype.AAAA):  # without MX the host itself is asked (RFC 5321 §5.1)
            if await _ask(asking, name, kind):
                return Finding(Reach.MAIL)
    except NXDOMAIN:
        return Finding(Reach.NOTHING, "no-domain")
    return Finding(Reach.NOTHING, "no-host")


async def _ask(asking: Resolver, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> list[dns.name.Name]:
    """Mail exchangers, or the name itself for every address; nothing where the name has no such record."""
    try:
        answer = await asking.resolve(name, kind, search=False)
    except NoAnswer:
        return []
    return [each.exchange if isinstance(each, MX) else name for each in answer]
