"""The one door to the web: fetches a page or a picture from public servers, within limits, and from nowhere else.

An address in somebody's text is a wish to have it fetched from inside our network (server-side request
forgery). So a name is resolved once, every answer must be public, and the connection goes to that very
address; redirects are followed by hand and judged again. A page that never ends, a byte a second or a
small file that unpacks to gigabytes run into limits. Nothing is remembered from one request to the next.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import Message
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from newsletter import __version__
from newsletter.errors import NewsletterError

USER_AGENT = f"newsletter-pipeline/{__version__} (article import and link check)"
MAX_REDIRECTS = 5
MAX_BYTES = 5_000_000
SECONDS = 20.0
CONNECT_SECONDS = 8.0
PAGES = ("text/html", "application/xhtml+xml", "text/plain", "text/markdown", "text/xml", "application/xml",
         "application/rss+xml", "application/atom+xml", "application/rdf+xml")  # fmt: skip
PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp")

Resolve = Callable[[str, int], Sequence[str]]
"""Host name and port → IP addresses as text."""

_REDIRECTS = (301, 302, 303, 307, 308)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1
_6TO4 = ipaddress.IPv6Network("2002::/16")  # RFC 3056; carries any IPv4 address inside
_6TO4_RELAYS = ipaddress.IPv4Network("192.88.99.0/24")  # RFC 7526
_UNICAST = ipaddress.IPv6Network("2000::/3")  # RFC 4291 §2.4: all that IANA hands out
_HEADER_BYTES = 200_000


class FetchError(NewsletterError):
    """That address could not be fetched."""


@dataclass(frozen=True)
class Fetched:
    """What a server answered; `url` is where the redirects ended, `body` is unpacked and empty for errors."""

    url: str
    status: int
    media_type: str
    charset: str
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300


def is_public(address: str, *, allow_loopback: bool = False) -> bool:
    """Whether an IP address belongs to the public internet.

    IPv4 inside IPv6 counts as the IPv4 address it is (mapped: RFC 4291 §2.5.5.2, NAT64: RFC 6052); 6to4 is refused.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if allow_loopback and ip.is_loopback:
            return True
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        else:
            return ip in _UNICAST and ip.is_global and ip not in _6TO4
    if ip.is_loopback:
        return allow_loopback
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip in _6TO4_RELAYS)


def system_resolver(host: str, port: int) -> list[str]:
    """The addresses of `host` as the operating system knows them."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def fetch(
    url: str,
    *,
    accept: Sequence[str] = PAGES,
    method: str = "GET",
    max_bytes: int = MAX_BYTES,
    seconds: float = SECONDS,
    resolve: Resolve = system_resolver,
    allow_loopback: bool = False,
    tls: ssl.SSLContext | None = None,
) -> Fetched:
    """Fetch `url`, following up to five redirects, in `seconds` altogether; error statuses are answers.

    The body of a 2xx answer to GET is read when its media type is in `accept` (nothing: any type), at most
    `max_bytes` on the wire and unpacked. Raises FetchError otherwise. `allow_loopback` is for tests.
    """
    deadline = time.monotonic() + seconds
    wish = _Wish(accept, method, max_bytes, resolve, allow_loopback, tls)
    target = _Target.parse(url)
    for _ in range(MAX_REDIRECTS + 1):
        try:
            answer, location = _once(target, wish, deadline)
        except TimeoutError as error:
            raise FetchError(
                f"{target.host} did not finish within {seconds:g} seconds.",
                hint="Try again later, or save the page in a browser and import the file.",
            ) from error
        except ssl.SSLCertVerificationError as error:
            raise FetchError(
                f"The certificate of {target.host} cannot be trusted ({error.verify_message}).",
                hint="Save the page in a browser and import the file.",
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise FetchError(
                f"{target.host} could not be reached ({_reason(error)}).",
                hint="Look whether the address is right and opens in a browser.",
            ) from error
        if not location:
            return answer
        target = _Target.parse(location, base=target.url)
    raise FetchError(f"{url[:200]} redirects too often.", hint="Give the address where the redirects should end.")


@dataclass(frozen=True)
class _Wish:
    """What `fetch` was asked for, the same for every redirect."""

    accept: Sequence[str]
    method: str
    max_bytes: int
    resolve: Resolve
    allow_loopback: bool
    tls: ssl.SSLContext | None


@dataclass(frozen=True)
class _Target:
    """One address, taken apart and put into the characters HTTP can carry."""

    url: str
    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str, base: str = "") -> _Target:
        wrong = FetchError(
            f'"{url[:200]}" is not a web address that can be fetched.',
            hint="Use a complete address that begins with https:// or http://, without a password in it.",
        )
        if re.search(r"[\x00-\x1f\x7f]", url.strip()):
            raise wrong
        try:
            parts = urlsplit(urljoin(base, url.strip()))
            port = parts.port
            name = (parts.hostname or "").rstrip(".")
            host = name if ":" in name else name.encode("idna").decode("ascii")
        except ValueError as error:  # UnicodeError among them
            raise wrong from error
        if parts.scheme not in {"http", "https"} or not host or parts.username is not None or set("% ") & set(host):
            raise wrong
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
        netloc = f"[{host}]" if ":" in host else host
        if port is not None:
            netloc += f":{port}"
        return cls(
            url=urlunsplit((parts.scheme, netloc, path, query, "")),
            scheme=parts.scheme,
            host=host,
            port=port or (443 if parts.scheme == "https" else 80),
            path=path + (f"?{query}" if query else ""),
        )

    @property
    def netloc(self) -> str:
        """For the Host header (RFC 9110 §7.2)."""
        return urlsplit(self.url).netloc


def _once(target: _Target, wish: _Wish, deadline: float) -> tuple[Fetched, str]:
    """One request; the second value is where a redirect leads, or empty."""
    addresses = _resolved(target, wish.resolve, deadline)
    if not addresses:
        raise FetchError(f"{target.host} has no address.", hint="Look whether the name is spelt correctly.")
    for address in addresses:
        if not is_public(address, allow_loopback=wish.allow_loopback):
            led = "" if str(address) == target.host else f"leads to {address}, which "
            raise FetchError(
                f"{target.host} {led}is not on the public internet.",
                hint="Only public web sites are fetched; save the page in a browser and import the file.",
            )
    with _connected(target, addresses, deadline, wish.tls) as connection:
        wire = _Wire(connection, deadline, wish.max_bytes + _HEADER_BYTES)
        connection.settimeout(_remaining(deadline))
        connection.sendall(_request(target, wish))
        response = http.client.HTTPResponse(wire, method=wish.method)  # type: ignore[arg-type]  # it only calls makefile
        try:
            response.begin()
            location = response.headers.get("Location", "").strip()
            if response.status in _REDIRECTS and location:
                # http.client reads headers as Latin-1; some servers send UTF-8 there.
                return _answer(target, response, b""), _utf8(location)
            if wish.method == "HEAD" or not 200 <= response.status < 300:
                return _answer(target, response, b""), ""
            media_type = response.headers.get_content_type()
            if wish.accept and media_type not in wish.accept:
                raise FetchError(
                    f"{target.url[:200]} is {media_type}, which is not what is wanted here.",
                    hint=f"Wanted is one of {', '.join(wish.accept)}.",
                )
            return _answer(target, response, _body(response, target, wish.max_bytes)), ""
        finally:
            response.close()


def _answer(target: _Target, response: http.client.HTTPResponse, body: bytes) -> Fetched:
    headers: Message = response.headers
    return Fetched(
        url=target.url,
        status=response.status,
        media_type=headers.get_content_type(),
        charset=headers.get_content_charset() or "",
        body=body,
    )


def _request(target: _Target, wish: _Wish) -> bytes:
    lines = [
        f"{wish.method} {target.path} HTTP/1.1",
        f"Host: {target.netloc}",
        f"User-Agent: {USER_AGENT}",
        f"Accept: {', '.join(wish.accept) or '*/*'}",
        "Accept-Encoding: gzip, deflate",
        "Connection: close",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _resolved(target: _Target, resolve: Resolve, deadline: float) -> list[str]:
    """Ask the resolver in a thread, because the system's one knows no time limit."""
    found: list[str] = []
    failed: list[Exception] = []

    def ask() -> None:
        try:
            found.extend(dict.fromkeys(resolve(target.host, target.port)))
        except (OSError, UnicodeError) as error:
            failed.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_remaining(deadline))
    if thread.is_alive():
        raise TimeoutError
    if failed:
        raise FetchError(
            f"{target.host} has no address ({_reason(failed[0])}).", hint="Look whether the name is spelt correctly."
        ) from failed[0]
    return list(found)


def _connected(target: _Target, addresses: Sequence[str], deadline: float, tls: ssl.SSLContext | None) -> socket.socket:
    """A connection to the first of exactly these addresses that answers; nothing is resolved again."""
    for number, address in enumerate(addresses, start=1):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            left = _remaining(deadline)
            connection.settimeout(left if number == len(addresses) else min(left, CONNECT_SECONDS))
            connection.connect((address, target.port))
            if target.scheme == "http":
                return connection
            connection.settimeout(_remaining(deadline))
            return (tls or ssl.create_default_context()).wrap_socket(connection, server_hostname=target.host)
        except BaseException as error:
            connection.close()
            if not isinstance(error, OSError) or isinstance(error, ssl.SSLError) or number == len(addresses):
                raise
    raise TimeoutError


class _Wire(io.RawIOBase):
    """A socket as a file that is given up when time or bytes run out, however lively it is."""

    def __init__(self, connection: socket.socket, deadline: float, limit: int) -> None:
        self._connection = connection
        self._deadline = deadline
        self._left = limit

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What `HTTPResponse` asks a socket for."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # narrower than the typeshed's Buffer
        if self._left <= 0:
            raise _too_large()
        self._connection.settimeout(_remaining(self._deadline))
        count = self._connection.recv_into(buffer)
        self._left -= count
        return count


def _body(response: http.client.HTTPResponse, target: _Target, max_bytes: int) -> bytes:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    unpack: Callable[[bytes, int], bytes]
    if encoding in {"", "identity"}:
        unpack = _as_is
    elif encoding in {"gzip", "x-gzip", "deflate"}:
        unpack = _Unpacker()
    else:
        raise FetchError(
            f"{target.host} packs its answer as {encoding[:40]!r}, which was not asked for.",
            hint="Save the page in a browser and import the file.",
        )
    parts: list[bytes] = []
    size = 0
    while piece := response.read(65_536):
        parts.append(unpack(piece, max_bytes + 1 - size))
        size += len(parts[-1])
        if size > max_bytes:
            raise _too_large(max_bytes)
    return b"".join(parts)


def _as_is(piece: bytes, limit: int) -> bytes:
    return piece[:limit]


class _Unpacker:
    """gzip or deflate, never more than asked for at a time."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=47)  # zlib's own sign for "gzip or zlib, see for yourself"
        self._first = True

    def __call__(self, piece: bytes, limit: int) -> bytes:
        try:
            try:
                return self._stream.decompress(piece, limit)
            except zlib.error:
                if not self._first:
                    raise
                self._stream = zlib.decompressobj(wbits=-15)  # servers that send "deflate" without its header
                return self._stream.decompress(piece, limit)
            finally:
                self._first = False
        except zlib.error as error:
            raise FetchError("The answer is damaged: it cannot be unpacked.", hint="Try again later.") from error


def _remaining(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _too_large(limit: int = MAX_BYTES) -> FetchError:
    return FetchError(
        f"The answer is larger than {max(1, limit // 1_000_000)} MB.",
        hint="Save what is needed from it, and import that file.",
    )


def _utf8(text: str) -> str:
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _reason(error: Exception) -> str:
    if isinstance(error, http.client.HTTPException):
        return f"it answered with something that is not HTTP: {type(error).__name__}"
    return str(getattr(error, "strerror", None) or error or type(error).__name__).rstrip(".")
