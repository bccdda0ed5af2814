"""Host names that no reader can reach, however well they work on the desk of whoever wrote them."""

from __future__ import annotations

import ipaddress

from newsletter.config import is_loopback

_RESERVED_TLDS = frozenset({"example", "invalid", "localhost", "test"})
_EXAMPLES = ("example.com", "example.net", "example.org")
_LOCAL_TLDS = frozenset({"internal", "lan", "local", "home"})


def unreachable(host: str) -> str:
    """Why `host` means nothing to a reader, as the end of a sentence; empty when it may be a real one.

    RFC 2606 and RFC 6761 (reserved names), RFC 6762 (.local), RFC 1918 and RFC 4193 (private networks).
    """
    name = host.lower().rstrip(".")
    if is_loopback(name):
        return "which only this machine can reach"
    top = name.rpartition(".")[2]
    if top in _RESERVED_TLDS or any(name == each or name.endswith(f".{each}") for each in _EXAMPLES):
        return "a name reserved for examples and tests"
    if top in _LOCAL_TLDS or name.endswith(".home.arpa") or _is_private(name) or ("." not in name and ":" not in name):
        return "which only your own network can reach"
    return ""


def is_number(host: str) -> bool:
    """Whether `host` is an IP address instead of a name."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _is_private(host: str) -> bool:
    return is_number(host) and not ipaddress.ip_address(host.strip("[]")).is_global
