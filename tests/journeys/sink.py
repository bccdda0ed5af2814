"""A quick recording SMTP server with a log on disk, for journeys with thousands of copies.

`smtpd.ScriptedServer` can be told to misbehave and remembers every byte; this one only accepts, in a
few microseconds, and writes one line per accepted copy *before* it answers. What stands in the log was
accepted whatever became of the client, which is what a ledger has to agree with after a `kill -9`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Self

HELLO = b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"


class Sink:
    """A context manager; `port` stands after entering it.

    `delay` is how many seconds every copy takes between its final dot and the answer; it may be
    changed while the server runs. `log` has one line `recipient TAB Message-ID` per accepted copy.
    """

    host = "127.0.0.1"

    def __init__(self, log: Path, *, delay: float = 0.0) -> None:
        self.log = log
        self.delay = delay
        self.reached: set[str] = set()
        """Everybody who has a copy."""
        self._count = 0
        self._changed = threading.Condition()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._file = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._listener = socket.create_server((self.host, 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._changed:
            for each in self._sockets:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(10)
        os.close(self._file)

    # -- looking ---------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many copies were accepted so far."""
        return self._count

    def wait_until(self, enough: Callable[[], bool], timeout: float = 30.0) -> bool:
        """Until `enough()` after some copy; False when it did not come true in time."""
        with self._changed:
            return self._changed.wait_for(enough, timeout)

    def wait_for(self, count: int, timeout: float = 30.0) -> None:
        """Until so many copies were accepted."""
        assert self.wait_until(lambda: self._count >= count, timeout), f"{self._count} of {count} copies came"

    def entries(self) -> list[tuple[str, str]]:
        """(recipient, Message-ID) of every accepted copy, as the log has them."""
        lines = self.log.read_text("utf-8").splitlines()
        return [(recipient, identity) for recipient, _, identity in (line.partition("\t") for line in lines)]

    def copies(self) -> Counter[str]:
        """How many copies every recipient had."""
        return Counter(recipient for recipient, _ in self.entries())

    # -- serving ---------------------------------------------------------------------------------

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                self._sockets.add(client)
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.sendall(b"220 sink.example ESMTP\r\n")
            self._converse(client)
        with self._changed:
            self._sockets.discard(client)

    def _converse(self, client: socket.socket) -> None:
        buffer, recipient = b"", ""
        while True:
            replies = b""
            while b"\r\n" in buffer:
                line, _, buffer = buffer.partition(b"\r\n")
                verb = line[:4].upper()
                if verb == b"EHLO":
                    replies += HELLO
                elif verb == b"DATA":
                    client.sendall(replies + b"354 go ahead\r\n")
                    replies = b""
                    while b"\r\n.\r\n" not in buffer:
                        more = client.recv(1 << 18)
                        if not more:
                            return
                        buffer += more
                    message, _, buffer = buffer.partition(b"\r\n.\r\n")
                    self._keep(recipient, message)
                    replies += b"250 2.0.0 queued\r\n"
                elif verb == b"QUIT":
                    client.sendall(replies + b"221 2.0.0 bye\r\n")
                    return
                else:
                    if verb == b"RCPT":
                        recipient = line[line.index(b"<") + 1 : line.index(b">")].decode()
                    replies += b"250 2.1.0 ok\r\n"
            if replies:
                client.sendall(replies)
            more = client.recv(1 << 16)
            if not more:
                return
            buffer += more

    def _keep(self, recipient: str, message: bytes) -> None:
        start = message.index(b"Message-ID:") + len(b"Message-ID:")
        identity = message[start : message.index(b"\r\n", start)].strip().decode()
        os.write(self._file, f"{recipient}\t{identity}\n".encode())
        with self._changed:
            self._count += 1
            self.reached.add(recipient)
            self._changed.notify_all()
        if self.delay:
            time.sleep(self.delay)
