"""A local SMTP inbox: mail goes in, nobody gets it, everybody can look at it.

A fresh site sends here until a real relay is configured, so that trying costs nothing and reaches
nobody. It answers only on loopback, keeps each message as an .eml file, tells other processes where it
listens through a file beside them, and misbehaves on request: the ways a relay fails are best met here.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple, Self

from aiosmtpd.smtp import SMTP

from newsletter.errors import StateError, TransportUnavailable
from newsletter.transport.inbox import ParsedMail, StoredMail, clear, messages, read, stamp
from newsletter.transport.maildrop import Maildrop
from newsletter.transport.settings import SmtpSettings, is_loopback

__all__ = ["Faults", "ParsedMail", "Sandbox", "SandboxAddress", "StoredMail", "clear", "messages", "read"]

MAX_SIZE = 25 * 1024 * 1024


@dataclass(frozen=True)
class Faults:
    """Misbehaviour on request, the same for the same `seed` whatever the order of messages.

    Rates are shares of 1. A rejected recipient stays rejected, as a dead mailbox does; the other rates
    are drawn anew for every try, so that a second one may succeed. `drop_after_dot_rate` takes the
    message and closes without an answer: the case in which nobody can say (RFC 1047).
    """

    defer_rate: float = 0.0
    reject_rate: float = 0.0
    drop_before_dot_rate: float = 0.0
    drop_after_dot_rate: float = 0.0
    delay_seconds: float = 0.0
    """Before the answer to each final dot."""
    seed: int = 0
    reject_recipients: tuple[str, ...] = ()
    """Patterns like `*@dead.example`, whatever the case: 550 5.1.1."""
    defer_recipients: tuple[str, ...] = ()
    """The same for 451 4.7.1."""

    def chance(self, *what: object) -> float:
        """A number in [0, 1) that hangs on nothing but the seed and `what`."""
        digest = hashlib.sha256("\0".join(map(str, (self.seed, *what))).encode("utf-8", "replace")).digest()
        return int.from_bytes(digest[:8], "big") / 2**64


class SandboxAddress(NamedTuple):
    """Where a sandbox listens."""

    host: str
    port: int
    web_port: int | None
    """Where its inbox can be looked at in a browser, when somebody serves it."""
    pid: int


class Sandbox:
    """The inbox in `folder`, served from a thread of this process while it is entered."""

    def __init__(
        self, folder: Path, host: str = "127.0.0.1", port: int = 0, *, faults: Faults | None = None, keeps: bool = True
    ) -> None:
        """`port` 0 takes the one of last time if it is free, else any. Without `keeps` mail is thrown away."""
        if not is_loopback(host):
            raise StateError(f"The sandbox listens on this machine only, not on {host}.", hint="Use 127.0.0.1.")
        self.folder = folder
        self.faults = faults or Faults()
        """May be exchanged at any time; it holds from the next command on."""
        self.keeps = keeps
        self.joined = False
        """Whether the sandbox belongs to another owner, who will stop it."""
        self._wanted = (host, port)
        self._address: SandboxAddress | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    @property
    def address(self) -> SandboxAddress:
        """Where it listens; StateError before it does."""
        if self._address is None:
            raise StateError("The sandbox is not running.", hint="Start it first.")
        return self._address

    @property
    def settings(self) -> SmtpSettings:
        """How to send into it."""
        return SmtpSettings(self.address.host, self.address.port, security="none", connections=2)

    @staticmethod
    def running(folder: Path) -> SandboxAddress | None:
        """Where the sandbox of that folder listens, after having heard its greeting; None without one."""
        address = _recorded(folder)
        if address is None:
            return None
        try:
            with socket.create_connection((address.host, address.port), timeout=1.0) as sock, sock.makefile("rb") as f:
                greeting = f.readline(1000)
        except OSError:
            return None
        return address if greeting.startswith(b"220 ") and _ident(folder).encode() in greeting else None

    @classmethod
    def start_or_join(
        cls, folder: Path, host: str = "127.0.0.1", port: int = 0, *, faults: Faults | None = None
    ) -> Sandbox:
        """The running sandbox of that folder, whoever owns it, or a new one with these settings.

        `stop` ends it only if it is ours.
        """
        sandbox = cls(folder, host, port, faults=faults)
        with _locked(folder):
            sandbox._address = cls.running(folder)
            sandbox.joined = sandbox._address is not None
            if not sandbox.joined:
                sandbox._start()
        return sandbox

    def start(self) -> Self:
        """Begin to listen. StateError when one already does, TransportUnavailable when the port is taken."""
        with _locked(self.folder):
            other = self.running(self.folder)
            if other is not None:
                raise StateError(
                    f"The sandbox already runs at {other.host}:{other.port} (process {other.pid}).",
                    hint="Use that one, or stop it first.",
                )
            self._start()
        return self

    def stop(self) -> None:
        """Stop listening; the mail stays. May be repeated; does nothing to somebody else's sandbox."""
        thread, self._thread = self._thread, None
        if thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            thread.join()
        self._address, self._loop = None, None

    def announce(self, web_port: int | None) -> None:
        """Let other processes know where the inbox can be looked at."""
        self._address = self.address._replace(web_port=web_port)
        _record(self.folder, self._address)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        host, port = self._wanted
        sock = _listen(host, port, _recorded(self.folder))
        self._address = SandboxAddress(host, sock.getsockname()[1], None, os.getpid())
        self._stopping = asyncio.Event()
        ready = threading.Event()

        def serve() -> None:
            try:
                asyncio.run(self._serve(sock, ready))
            finally:
                ready.set()

        self._thread = threading.Thread(target=serve, name="sandbox", daemon=True)
        self._thread.start()
        ready.wait()
        _record(self.folder, self._address)

    async def _serve(self, sock: socket.socket, ready: threading.Event) -> None:
        loop = self._loop = asyncio.get_running_loop()
        handler, protocols = _Handler(self), set[_Protocol]()
        kind = _Protocol if self.keeps else _CarelessProtocol

        def protocol() -> _Protocol:
            return kind(
                protocols,
                handler,
                data_size_limit=MAX_SIZE,
                enable_SMTPUTF8=True,
                hostname="localhost",
                ident=_ident(self.folder),
                loop=loop,
            )

        server = await loop.create_server(protocol, sock=sock)
        ready.set()
        await self._stopping.wait()
        server.close()
        for one in list(protocols):
            one.cut()
        await asyncio.sleep(0)


class _Protocol(SMTP):  # type: ignore[misc, unused-ignore]
    """One connection, known to the sandbox as long as it lasts."""

    def __init__(self, known: set[_Protocol], handler: _Handler, **settings: Any) -> None:
        super().__init__(handler, **settings)
        self._known = known

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._known.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._known.discard(self)
        super().connection_lost(error)

    def cut(self) -> None:
        """Close at once."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()


class _CarelessProtocol(_Protocol):
    """The same without a look at the message: taking it line by line costs seven times what sending it does."""

    line_length_limit = 64 * 1024  # the most that is taken at a time

    async def smtp_DATA(self, arg: str) -> None:
        if arg or self.envelope is None or not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 DATA comes after RCPT, alone")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        while True:
            try:
                await self._reader.readuntil(b"\r\n.\r\n")
                break
            except asyncio.LimitOverrunError as error:
                await self._reader.readexactly(error.consumed)
        answer = await self._call_handler_hook("DATA")
        self._set_post_data_state()  # type: ignore[no-untyped-call, unused-ignore]
        await self.push(answer)


class _Handler:
    """Stores what comes and plays the faults; the names of its methods are aiosmtpd's."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._maildrop = Maildrop(sandbox.folder)
        self._tries: Counter[str] = Counter()

    async def handle_RCPT(self, server: Any, _session: Any, envelope: Any, address: str, _options: list[str]) -> str:
        faults, name = self._sandbox.faults, address.lower()
        self._tries[name] += 1
        turn = self._tries[name]
        if _matches(name, faults.reject_recipients) or faults.chance("reject", name) < faults.reject_rate:
            return "550 5.1.1 No such mailbox (the sandbox was asked to say so)"
        if _matches(name, faults.defer_recipients) or faults.chance("defer", name, turn) < faults.defer_rate:
            return "451 4.7.1 Please try again later (the sandbox was asked to say so)"
        if faults.chance("before", name, turn) < faults.drop_before_dot_rate:
            await _vanish(server)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        faults, answer = self._sandbox.faults, "250 2.0.0 Thrown away"
        if self._sandbox.keeps:
            try:
                path = self._maildrop.add(stamp(envelope.mail_from or "", envelope.rcpt_tos, envelope.content))
            except OSError as error:
                return f"452 4.3.1 The sandbox cannot store it: {error.strerror}"
            answer = f"250 2.0.0 Kept as {path.name}"
        if faults.delay_seconds > 0:
            await asyncio.sleep(faults.delay_seconds)
        name = envelope.rcpt_tos[0].lower()
        if faults.chance("after", name, self._tries[name]) < faults.drop_after_dot_rate:
            await _vanish(server)
        return answer


async def _vanish(server: Any) -> None:
    """Close the connection without a word; the caller is cancelled together with it."""
    server.transport.abort()
    await asyncio.Event().wait()


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern.lower()) for pattern in patterns)


def _ident(folder: Path) -> str:
    """What the greeting says, so that nobody takes another server on an old port for this folder's."""
    return f"newsletter-sandbox {hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}"


def _listen(host: str, port: int, last: SandboxAddress | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in [port] if port or last is None else [last.port, 0]:
        try:
            return socket.create_server((host, candidate), family=family, backlog=128)
        except OSError as error:
            failure = error
    raise TransportUnavailable(
        f"The sandbox cannot listen on {host}:{port}: {failure.strerror}.", hint="Choose another port, or 0 for any."
    ) from failure


def _recorded(folder: Path) -> SandboxAddress | None:
    try:
        raw = json.loads((folder / "port").read_bytes())
        web_port = raw["web_port"]
        address = SandboxAddress(
            str(raw["host"]), int(raw["port"]), None if web_port is None else int(web_port), int(raw["pid"])
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return address if is_loopback(address.host) and 0 < address.port < 65536 else None


def _record(folder: Path, address: SandboxAddress) -> None:
    draft = folder / f".port-{os.getpid()}-{threading.get_ident()}.tmp"
    draft.write_text(json.dumps(address._asdict()) + "\n", "utf-8")
    draft.replace(folder / "port")


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time decides who serves the folder; makes it if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
