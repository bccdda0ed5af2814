"""Everybody who is connected at the same time: how many there may be, and who has to go when one more comes.

A connection costs its maker nothing. So none keeps another out: when an address or all together have as many as they
may, the one that is missed least makes room for the newcomer, and only requests that are worked on stay in any case.
"""

from __future__ import annotations

import ipaddress
import logging
import resource
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from waitress.server import TcpWSGIServer

from newsletter.web.wire import Connection, Patience

log = logging.getLogger("newsletter.web")

FILES = 8192
"""Open files that we ask the system for, if it lets us."""
OTHERS = 256
"""Of these, kept for everything that is no connection."""
ACCEPTED_AT_ONCE = 64
"""Newcomers between two looks at those who are there."""


@dataclass(frozen=True)
class Room:
    """How many connections may be open."""

    in_all: int = 4096
    by_address: int = 100
    """From one address (IPv6: one /64), unless it is a trusted proxy."""


class Crowd(TcpWSGIServer):  # type: ignore[misc]
    """The server of waitress with a limit that newcomers do not feel."""

    channel_class = Connection
    room = Room()
    patience = Patience()
    refusals: Callable[[int], bytes]
    """The page for a status."""
    is_proxy: Callable[[str], bool]
    """Whether an address is that of a proxy, behind which there are many."""

    @cached_property
    def most(self) -> int:
        """How many connections the system and we allow."""
        return min(self.room.in_all, max(files_allowed() - OTHERS, 32))

    def readable(self) -> bool:
        """See waitress: whether somebody may come."""
        if not super().readable():
            return False
        is_full = len(self.active_channels) >= self.most and not any(
            each.is_waiting for each in self.active_channels.values()
        )
        if is_full and not self._was_full:
            log.warning("%d requests are being worked on; newcomers wait. A proxy before us would help.", self.most)
        self._was_full = is_full
        return not is_full

    _was_full = False

    def handle_accept(self) -> None:
        """See waitress; takes several at once, and each finds room."""
        for _number in range(ACCEPTED_AT_ONCE):
            before = set(self.active_channels)
            super().handle_accept()
            new = [each for number, each in self.active_channels.items() if number not in before]
            if not new:
                return
            self._make_room_for(new[0])

    def maintenance(self, now: float) -> None:
        """See waitress: close whose time is over."""
        del now
        for each in list(self.active_channels.values()):
            if each.is_late(self.patience):
                each.handle_close()

    def _make_room_for(self, new: Any) -> None:
        others = [each for each in self.active_channels.values() if each is not new]
        if not self.is_proxy(new.addr[0]):
            home = network_of(new.addr[0])
            neighbours = [each for each in others if network_of(each.addr[0]) == home]
            if len(neighbours) >= self.room.by_address:
                _close_least(neighbours)
                return
        if len(others) >= self.most:
            _close_least(others)


def _close_least(connections: list[Any]) -> None:
    waiting = [each for each in connections if each.is_waiting]
    if waiting:
        min(waiting, key=lambda each: each.rank).handle_close()


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 one, as everybody has a whole one."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))


def files_allowed() -> int:
    """Files this process may open, raised to `FILES` where the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited:
        return FILES
    wanted = FILES if hard == unlimited else min(FILES, hard)
    if soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return soft
