"""Asking the DNS: every question has an answer within seconds, be it "nobody answers".

A resolver that never answers must not hold up whoever asks ten questions in a row, so there is patience for each
question and for all of them together; what was asked once is not asked again.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import dns.exception
import dns.resolver
import dns.reversename

from newsletter.errors import ConfigError

SECONDS_EACH = 4.0
SECONDS_TOGETHER = 25.0


class State(StrEnum):
    """What became of a question."""

    FOUND = "found"
    NOTHING = "nothing"
    """The name is there, without a record of this kind."""
    UNKNOWN = "unknown"
    """There is no such name."""
    FAILED = "failed"
    """Nobody answered, or with a fault."""


@dataclass(frozen=True)
class Answer:
    """The answer to one question."""

    state: State
    values: tuple[str, ...] = ()
    """TXT: each record in one piece. MX: `10 mx.example.org`. A and AAAA: addresses. PTR: names. No final dots."""

    @property
    def is_found(self) -> bool:
        """Whether there is a record."""
        return self.state is State.FOUND

    @property
    def has_failed(self) -> bool:
        """Whether nothing can be concluded."""
        return self.state is State.FAILED


Ask = Callable[[str, str, float], Answer]
"""A resolver: name, kind of record and seconds of patience; never raises."""


class Names:
    """A resolver with a memory and with limited patience; threads may share it."""

    def __init__(self, ask: Ask, *, each: float = SECONDS_EACH, together: float = SECONDS_TOGETHER) -> None:
        self._ask = ask
        self._each = each
        self._left = together
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], Answer] = {}

    def look_up(self, name: str, kind: str) -> Answer:
        """The records of `kind` at `name` (an A-label)."""
        question = name.rstrip(".").lower(), kind
        with self._lock:
            known, patience = self._known.get(question), min(self._each, self._left)
        if known is not None:
            return known
        if patience <= 0:
            return Answer(State.FAILED)
        begun = time.monotonic()
        answer = self._ask(*question, patience)
        with self._lock:
            if answer.has_failed:
                self._left -= time.monotonic() - begun
            return self._known.setdefault(question, answer)

    def addresses(self, host: str) -> tuple[str, ...]:
        """IPv4 and IPv6 addresses of a host; of an address that address."""
        try:
            return (str(ipaddress.ip_address(host.strip("[]"))),)
        except ValueError:
            return self.look_up(host, "A").values + self.look_up(host, "AAAA").values

    def pointers(self, address: str) -> Answer:
        """The names of an IP address (PTR)."""
        return self.look_up(str(dns.reversename.from_address(address)), "PTR")


def system(server: str = "") -> Ask:
    """The resolver of this machine, or the DNS server at `server` (`9.9.9.9`, `127.0.0.1:5353`, `[::1]:53`).

    Raises `ConfigError` when `server` is no address; a machine without a resolver has no answer to anything.
    """
    place = _place(server) if server else None

    @cache
    def made() -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=place is None)
        if place is not None:
            resolver.nameservers, resolver.port = [place[0]], place[1]
        resolver.timeout = SECONDS_EACH / 2  # one lost packet is not the end
        return resolver

    def ask(name: str, kind: str, patience: float) -> Answer:
        try:
            found = made().resolve(name, kind, lifetime=patience, search=False)
        except dns.resolver.NXDOMAIN:
            return Answer(State.UNKNOWN)
        except dns.resolver.NoAnswer:
            return Answer(State.NOTHING)
        except (dns.exception.DNSException, OSError, ValueError):
            return Answer(State.FAILED)
        return Answer(State.FOUND, tuple(sorted(_shown(record, kind) for record in found)))

    return ask


def _shown(record: Any, kind: str) -> str:
    if kind == "TXT":  # a record is its strings joined without a space (RFC 7208 §3.3, RFC 6376 §3.6.2.2)
        return b"".join(record.strings).decode("utf-8", "replace")
    if kind == "MX":
        return f"{record.preference} {str(record.exchange).rstrip('.').lower()}"
    return str(record).rstrip(".").lower()


def _place(server: str) -> tuple[str, int]:
    host, colon, port = server.rpartition(":")
    if not colon or "]" in port or (":" in host and not host.startswith("[")):
        host, port = server, "53"
    try:
        return str(ipaddress.ip_address(host.strip("[]"))), int(port)
    except ValueError as error:
        raise ConfigError(
            f"{server!r} is not the address of a DNS server.", hint="Write 9.9.9.9, 127.0.0.1:5353 or [::1]:53."
        ) from error
