"""A scripted SMTP server on loopback, real sockets and threads, for every test that sends.

It behaves like a good relay until the script says otherwise, and it remembers what it accepted:

    with ScriptedServer({"RCPT": ["250 ok", "550 5.1.1 no such user"]}) as server:
        SmtpTransport(SmtpSettings(server.host, server.port, security="none")).run(take, settle)
    assert [m.recipient for m in server.messages] == ["first@example.org"]

The script maps a verb to what happens. Verbs: `GREETING`, `EHLO`, `HELO`, `STARTTLS`, `AUTH`, `MAIL`, `RCPT`,
`DATA` (the 354), `BODY` (once some of the message has come), `DOT` (after the final dot), `RSET`, `NOOP`, `QUIT`.
A list is used up one by one, counted over all connections, and then the default holds; anything else holds
always. An item is one of

* a string: the reply, `\r\n` is added; several lines are written with `\n` between them, codes included
* bytes: sent as they are, for garbage
* `None`: the default reply
* `Drop(reply=None, reset=False)`: close the connection, after an optional last reply; with `reset` by RST
* `Stall(seconds=None)`: wait (until the server closes), then the default reply
* `Drip(reply, every)`: the reply, one byte every so many seconds
* `Endless()`: a multi-line reply that never ends, until the client leaves
* a callable of the command's argument (`"TO:<a@example.org>"`; for BODY and DOT the recipients joined by a
  space), which returns one of the above: verdicts by recipient rather than by turn

`messages` holds what was accepted: a 2xx after its dot was sent or tried (a `Stall` included), or a
`Drop(kept=True)` swallowed it, so that the client never hears of it. `commands` is everything that was said;
`connections` how often somebody called.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import ipaddress
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from newsletter.transport.base import Envelope, Outcome, Settle, Settled

CAPABILITIES = ("PIPELINING", "SIZE 26214400", "8BITMIME", "ENHANCEDSTATUSCODES")


@dataclass(frozen=True)
class Drop:
    """Close the connection. `kept`: at DOT, the message counts as accepted all the same."""

    reply: str | None = None
    reset: bool = False
    kept: bool = False


@dataclass(frozen=True)
class Stall:
    """Wait; `None` is until the server closes or `released` is set."""

    seconds: float | None = None
    released: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Drip:
    """A reply that trickles in."""

    reply: str = "250 ok"
    every: float = 0.05


@dataclass(frozen=True)
class Endless:
    """A reply without an end: lines, or with `line=True` one single line."""

    line: bool = False


Step = str | bytes | Drop | Stall | Drip | Endless | None
Item = Step | Callable[[str], Step]
Script = Mapping[str, Item | Sequence[Item]]


@dataclass(frozen=True)
class Received:
    """One accepted message. `data` is as sent, dot-stuffing undone; `raw` is as it came, final dot included."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    raw: bytes
    parameters: str
    connection: int
    tls: bool
    user: str | None

    @property
    def recipient(self) -> str:
        """The only recipient."""
        (only,) = self.recipients
        return only


@dataclass(frozen=True)
class Certificate:
    """PEM files: the server's certificate with its key, and the authority a client should trust."""

    certificate: Path
    key: Path
    authority: Path


def make_certificate(
    folder: Path, *names: str, expired: bool = False, trusted: Certificate | None = None
) -> Certificate:
    """Make a certificate for `names` (host names or IP addresses; default 127.0.0.1 and localhost).

    Self-made authority in `folder`; `trusted` puts another authority's file into the answer, so that the
    client trusts the wrong one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    begin = now - datetime.timedelta(days=30)
    end = now - datetime.timedelta(days=1) if expired else now + datetime.timedelta(days=30)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test Authority")])
    usage = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    authority = (
        x509.CertificateBuilder()
        .issuer_name(ca_name)
        .subject_name(ca_name)
        .public_key(ca_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(now + datetime.timedelta(days=60))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    subjects: list[x509.GeneralName] = []
    for name in names or ("127.0.0.1", "localhost"):
        try:
            subjects.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            subjects.append(x509.DNSName(name))
    certificate = (
        x509.CertificateBuilder()
        .issuer_name(ca_name)
        .subject_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName(subjects), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    made = Certificate(folder / "server.pem", folder / "server.key", folder / "authority.pem")
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Certificate(made.certificate, made.key, trusted.authority) if trusted else made


def one_by_one(note: Callable[[Envelope, Outcome], object]) -> Settle:
    """A `settle` that arms whatever asks and hands each verdict to `note`."""

    def settle(done: Sequence[Settled], arming: Sequence[Envelope]) -> Sequence[Envelope]:
        for envelope, outcome in done:
            note(envelope, outcome)
        return ()

    return settle


class _Gone(Exception):
    """This connection is over."""


class ScriptedServer:
    """See the module. A context manager; `host` and `port` stand after entering it.

    tls: None, "starttls" (offered, not forced) or "tls" (from the first byte), with `certificate`.
    credentials: (user, password) that AUTH PLAIN and LOGIN accept; AUTH is offered when given (with "starttls"
    only after it). `mechanisms` are those offered. messages_per_connection: after so many the next command is
    answered 421 and the connection closed. max_connections: more at a time are greeted with 421.
    inject: bytes sent right behind the 220 of STARTTLS, in clear. port: a fixed port, to come back on the same.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        script: Script | None = None,
        *,
        capabilities: Sequence[str] = CAPABILITIES,
        tls: str | None = None,
        certificate: Certificate | None = None,
        credentials: tuple[str, str] | None = None,
        mechanisms: str = "PLAIN LOGIN",
        messages_per_connection: int | None = None,
        max_connections: int | None = None,
        inject: bytes = b"",
        port: int = 0,
    ) -> None:
        self.port = port
        self.messages: list[Received] = []
        self.commands: list[tuple[int, str]] = []
        self.connections = 0
        self.closing = threading.Event()
        self._script: dict[str, Item | list[Item]] = {
            verb: list(items) if isinstance(items, (list, tuple)) else items  # type: ignore[misc]
            for verb, items in (script or {}).items()
        }
        self.capabilities = tuple(capabilities)
        self.tls = tls
        self.credentials = credentials
        self.mechanisms = mechanisms
        self.messages_per_connection = messages_per_connection
        self.max_connections = max_connections
        self.inject = inject
        self.context: ssl.SSLContext | None = None
        if certificate is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate.certificate, certificate.key)
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server((self.host, self.port), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering at once: connections are cut, threads end. May be repeated."""
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self.lock:
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(10)

    def said(self, verb: str) -> list[str]:
        """The command lines that began with `verb`, in order."""
        with self.lock:
            return [line for _, line in self.commands if line.upper().startswith(verb)]

    def wait_for(self, verb: str, count: int = 1, timeout: float = 10.0) -> None:
        """Until `verb` was said `count` times."""

        def enough() -> bool:
            return sum(line.upper().startswith(verb) for _, line in self.commands) >= count

        with self.changed:
            assert self.changed.wait_for(enough, timeout), f"{verb} was not said {count} times: {self.commands}"

    def step(self, verb: str, argument: str) -> Step:
        """What the script has for this turn."""
        with self.lock:
            item: Any = self._script.get(verb)
            if isinstance(item, list):
                item = item.pop(0) if item else None
        step: Step = item(argument) if callable(item) else item
        return step

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                if self.closing.is_set():
                    sock.close()
                    return
                self.connections += 1
                number = self.connections
                self._sockets.add(sock)
                crowded = self.max_connections is not None and len(self._sockets) > self.max_connections
            self._start(self._serve, sock, number, crowded)

    def _serve(self, sock: socket.socket, number: int, crowded: bool) -> None:
        conversation = _Conversation(self, sock, number)
        try:
            if crowded:
                conversation.send("421 4.7.0 too many connections")
            else:
                conversation.run()
        except (_Gone, OSError, ValueError):
            pass
        finally:
            with self.lock:
                self._sockets.discard(sock)
                self._sockets.discard(conversation.sock)
                conversation.sock.close()
                sock.close()

    def adopt(self, sock: socket.socket) -> None:
        """A socket was wrapped."""
        with self.lock:
            self._sockets.add(sock)

    def note(self, number: int, line: str) -> None:
        """A command was said."""
        with self.changed:
            self.commands.append((number, line))
            self.changed.notify_all()

    def keep(self, message: Received) -> None:
        """A message is ours now."""
        with self.changed:
            self.messages.append(message)
            self.changed.notify_all()


class _Conversation:
    """One connection."""

    def __init__(self, server: ScriptedServer, sock: socket.socket, number: int) -> None:
        self.server = server
        self.sock = sock
        self.number = number
        self.buffer = b""
        self.secured = False
        self.user: str | None = None
        self.count = 0
        self.reset()

    def reset(self) -> None:
        self.sender: str | None = None
        self.parameters = ""
        self.recipients: list[str] = []

    def send(self, reply: str | bytes) -> None:
        data = reply if isinstance(reply, bytes) else reply.replace("\n", "\r\n").encode() + b"\r\n"
        self.sock.sendall(data)

    def line(self) -> bytes:
        while b"\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                raise _Gone
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.removesuffix(b"\r")

    def act(self, verb: str, argument: str, default: str | None) -> str | None:
        """Do what the script says for this verb; the reply that was sent, or None when none was due."""
        return self.play(self.server.step(verb, argument), default)

    def play(self, step: Step, default: str | None) -> str | None:
        if isinstance(step, Stall):
            if step.seconds is not None:
                self.server.closing.wait(step.seconds)
            else:
                while not self.server.closing.is_set() and not step.released.wait(0.02):
                    pass
            step = None
        if isinstance(step, Drop):
            self.drop(step)
        if isinstance(step, Drip):
            for byte in step.reply.encode() + b"\r\n":
                self.send(bytes([byte]))
                if self.server.closing.wait(step.every):
                    raise _Gone
            return step.reply
        if isinstance(step, Endless):
            while not self.server.closing.is_set():
                self.send(b"x" * 8192 if step.line else b"250-and on\r\n" * 100)
            raise _Gone
        reply = default if step is None else step
        if reply is None:
            return None
        self.send(reply)
        said = reply.decode("latin-1") if isinstance(reply, bytes) else reply
        if said.startswith("421"):
            raise _Gone
        return said

    def drop(self, step: Drop) -> NoReturn:
        if step.reply is not None:
            self.send(step.reply)
        if step.reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _Gone

    def run(self) -> None:
        if self.server.tls == "tls":
            self.secure()
        if not self.said_yes(self.act("GREETING", "", "220 test.example ESMTP")):
            return
        while True:
            text = self.line().decode("utf-8", "replace")
            verb, _, argument = text.partition(" ")
            self.server.note(self.number, text)
            if self.count == self.server.messages_per_connection and verb.upper() != "QUIT":
                self.send("421 4.7.0 enough for one connection")
                return
            handler = getattr(self, f"on_{verb.lower()}", None)
            if handler is None:
                self.send("502 5.5.2 what?")
            else:
                handler(argument)

    @staticmethod
    def said_yes(reply: str | None) -> bool:
        return reply is not None and reply[:1] == "2"

    def secure(self) -> None:
        assert self.server.context is not None, "tls needs a certificate"
        if self.server.inject:
            self.sock.sendall(self.server.inject)
        plain = self.sock
        self.sock = self.server.context.wrap_socket(plain, server_side=True)
        self.server.adopt(self.sock)
        self.secured, self.buffer = True, b""
        self.reset()

    def on_ehlo(self, argument: str) -> None:
        offers = list(self.server.capabilities)
        if self.server.tls == "starttls" and not self.secured:
            offers.append("STARTTLS")
        if self.server.credentials and (self.secured or self.server.tls is None):
            offers.append(f"AUTH {self.server.mechanisms}")
        lines = ["test.example", *offers]
        self.act("EHLO", argument, "\n".join(f"250{'-' if n < len(lines) else ' '}{s}" for n, s in enumerate(lines, 1)))

    def on_helo(self, argument: str) -> None:
        self.act("HELO", argument, "250 test.example")

    def on_starttls(self, argument: str) -> None:
        if self.server.inject:
            self.send(b"220 go ahead\r\n" + self.server.inject)
            raise _Gone
        if self.said_yes(self.act("STARTTLS", argument, "220 go ahead")):
            self.secure()

    def on_auth(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        if mechanism.upper() == "PLAIN":
            _, user, password = base64.b64decode(initial).decode().split("\0")
        else:
            self.send("334 VXNlcm5hbWU6")
            user = base64.b64decode(self.line()).decode()
            self.send("334 UGFzc3dvcmQ6")
            password = base64.b64decode(self.line()).decode()
        good = (user, password) == self.server.credentials
        if self.said_yes(self.act("AUTH", user, "235 2.7.0 welcome" if good else "535 5.7.8 wrong")):
            self.user = user

    def on_mail(self, argument: str) -> None:
        match = re.fullmatch(r"FROM:<([^>]*)>(.*)", argument)
        default = "250 2.1.0 ok" if match and self.sender is None else "503 5.5.1 not now"
        if self.said_yes(self.act("MAIL", argument, default)) and match:
            self.sender, self.parameters = match[1], match[2].strip()

    def on_rcpt(self, argument: str) -> None:
        parameters = " .*" if "DSN" in self.server.capabilities else ""
        match = re.fullmatch(rf"TO:<([^>]*)>(?:{parameters})?", argument)
        default = "250 2.1.5 ok" if match and self.sender is not None else "503 5.5.1 not now"
        if self.said_yes(self.act("RCPT", argument, default)) and match:
            self.recipients.append(match[1])

    def on_data(self, argument: str) -> None:
        default = "354 go ahead" if self.recipients else "554 5.5.1 no valid recipients"
        reply = self.act("DATA", argument, default)
        if reply is None or not reply.startswith("354"):
            return
        who = " ".join(self.recipients)
        first = self.line()
        self.act("BODY", who, None)
        lines = [first]
        while lines[-1] != b".":
            lines.append(self.line())
        raw = b"\r\n".join(lines) + b"\r\n"
        data = b"".join(line.removeprefix(b".") + b"\r\n" for line in lines[:-1])
        message = Received(
            self.sender or "",
            tuple(self.recipients),
            data,
            raw,
            self.parameters,
            self.number,
            self.secured,
            self.user,
        )
        self.reset()
        self.count += 1
        self.server.note(self.number, ".")
        self.finish(message, who)

    def finish(self, message: Received, who: str) -> None:
        step = self.server.step("DOT", who)
        reply = step.reply if isinstance(step, Drip) else step
        accepted = reply is None or isinstance(reply, Stall) or (isinstance(reply, str) and reply.startswith("2"))
        if accepted or (isinstance(step, Drop) and step.kept):
            self.server.keep(message)
        self.play(step, "250 2.0.0 queued")

    def on_rset(self, argument: str) -> None:
        self.reset()
        self.act("RSET", argument, "250 2.0.0 ok")

    def on_noop(self, argument: str) -> None:
        self.act("NOOP", argument, "250 2.0.0 ok")

    def on_quit(self, argument: str) -> None:
        self.act("QUIT", argument, "221 2.0.0 bye")
        raise _Gone
