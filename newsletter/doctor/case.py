"""The Site as the doctor sees it: what is configured, and the ways to look at what it depends on.

Nothing in it is opened before somebody looks; a database that is missing is a finding, not an accident.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from newsletter.addresses import for_the_wire
from newsletter.clock import Clock
from newsletter.config import Config, Origins, is_loopback
from newsletter.deliveries.fence import Fence
from newsletter.doctor.names import Names
from newsletter.store.engine import Database
from newsletter.tokens import KeyRing
from newsletter.transport.settings import SmtpSettings

_RESERVED = ("example", "invalid", "localhost", "test")
_EXAMPLES = ("example.com", "example.net", "example.org")


@dataclass(frozen=True)
class Case:
    """One Site under examination."""

    root: Path
    config: Config
    origins: Origins
    clock: Clock
    names: Names
    keys_path: Path
    database: Callable[[], Database]
    fence: Callable[[], Fence]
    relay: SmtpSettings | None
    """None: mail goes to the sandbox."""
    open_mailbox: Callable[[], str]
    """Opens the mailbox of bounces, closes it again and tells its name; raises `NewsletterError`."""

    @property
    def sender_domain(self) -> str:
        """The domain of the From line, as an A-label."""
        return domain_of(self.config.sender.address)

    @property
    def envelope_domain(self) -> str:
        """The domain of envelope senders: what SPF is asked for, and where bounces go."""
        return_path = self.config.feedback.return_path
        return return_path.rpartition("@")[2].lower() if return_path else self.sender_domain

    @property
    def web_host(self) -> str:
        """The host of `base_url`."""
        return urlsplit(self.config.base_url).hostname or ""

    @property
    def is_trying(self) -> bool:
        """Whether mail stays on this machine: the sandbox, or a relay here while the pages have no public name.

        A relay on this machine with public pages is a mail server of one's own, which everything is asked of.
        """
        return self.config.uses_sandbox or (self.config.is_local and self.has_no_public_pages)

    @property
    def has_no_public_pages(self) -> bool:
        """Whether `base_url` leads nowhere from outside: loopback, or a name reserved for examples (RFC 2606)."""
        return is_loopback(self.web_host) or is_reserved(self.web_host)

    @property
    def sends_directly(self) -> bool:
        """Whether the relay is this machine, so that receivers see its address."""
        return self.relay is not None and is_loopback(self.relay.host)

    def keys(self) -> KeyRing:
        """The key ring; raises `ConfigError`."""
        return KeyRing.load(self.keys_path)


def domain_of(address: str) -> str:
    """The domain of an address as an A-label, lower-case."""
    return for_the_wire(address).rpartition("@")[2].lower()


def is_reserved(host: str) -> bool:
    """Whether a name is set aside for examples and tests (RFC 2606, RFC 6761)."""
    name = host.lower().rstrip(".")
    return name.rpartition(".")[2] in _RESERVED or any(name == each or name.endswith(f".{each}") for each in _EXAMPLES)


def is_public(address: str) -> bool:
    """Whether an IP address is one that the whole internet can reach."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_global
    except ValueError:
        return False
