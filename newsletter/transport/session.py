"""One SMTP session from connect to QUIT: greeting, EHLO, TLS and login, before any message is taken.

What cannot be opened is said in one sentence with a remedy, and nothing personal, neither a password
nor an address of a reader, leaves before the wire is as safe as the settings ask (RFC 3207, 4954).
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from newsletter.errors import TransportUnavailable
from newsletter.transport.replies import Closing, Reply, WireError
from newsletter.transport.settings import SmtpSettings, is_loopback
from newsletter.transport.wire import Channel, WireTimes

QUIT_SECONDS = 2.0

_HOSTNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


class CannotOpen(TransportUnavailable):
    """No session with the mail server can be opened."""

    def __init__(self, message: str, *, hint: str = "", retry: bool = True) -> None:
        super().__init__(message, hint=hint)
        self.retry = retry
        """False when trying again at once can only do harm: a refused login, a bad certificate."""


class Session:
    """An open session. `capabilities` maps the keywords of EHLO, upper-case, to their parameters."""

    def __init__(self, settings: SmtpSettings, wire: WireTimes, channel: Channel) -> None:
        self.settings = settings
        self.wire = wire
        self.channel = channel
        self.capabilities: dict[str, str] = {}
        self.greeting = ""
        """What the server said first."""
        self.sent = 0
        self.dirty = False
        """A transaction failed half-way; RSET is due before the next."""
        self.open = True

    @classmethod
    def start(
        cls, settings: SmtpSettings, wire: WireTimes | None = None, watch: Callable[[Session], None] | None = None
    ) -> Session:
        """Connect, greet, encrypt, log in. Raises `CannotOpen`.

        `watch` is handed the session as soon as there is a connection, so that somebody can `abort` it.
        """
        if settings.security == "none" and not is_loopback(settings.host):
            raise CannotOpen(
                f"Mail to {settings.place} would leave unencrypted.",
                hint='Set [smtp] security = "starttls" (or "tls"); "none" is only for a server on this machine.',
                retry=False,
            )
        begun = time.monotonic()
        session = cls(settings, wire or WireTimes(), Channel(_connect(settings)))
        try:
            if watch is not None:
                watch(session)
            session._open()
        except CannotOpen:
            session.close()
            raise
        except WireError as error:
            session.close()
            if isinstance(error, Closing):
                raise CannotOpen(
                    f"The mail server {settings.place} has no session to spare: {error.reply}",
                    hint="Try again later, or with fewer [smtp] connections.",
                ) from error
            raise CannotOpen(
                f"No session with {settings.place} came about. {error.message}",
                hint="Check [smtp] host, port and security.",
            ) from error
        except BaseException:
            session.close()
            raise
        session.wire.connected(begun)
        return session

    def _open(self) -> None:
        settings, channel = self.settings, self.channel
        if settings.security == "tls":
            self._secure()
        greeting = channel.read(settings.timeouts.greeting)
        self.greeting = str(greeting)
        self._expect(greeting, "does not greet us")
        self._hello()
        if settings.security == "starttls":
            self._starttls()
        if settings.username is not None:
            self._login(settings.username, settings.password or "")

    def _expect(self, reply: Reply, complaint: str) -> None:
        if not reply.good:
            raise CannotOpen(
                f"The mail server {self.settings.place} {complaint}: {reply}",
                hint="Ask its operator, or check that [smtp] names the right server.",
                retry=reply.temporary,
            )

    def _hello(self) -> None:
        given, name = self.settings.local_hostname, socket.gethostname()
        if given and _PRINTABLE.fullmatch(given):
            name = given
        elif not _HOSTNAME.fullmatch(name):
            own = self.channel.own_address
            name = f"[IPv6:{own}]" if ":" in own else f"[{own}]"
        reply = self.channel.command(f"EHLO {name}", self.settings.timeouts.command)
        self.capabilities = {}
        if reply.permanent:
            reply = self.channel.command(f"HELO {name}", self.settings.timeouts.command)
        elif reply.good:
            for line in reply.lines[1:]:
                keyword, _, parameters = line.replace("=", " ", 1).partition(" ")
                self.capabilities[keyword.upper()] = parameters.strip()
        self._expect(reply, "refuses our EHLO")

    def _starttls(self) -> None:
        if "STARTTLS" not in self.capabilities:
            raise CannotOpen(
                f"The mail server {self.settings.place} does not offer STARTTLS; nothing was sent in clear.",
                hint='Check [smtp] port, or set security = "tls" if it is encrypted from the start (port 465).',
                retry=False,
            )
        reply = self.channel.command("STARTTLS", self.settings.timeouts.command)
        self._expect(reply, "offers STARTTLS and refuses it")
        if self.channel.pending:  # CVE-2011-0411: plaintext slipped in ahead of the handshake
            raise CannotOpen(
                f"Somebody between us and {self.settings.place} slipped in unencrypted replies; nothing was sent.",
                hint="Do not send from this network before its operator has looked at it.",
                retry=False,
            )
        self._secure()
        self._hello()

    def _secure(self) -> None:
        settings = self.settings
        try:
            self.channel.secure(_context(settings.ca_file), settings.host, settings.timeouts.connect)
        except ssl.SSLCertVerificationError as error:
            raise CannotOpen(
                f"The certificate of {settings.place} does not verify: {error.verify_message.rstrip('.')}.",
                hint="Set [smtp] host to the name on the certificate, or have it renewed; nothing was sent.",
                retry=False,
            ) from error
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            raise WireError("The mail server broke off the TLS handshake.") from error
        except ssl.SSLError as error:
            raise CannotOpen(
                f"No encrypted connection to {settings.place} came about: {error.reason or error}.",
                hint='Check [smtp] port and security: "tls" is usual on port 465, "starttls" on 587.',
                retry=False,
            ) from error
        except OSError as error:
            raise WireError(f"The TLS handshake broke off: {error.strerror or error}.") from error

    def _login(self, username: str, password: str) -> None:
        if not self.channel.cipher and not is_loopback(self.settings.host):
            raise CannotOpen(
                "A password is never sent over an open wire.",
                hint='Set [smtp] security = "starttls" or "tls".',
                retry=False,
            )
        name, secret = _base64(username), _base64(password)
        plain = _base64(f"\0{username}\0{password}")
        try:
            reply = self._authenticate(plain, name, secret)
        except WireError:  # its text is dropped: it may quote what the server echoed, our password
            raise CannotOpen(
                f"The mail server {self.settings.place} broke off during the login.",
                hint="Try again later, and check [smtp] username and password.",
            ) from None
        if reply.good:
            return
        said = str(reply)
        if any(part and part in said for part in (password, secret, plain)):
            said = str(reply.code)
        if reply.temporary:
            raise CannotOpen(
                f"The mail server {self.settings.place} cannot check the password now: {said}",
                hint="Try again later.",
            )
        raise CannotOpen(
            f"The mail server refused the user name or password ({said}).",
            hint="Check [smtp] username and password; some providers want a password made for applications.",
            retry=False,
        )

    def _authenticate(self, plain: str, name: str, secret: str) -> Reply:
        mechanisms = self.capabilities.get("AUTH", "").upper().split()
        wait = self.settings.timeouts.command
        if "PLAIN" in mechanisms:
            return self.channel.command(f"AUTH PLAIN {plain}", wait)
        if "LOGIN" not in mechanisms:
            raise CannotOpen(
                f"The mail server {self.settings.place} offers no login that we know (PLAIN or LOGIN).",
                hint="Leave [smtp] username empty if it needs none, or check the port.",
                retry=False,
            )
        reply = self.channel.command("AUTH LOGIN", wait)
        for answer in (name, secret):
            if reply.code == 334:
                reply = self.channel.command(answer, wait)
        return reply

    @property
    def spent(self) -> bool:
        """Whether the session has carried as many messages as it should."""
        return self.sent >= self.settings.messages_per_connection

    def renew(self) -> bool:
        """Make ready for the next message; False when the session is over."""
        if not self.open or not self.channel.quiet():
            self.close()
        elif self.dirty:
            try:
                if not self.channel.command("RSET", self.settings.timeouts.command).good:
                    self.close()
            except WireError:
                self.close()
            self.dirty = False
        return self.open

    def describe(self) -> str:
        """One line for people: encryption, login, size limit."""
        parts = [f"{self.settings.place} answers", self.channel.cipher or "not encrypted (this machine only)"]
        if self.settings.username is not None:
            parts.append(f"logged in as {self.settings.username}")
        size = self.capabilities.get("SIZE", "")
        if size.isdecimal() and int(size):
            parts.append(f"messages up to {int(size) / 1_000_000:.1f} MB")
        return ", ".join(parts)

    def quit(self) -> None:
        """Say goodbye, briefly, and close."""
        if self.open:
            with contextlib.suppress(WireError):
                self.channel.command("QUIT", min(QUIT_SECONDS, self.settings.timeouts.command))
        self.close()

    def close(self) -> None:
        """Close without a word; may be repeated."""
        self.open = False
        self.channel.close()


def _connect(settings: SmtpSettings) -> socket.socket:
    check = "Check [smtp] host and port"
    try:
        return socket.create_connection((settings.host, settings.port), settings.timeouts.connect)
    except (socket.gaierror, UnicodeError) as error:
        raise CannotOpen(
            f"The mail server's name {settings.host} cannot be found in the DNS.",
            hint="Check [smtp] host and the network of this machine.",
            retry=isinstance(error, socket.gaierror),
        ) from error
    except ConnectionRefusedError as error:
        raise CannotOpen(
            f"Nothing answers at {settings.place}: connection refused.", hint=f"{check}, and that the server runs."
        ) from error
    except TimeoutError as error:
        raise CannotOpen(
            f"The mail server {settings.place} did not answer within {settings.timeouts.connect:g} seconds.",
            hint=f"{check}; many networks block port 25, and 587 is the usual one.",
        ) from error
    except OSError as error:
        raise CannotOpen(
            f"The mail server {settings.place} cannot be reached: {error.strerror or error}.", hint=f"{check}."
        ) from error


@lru_cache(maxsize=4)
def _context(ca_file: Path | None) -> ssl.SSLContext:
    """Loading the system's certificates takes milliseconds; many sessions share one context."""
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:
        raise CannotOpen(
            f"The certificates in {ca_file} cannot be read: {error.strerror or error}.",
            hint="It must be a file with certificates as PEM.",
            retry=False,
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode("ascii")
