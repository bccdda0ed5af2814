"""SPF (RFC 7208): may the relay send for the domain of our envelope senders, and do receivers get to the answer?

A record is walked with its includes, because the limit of ten look-ups (§4.6.4) is broken by what other people put
into theirs: beyond it a receiver gives up and the record counts for nothing. What a relay's outgoing addresses are
is not knowable from its name; so whether it is covered is judged by its own address and by what is included.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from newsletter.doctor.case import Case
from newsletter.doctor.findings import Finding, Record, error, ok, warning
from newsletter.doctor.names import Answer, Names, State

LOOKUPS = 10
"""Terms that ask the DNS, at the most (§4.6.4)."""
VOID = 2
"""Of these, how many may find nothing (§4.6.4)."""
DEEPEST = 12
"""Includes inside includes that are followed; the limit of look-ups ends any honest record long before."""

RELAYS: Mapping[str, str] = {
    "gmail.com": "_spf.google.com",
    "google.com": "_spf.google.com",
    "amazonaws.com": "amazonses.com",
    "sendgrid.net": "sendgrid.net",
    "mailgun.org": "mailgun.org",
    "postmarkapp.com": "spf.mtasv.net",
    "office365.com": "spf.protection.outlook.com",
    "outlook.com": "spf.protection.outlook.com",
    "brevo.com": "spf.brevo.com",
    "mailjet.com": "spf.mailjet.com",
    "sparkpostmail.com": "_spf.sparkpostmail.com",
    "messagingengine.com": "spf.messagingengine.com",
    "fastmail.com": "spf.messagingengine.com",
    "zoho.com": "zoho.com",
    "zoho.eu": "zoho.eu",
    "migadu.com": "spf.migadu.com",
}
"""What the great relays want included, by the end of the relay's name."""

_TERM = re.compile(r"(?P<qualifier>[-+?~]?)(?P<name>[A-Za-z][A-Za-z0-9._-]*)(?P<rest>[:=/].*)?")
_LOOKING = frozenset({"include", "a", "mx", "ptr", "exists"})
_MECHANISMS = _LOOKING | {"all", "ip4", "ip6"}


class Term(NamedTuple):
    """One word of a record."""

    qualifier: str
    name: str
    """Lower-case."""
    value: str
    """What stands behind the colon or the equals sign."""
    is_modifier: bool


@dataclass
class Walk:
    """What walking a record with its includes has shown."""

    lookups: int = 0
    voids: int = 0
    faults: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Names whose records could not be had."""
    domains: set[str] = field(default_factory=set)
    """Every domain that is asked for, by include, redirect, a or mx."""
    networks: list[str] = field(default_factory=list)
    """Addresses and networks that may send."""


def records(answer: Answer) -> list[str]:
    """Those of a domain's TXT records that are SPF (§4.5)."""
    return [value for value in answer.values if re.match(r"v=spf1(?: |$)", value, re.IGNORECASE)]


def parse(record: str) -> tuple[list[Term], list[str]]:
    """The terms of a record behind its version, and what is wrong with it in words (§4.6.1)."""
    terms, faults = [], []
    for word in record.split()[1:]:
        found = _TERM.fullmatch(word)
        if found is None:
            faults.append(f"{word!r} is not a term")
            continue
        name, rest = found["name"].lower(), found["rest"] or ""
        is_modifier = rest.startswith("=")
        if not is_modifier and name not in _MECHANISMS:
            faults.append(f"{word!r} is not a mechanism")
        elif name in {"ip4", "ip6"} and not _is_network(rest[1:], int(name[2])):
            faults.append(f"{word!r} is no {'IPv4' if name == 'ip4' else 'IPv6'} network")
        elif name in {"include", "exists"} and len(rest) < 2:
            faults.append(f"{word!r} names no domain")
        else:
            terms.append(Term(found["qualifier"] or "+", name, rest[1:] if rest[:1] in ":=" else rest, is_modifier))
    return terms, faults


def walk(names: Names, domain: str, record: str) -> Walk:
    """Follow a record of `domain` to its ends."""
    found = Walk()
    _follow(names, domain, record, found, ())
    return found


def examine(case: Case) -> Iterator[Finding]:
    """Look at the SPF record of the domain that bounces go to."""
    domain = case.envelope_domain
    answer = case.names.look_up(domain, "TXT")
    found = records(answer)
    if answer.has_failed:
        yield warning("dns.spf", f"The TXT records of {domain} could not be had.", "Run this again; check the network.")
    elif not found:
        yield error(
            "dns.spf",
            f"{domain} has no SPF record, so receivers cannot tell that your relay may send for it.",
            "Publish this record (ask your relay what it wants included).",
            Record(domain, "TXT", f"v=spf1 {_wanted(case)} ~all"),
        )
    elif len(found) > 1:
        yield error(
            "dns.spf",
            f"{domain} has {len(found)} SPF records; receivers then take none of them.",
            "Replace them by one.",
            Record(domain, "TXT", _merged(found)),
        )
    else:
        yield from _one(case, domain, found[0])


def _one(case: Case, domain: str, record: str) -> Iterator[Finding]:
    seen = walk(case.names, domain, record)
    if seen.faults:
        yield error(
            "dns.spf",
            f"The SPF record of {domain} cannot be used: {'; '.join(seen.faults[:3])}.",
            "Mend it, or ask whoever runs the included domain.",
        )
    elif seen.lookups > LOOKUPS:
        yield error(
            "dns.spf",
            f"The SPF record of {domain} takes {seen.lookups} look-ups with all it includes; receivers stop at "
            f"{LOOKUPS} and count it as broken.",
            "Take out what no longer sends for you, or send newsletters from a subdomain with a record of its own.",
        )
    elif seen.voids > VOID:
        yield error(
            "dns.spf",
            f"{seen.voids} names in the SPF record of {domain} lead nowhere; receivers stop at {VOID}.",
            "Take out what no longer exists.",
        )
    elif seen.failed:
        yield warning(
            "dns.spf", f"{seen.failed[0]}, which SPF of {domain} asks for, could not be had.", "Run this again."
        )
    else:
        yield ok("dns.spf", f"The SPF record of {domain} takes {seen.lookups} of {LOOKUPS} look-ups.")
    yield from _ending(domain, record)
    if not seen.faults:
        yield from _coverage(case, domain, record, seen)


def _ending(domain: str, record: str) -> Iterator[Finding]:
    terms, _faults = parse(record)
    last = next((term for term in terms if term.name == "all"), None)
    if last is not None and last.qualifier == "+":
        yield error(
            "dns.spf_all",
            f"The SPF record of {domain} ends in +all: the whole internet may send as you.",
            "Let it end in ~all.",
            Record(domain, "TXT", re.sub(r"(?i)(?<= )\+?all\b", "~all", record)),
        )
    elif (last is None and not any(term.name == "redirect" for term in terms)) or (last and last.qualifier == "?"):
        yield warning(
            "dns.spf_all",
            f"The SPF record of {domain} says nothing about everybody else.",
            "Let it end in ~all.",
            Record(domain, "TXT", re.sub(r"(?i) +\?all\b", "", record).strip() + " ~all"),
        )


def _coverage(case: Case, domain: str, record: str, seen: Walk) -> Iterator[Finding]:
    if case.relay is None or case.sends_directly:
        return
    host = case.relay.host.lower().rstrip(".")
    included = _included(host)
    addresses = case.names.addresses(host)
    if any(_is_in(address, network) for address in addresses for network in seen.networks):
        yield ok("dns.spf_relay", f"The SPF record of {domain} covers the relay {host}.")
    elif (included in seen.domains) if included else any(_is_family(host, each) for each in seen.domains):
        yield ok("dns.spf_relay", f"The SPF record of {domain} includes what belongs to the relay {host}.")
    else:
        yield warning(
            "dns.spf_relay",
            f"Nothing in the SPF record of {domain} seems to be about the relay {host}. Its outgoing addresses "
            "may still be covered; that cannot be seen from here.",
            "Ask your relay what to include; a test copy's Authentication-Results say spf=pass when all is well.",
            Record(domain, "TXT", _with(record, _wanted(case))),
        )


def _follow(names: Names, domain: str, record: str, found: Walk, above: tuple[str, ...]) -> None:
    terms, faults = parse(record)
    found.faults += [f"{fault} (in {domain})" if above else fault for fault in faults]
    has_all = any(term.name == "all" for term in terms)
    for term in terms:
        if term.name in {"ip4", "ip6"}:
            found.networks.append(term.value)
        elif term.name == "include" or (term.is_modifier and term.name == "redirect" and not has_all):
            _descend(names, term.value.rstrip(".").lower(), found, (*above, domain))
        elif not term.is_modifier and term.name in _LOOKING:
            found.lookups += 1
            _hosts(names, domain, term, found)


def _descend(names: Names, target: str, found: Walk, above: tuple[str, ...]) -> None:
    found.lookups += 1
    found.domains.add(target)
    if "%" in target:  # a macro: what it asks for depends on the message (§7)
        return
    if target in above:
        found.faults.append(f"{target} includes itself")
        return
    if len(above) > DEEPEST or found.lookups > 3 * LOOKUPS:
        return
    answer = names.look_up(target, "TXT")
    inner = records(answer)
    if answer.has_failed:
        found.failed.append(target)
    elif len(inner) != 1:
        found.voids += answer.state in {State.UNKNOWN, State.NOTHING}
        found.faults.append(f"{target}, which is included, has {'no' if not inner else 'more than one'} SPF record")
    else:
        _follow(names, target, inner[0], found, above)


def _hosts(names: Names, domain: str, term: Term, found: Walk) -> None:
    """Addresses behind `a` and `mx`; `ptr` and `exists` are only counted (§5.5, §5.7)."""
    if term.name not in {"a", "mx"} or "%" in term.value:
        return
    target = term.value.partition("/")[0].rstrip(".").lower() or domain
    found.domains.add(target)
    hosts = [target]
    if term.name == "mx":
        hosts = [value.partition(" ")[2] for value in names.look_up(target, "MX").values]
    addresses = [address for host in hosts[:LOOKUPS] for address in names.addresses(host)]
    found.voids += not addresses
    found.networks += addresses


def _wanted(case: Case) -> str:
    """The term that lets the relay send."""
    if case.relay is None or case.sends_directly:
        return "a mx"
    host = case.relay.host.lower().rstrip(".")
    included = _included(host)
    if included:
        return f"include:{included}"
    return f"ip{4 if '.' in host else 6}:{host}" if _is_address(host) else f"a:{host}"


def _included(host: str) -> str:
    return next((value for end, value in RELAYS.items() if host == end or host.endswith(f".{end}")), "")


def _with(record: str, term: str) -> str:
    words = [word for word in record.split() if word.lower() != term]
    last = next((place for place, word in enumerate(words) if word.lower().lstrip("+-?~") == "all"), len(words))
    return " ".join([*words[:last], term, *words[last:]])


def _merged(found: list[str]) -> str:
    terms = [word for record in found for word in record.split()[1:] if word.lower().lstrip("+-?~") != "all"]
    return " ".join(["v=spf1", *dict.fromkeys(terms), "~all"])


def _is_family(host: str, domain: str) -> bool:
    """Whether two names share their last two labels, as a relay and what it wants included usually do."""
    return host.split(".")[-2:] == domain.split(".")[-2:]


def _is_network(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_network(text, strict=False).version == version
    except ValueError:
        return False


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_in(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except (ValueError, TypeError):
        return False
