"""How to reach one mail server: host, encryption, login, patience.

Values only, so that configuration, `doctor` and tests can make them without opening anything. The
password is kept out of `repr`, because settings end up in tracebacks and logs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True)
class Timeouts:
    """Patience in seconds, each for one whole step on a monotonic clock (RFC 5321 §4.5.3.2).

    A shorter `dot` makes duplicates: the server may accept the message after we stopped listening.
    """

    connect: float = 30.0
    """Each address of the host, and the TLS handshake."""
    greeting: float = 300.0
    command: float = 300.0
    """EHLO, STARTTLS, AUTH, MAIL, RCPT, RSET."""
    data: float = 120.0
    """The 354 after DATA."""
    block: float = 180.0
    """Each 64 KB of the message that the server has to take."""
    dot: float = 600.0
    """The answer to the final dot."""


@dataclass(frozen=True)
class SmtpSettings:
    """One relay and how to talk to it."""

    host: str
    port: int = 587
    security: Security = "starttls"
    """`starttls` (usual on port 587), `tls` from the first byte (465), or `none`, on loopback only."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    connections: int = 4
    """At most so many sessions at a time."""
    local_hostname: str | None = None
    """What EHLO says; None is this machine's full name, else its address literal (RFC 5321 §4.1.4)."""
    timeouts: Timeouts = Timeouts()
    ca_file: Path | None = None
    """Certificates to trust instead of the system's, as PEM."""
    messages_per_connection: int = 1000
    """After so many a connection is closed and another opened, so that none lives for ever."""

    @property
    def place(self) -> str:
        """`host:port`, as messages to people name the server."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by its very name, without asking any resolver."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
