"""The ways back to us: where bounces and answers arrive, and the name of the address that mail comes from."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from newsletter.doctor.case import Case, domain_of, is_public
from newsletter.doctor.findings import Finding, Record, error, ok, skipped, warning
from newsletter.doctor.names import Answer

_SOMEWHERE = ("192.0.2.1", "2001:db8::1")
"""Addresses for documentation (RFC 5737, RFC 3849): a route to them shows our own address, and nothing is sent."""


def examine(case: Case) -> Iterator[Finding]:
    """Look at the MX of every domain that must receive mail, and at our own PTR when we send directly."""
    sender = case.config.sender
    wanted = {case.sender_domain: "the From address"}
    if sender.reply_to:
        wanted.setdefault(domain_of(sender.reply_to), "Reply-To")
    if case.envelope_domain not in wanted:
        wanted[case.envelope_domain] = "the return path, to which bounces come,"
    for domain, what in wanted.items():
        yield from _receives(case, domain, what)
    yield from _own_name(case)


def _receives(case: Case, domain: str, what: str) -> Iterator[Finding]:
    id = "dns.mx_bounces" if domain == case.envelope_domain else "dns.mx"
    answer = case.names.look_up(domain, "MX")
    record = Record(domain, "MX", f"10 {_mailbox_host(case)}.")
    if answer.has_failed:
        yield warning(id, f"The MX records of {domain} could not be had.", "Run this again; check the network.")
    elif answer.is_found and not _hosts(answer):
        yield error(
            id,
            f"{domain} says that it receives no mail (null MX), and {what} is there.",
            "Publish where its mail goes, or choose another domain.",
            record,
        )
    elif answer.is_found:
        first = _hosts(answer)[0]
        if case.names.addresses(first):
            yield ok(id, f"Mail to {domain} ({what.rstrip(',')}) goes to {first}.")
        else:
            yield error(id, f"The MX of {domain} is {first}, which has no address.", "Mend the record.", record)
    elif case.names.addresses(domain):
        yield warning(
            id,
            f"{domain} has no MX record; senders fall back on the host of that name itself.",
            "Publish where its mail goes.",
            record,
        )
    else:
        yield error(
            id,
            f"{domain} receives no mail, and {what} is there: "
            + ("bounces are lost." if domain == case.envelope_domain else "answers are lost."),
            "Publish the host that takes this domain's mail.",
            record,
        )


def _mailbox_host(case: Case) -> str:
    """A host for the record: what takes the sender's mail already, else a name to be put in."""
    hosts = _hosts(case.names.look_up(case.sender_domain, "MX"))
    return hosts[0] if hosts else f"mx.{case.sender_domain}"


def _hosts(answer: Answer) -> list[str]:
    """The hosts of an answer about MX, the first choice first; a null MX (RFC 7505) is none."""
    chosen = sorted((int(value.partition(" ")[0]), value.partition(" ")[2]) for value in answer.values)
    return [host for _preference, host in chosen if host]


def _own_name(case: Case) -> Iterator[Finding]:
    if not case.sends_directly:
        host = case.relay.host if case.relay else ""
        yield skipped(
            "dns.ptr",
            f"The name of the sending address (PTR) is the duty of the relay {host}, because receivers see its address "
            "and not ours.",
        )
        return
    addresses = [address for address in map(_own_address, _SOMEWHERE) if is_public(address)]
    if not addresses:
        yield skipped(
            "dns.ptr",
            "This machine knows no public address of its own, so its name (PTR) cannot be looked up from here.",
            "Find the address that receivers see in the Received lines of a test copy; its PTR must lead to a name, "
            "and that name back to the address.",
        )
    for address in addresses:
        yield pointer(case, address)


def pointer(case: Case, address: str) -> Finding:
    """Whether `address`, one of our own, has a name that leads back to it (FCrDNS)."""
    answer = case.names.pointers(address)
    remedy = (
        "Have your hosting provider set the PTR to the name your mail server says in EHLO, and give that an address."
    )
    if answer.has_failed:
        return warning("dns.ptr", f"The name of {address} could not be looked up.", "Run this again.")
    if not answer.is_found:
        return error("dns.ptr", f"Our address {address} has no name (PTR); Gmail and others refuse its mail.", remedy)
    name = answer.values[0]
    if address not in case.names.addresses(name):
        return error("dns.ptr", f"Our address {address} is called {name}, and that does not lead back to it.", remedy)
    return ok("dns.ptr", f"Our address {address} is called {name}, which leads back to it.")


def _own_address(somewhere: str) -> str:
    family = socket.AF_INET6 if ":" in somewhere else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((somewhere, 25))
        except OSError:
            return ""
        return str(probe.getsockname()[0])
