"""One connection and the request on it: how long it may take, what is no HTTP, and how it is refused.

waitress waits for a request as long as something arrives at all, answers what it cannot parse in words of its own, and
closes while the other end still sends, which then sees a broken line instead of the answer. Here a request has a
deadline, a refusal is a page of ours, and whoever is refused may finish.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask
from waitress.utilities import BadRequest, RequestEntityTooLarge

MOST_DISCARDED = 64 * 1024 * 1024
"""Octets of a refused body that are read and thrown away; beyond that the line is closed."""
LONGEST_LINE = 8 * 1024
"""Octets of a line that announces a chunk; what comes after the last chunk may be as much."""

_TRANSFER_ENCODING = re.compile(rb"(?i)\ntransfer-encoding:")


@dataclass(frozen=True)
class Patience:
    """How long a client may take, in seconds."""

    head: float = 10.0
    """From the beginning of a connection or a request to the end of its headers."""
    idle: float = 30.0
    """Between two requests, and without progress of an answer."""
    body: float = 10.0
    """More for the body, whatever its size …"""
    octets_a_second: int = 4096
    """… and again for so many octets."""
    last: float = 10.0
    """For what is still being sent after a refusal."""


class Request(HTTPRequestParser):  # type: ignore[misc]
    """A request that is coming in.

    A body that is too large is read to its end, and nothing of it is kept: the application gets none and refuses it by
    its length. Framing that two servers could read in two ways is refused (RFC 9112 §6.1, §3.2).
    """

    error: Any = None
    body_rcv: Any = None
    path: str
    _left = 0

    def __init__(self, adj: Any) -> None:
        super().__init__(adj)
        self._began, self._octets = time.monotonic(), 0

    def received(self, data: bytes) -> int:
        """See waitress: how many octets were taken."""
        taken = self._take(data)
        self._octets += taken
        return taken

    def is_late(self, patience: Patience) -> bool:
        """Whether it should be here by now."""
        allowed = patience.head
        if self.headers_finished:
            allowed += patience.body + self._octets / patience.octets_a_second
        return time.monotonic() - self._began > allowed

    def parse_header(self, header_plus: bytes) -> None:
        """See waitress; raises `ParsingError` for what RFC 9112 refuses and waitress does not."""
        super().parse_header(header_plus)
        if not self.path:
            self.path = "/"  # or werkzeug would lead to the root by the Host (RFC 9112 §3.2.1)
        is_encoded = _TRANSFER_ENCODING.search(header_plus) is not None
        if is_encoded and (not self.chunked or "CONTENT_LENGTH" in self.headers):
            raise ParsingError("the end of the body is told twice, or not at all")
        host = self.headers.get("HOST")
        if (host is None and self.version == "1.1") or "," in (host or ""):
            raise ParsingError("there has to be one Host")

    def _take(self, data: bytes) -> int:
        if self._left:
            taken = min(len(data), self._left)
            self._left -= taken
            self.completed = not self._left
            return taken
        taken = int(super().received(data))
        body = self.body_rcv
        if self.chunked and body and max(len(body.control_line), len(body.trailer)) > LONGEST_LINE:
            self.error, self.completed = BadRequest("a chunk has too long a head"), True
        is_too_much = isinstance(self.error, RequestEntityTooLarge)
        if self.completed and is_too_much and self.content_length <= MOST_DISCARDED and not self.chunked:
            self._left, self.completed, self.error, self.body_rcv = self.content_length, False, None, None
        return taken


class Refusal(ErrorTask):  # type: ignore[misc]
    """The answer to what is no request: a page of ours, and the end of the connection."""

    def execute(self) -> None:
        """See waitress."""
        error = self.request.error
        page = self.channel.server.refusals(error.code)
        self.status = f"{error.code} {error.reason}"
        self.response_headers += [("Content-Type", "text/html; charset=utf-8"), ("X-Content-Type-Options", "nosniff")]
        self.set_close_on_finish()
        self.content_length = len(page)
        self.write(page)


class Connection(HTTPChannel):  # type: ignore[misc]
    """A connection of waitress that knows when it has lasted too long, and ends without breaking."""

    parser_class = Request
    error_task_class = Refusal
    close_when_flushed: bool
    total_outbufs_len: int
    connected: bool
    will_close: Any
    _refuses = False
    _ends_at: float | None = None
    """Our side has said everything; until then the other may finish."""
    _discarded = 0

    @property
    def is_waiting(self) -> bool:
        """Whether nobody works for it and nothing is on its way to the client."""
        return not (bool(self.requests) or self.total_outbufs_len > 0 or self.close_when_flushed)

    @property
    def rank(self) -> tuple[bool, float]:
        """Smaller is missed less: first those with no request begun, each time the one that has been silent longest."""
        return self.request is not None and self._ends_at is None, self.last_activity

    def is_late(self, patience: Patience) -> bool:
        """Whether its time is over; never while its request is worked on."""
        silent: float = time.time() - self.last_activity
        if self.requests:
            return False
        if not self.is_waiting:
            return silent > patience.idle
        if self._ends_at is not None:
            return time.monotonic() > self._ends_at
        request = self.request
        if request is not None:
            return bool(request.is_late(patience))
        is_new = self.last_activity == self.creation_time
        return silent > (patience.head if is_new else patience.idle)

    def service(self) -> None:
        """See waitress; in a thread of the application."""
        self._refuses = self.requests[0].error is not None
        super().service()

    def handle_write(self) -> None:
        """Send what there is; after a refusal only our side is closed (RFC 9112 §9.6)."""
        if not (self._refuses and self.close_when_flushed) or self.will_close:
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.will_close:
            self.handle_close()
        elif self.connected and not self.total_outbufs_len:
            self._ends_at = time.monotonic() + self.server.patience.last
            self.close_when_flushed = False
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)

    def received(self, data: bytes) -> bool:
        """See waitress; nothing is looked at after a refusal."""
        if self._ends_at is None:
            return bool(super().received(data))
        self._discarded += len(data)
        self.will_close = self._discarded > MOST_DISCARDED
        return False


def plain_page(language: str, title: str, sentence: str) -> bytes:
    """A page without styles or links, for those who may be no browser at all."""
    parts: Mapping[str, str] = {"lang": language, "title": title, "sentence": sentence}
    return (
        (
            '<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>{title}</title>'
            "<h1>{title}</h1><p>{sentence}</p></html>\n"
        )
        .format_map(parts)
        .encode()
    )
