"""Receiving providers: which domains are one place where mail arrives.

Limits and reputations belong to whoever runs the mail exchangers, not to a domain: what Google makes of us
at gmail.com it also makes of us at googlemail.com. Only the well-known ones are grouped; every other
domain is a provider of its own.
"""

from __future__ import annotations

_MEMBERS = {
    "gmail.com": "googlemail.com",
    "outlook.com": "hotmail.com live.com msn.com outlook.de outlook.fr hotmail.co.uk hotmail.de hotmail.es"
    " hotmail.fr hotmail.it live.co.uk live.de live.fr live.nl",
    "yahoo.com": "aol.com ymail.com rocketmail.com yahoo.ca yahoo.co.in yahoo.co.uk yahoo.de yahoo.es"
    " yahoo.fr yahoo.it",
    "icloud.com": "me.com mac.com",
    "gmx.net": "gmx.at gmx.ch gmx.com gmx.de web.de",
}

GREAT = frozenset(_MEMBERS)
"""Providers so large that many strangers have them in common."""

_GROUPS = {member: provider for provider, members in _MEMBERS.items() for member in members.split()}


def provider_of(address: str) -> str:
    """The provider of an address, or of a bare domain: the first of its group, else the domain itself."""
    domain = address.rpartition("@")[2].lower()
    return _GROUPS.get(domain, domain)
