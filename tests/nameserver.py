"""A name server on this machine that says what a test tells it to say, or says nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.asyncresolver import Resolver

Zone = Mapping[str, Mapping[str, Sequence[str]] | str]
"""By domain: its records by type, or `servfail`, or `silence`. Who is not in it does not exist."""


@dataclass
class NameServer:
    """What was asked, and a resolver that asks here."""

    port: int
    asked: list[tuple[str, str]] = field(default_factory=list)

    def resolver(self) -> Resolver:
        """Asks nobody else, and not for long."""
        asking = Resolver(configure=False)
        asking.nameservers, asking.port = ["127.0.0.1"], self.port
        asking.timeout, asking.lifetime = 0.1, 0.3
        return asking


@contextmanager
def serving(zone: Zone) -> Iterator[NameServer]:
    """The server, until the block ends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        line.settimeout(0.05)
        server, over = NameServer(line.getsockname()[1]), threading.Event()
        thread = threading.Thread(target=_serve, args=(line, zone, server, over))
        thread.start()
        try:
            yield server
        finally:
            over.set()
            thread.join()


def _serve(line: socket.socket, zone: Zone, server: NameServer, over: threading.Event) -> None:
    while not over.is_set():
        try:
            data, who = line.recvfrom(4096)
        except TimeoutError:
            continue
        query = dns.message.from_wire(data)
        question = query.question[0]
        domain, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        server.asked.append((domain, kind))
        known = zone.get(domain)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if known == "silence":
            continue
        if isinstance(known, str):
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif known is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif records := known.get(kind):
            answer.answer.append(dns.rrset.from_text_list(question.name, 300, "IN", kind, records))
        line.sendto(answer.to_wire(), who)
