"""A socket with an SMTP conversation on it: whole lines out, whole replies in, a deadline on each.

Deadlines cover a complete reply on the monotonic clock, not single reads, so that a server sending
one byte a minute cannot hold a session; socket errors become `WireError` in words.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from threading import Lock

from newsletter.transport.replies import Closing, Reply, ReplyParser, WireError

BLOCK = 65536


class WireTimes:
    """When the wire was first and last in use, in monotonic seconds; shared by all sessions of a transport."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.first_connect: float | None = None
        self.last_reply: float | None = None

    def connected(self, moment: float) -> None:
        """A connection that was begun at `moment` stands."""
        with self._lock:
            if self.first_connect is None or moment < self.first_connect:
                self.first_connect = moment

    def replied(self) -> None:
        """The final reply for a message is here."""
        with self._lock:
            self.last_reply = time.monotonic()

    @property
    def seconds(self) -> float:
        """Wall time from the first connect to the last final reply; 0 before there is one."""
        if self.first_connect is None or self.last_reply is None:
            return 0.0
        return self.last_reply - self.first_connect


class Channel:
    """One connection. Every method raises `WireError` when the connection fails or a deadline passes."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._parser = ReplyParser()
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def own_address(self) -> str:
        """Our own IP address on this connection."""
        return str(self._socket.getsockname()[0])

    @property
    def cipher(self) -> str:
        """`TLSv1.3` and the like, or empty on an open wire."""
        return (self._socket.version() or "") if isinstance(self._socket, ssl.SSLSocket) else ""

    @property
    def certificate_expires(self) -> str:
        """Until when the server's certificate is valid, as `ssl.cert_time_to_seconds` reads it; empty without one."""
        found = self._socket.getpeercert() if isinstance(self._socket, ssl.SSLSocket) else None
        return str((found or {}).get("notAfter", ""))

    @property
    def pending(self) -> bool:
        """Whether the server has sent more than was asked for."""
        return self._parser.pending

    def secure(self, context: ssl.SSLContext, host: str, timeout: float) -> None:
        """Begin TLS; the certificate must be valid for `host`. Raises OSError as `ssl` does."""
        self._socket.settimeout(timeout)
        self._socket = context.wrap_socket(self._socket, server_hostname=host)

    def command(self, line: str, timeout: float) -> Reply:
        """Send one line and wait for its reply."""
        self.write(line.encode() + b"\r\n", timeout)
        return self.read(timeout)

    def write(self, data: bytes, timeout: float) -> None:
        """Send all of `data`, giving the server `timeout` seconds for each 64 KB."""
        view = memoryview(data)
        try:
            self._socket.settimeout(timeout)
            for start in range(0, len(view), BLOCK):
                self._socket.sendall(view[start : start + BLOCK])
        except TimeoutError as error:
            raise WireError(f"The mail server took nothing for {timeout:g} seconds.") from error
        except OSError as error:
            raise WireError(f"The connection to the mail server broke: {error.strerror or error}.") from error

    def read(self, timeout: float) -> Reply:
        """The next reply; 421 raises `Closing`, since it ends the session wherever it comes."""
        deadline = time.monotonic() + timeout
        while (reply := self._parser.next()) is None:
            self._receive(deadline - time.monotonic(), timeout)
        if reply.code == 421:
            raise Closing(reply)
        return reply

    def _receive(self, remaining: float, timeout: float) -> None:
        data = None
        if remaining > 0:
            self._socket.settimeout(remaining)
            try:
                data = self._socket.recv(BLOCK)
            except TimeoutError:
                data = None
            except OSError as error:
                raise WireError(f"The connection to the mail server broke: {error.strerror or error}.") from error
        if data is None:
            raise WireError(f"The mail server did not answer within {timeout:g} seconds.")
        if not data:
            raise WireError("The mail server closed the connection without a word.")
        self._parser.feed(data)

    def quiet(self) -> bool:
        """Whether the connection stands and nothing unasked has arrived; never waits.

        A non-blocking read is used rather than `select`, because TLS 1.3 session tickets make a socket
        readable without there being anything to read.
        """
        if self._parser.pending:
            return False
        try:
            self._socket.settimeout(0)
            data = self._socket.recv(BLOCK)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        self._parser.feed(data)
        return False

    def detach(self) -> tuple[socket.socket, ReplyParser]:
        """The socket, which from now on never waits, and the parser of its replies, for the engine's loop."""
        self._socket.setblocking(False)
        return self._socket, self._parser

    def abort(self) -> None:
        """Break the connection from another thread: whoever waits on it wakes up with a `WireError`.

        Deliberately the plain socket's `shutdown`: that of `SSLSocket` drops the encryption first.
        """
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close without a word; may be repeated."""
        with contextlib.suppress(OSError):
            self._socket.close()
