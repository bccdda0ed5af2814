"""Putting an application on a socket with waitress, so that a command or a test can start and stop it.

Believing `X-Forwarded-For` from anybody would let visitors write their own evidence, and believing it from
nobody would file every reader under the proxy; so the header counts only from the proxies named in
`server.trusted_proxies` (addresses or networks) and is removed otherwise.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flask import Flask
from waitress.proxy_headers import proxy_headers_middleware
from waitress.server import create_server

from newsletter.config.model import ServerConfig
from newsletter.errors import ConfigError, NewsletterError
from newsletter.web.posted import PatientChannel

THREADS = 8
MAX_BODY = 1024 * 1024 + 1
"""Octets that are kept of a body. The pages' own limits are far lower, but a page may answer only what was read."""

PEER = "newsletter.peer"
"""In the environment of a request: the address at the other end of the connection."""
FORWARDED = "newsletter.forwarded"
"""Beside it: whether forwarding headers were `believed` or `ignored`; `none` where none came."""

_HEADERS = {"x-forwarded-for", "x-forwarded-proto"}
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Server:
    """A bound, not yet running server; `host` and `port` say where."""

    def __init__(self, app: _Wsgi, listening: socket.socket, threads: int = THREADS) -> None:
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        self._map: dict[int, Any] = {}
        self._server = create_server(
            app,
            map=self._map,
            sockets=[listening],
            threads=threads,
            max_request_body_size=MAX_BODY,
            inbuf_overflow=64 * 1024,  # the rest of a large body waits in a file, not in memory
            max_request_header_size=32 * 1024,
            channel_timeout=30,
            clear_untrusted_proxy_headers=False,  # `_by_proxy` has done it
            ident=None,
        )
        self._server.channel_class = PatientChannel
        self.host, self.port = listening.getsockname()[:2]
        self._loop_thread: threading.Thread | None = None
        self._finished = threading.Event()

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def run(self) -> None:
        """Serve in this thread until `close` is called, or until interrupted."""
        self._loop_thread = threading.current_thread()
        try:
            self._server.asyncore.loop(timeout=1, map=self._map)
        finally:
            self._release()
            self._finished.set()

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._loop_thread = threading.Thread(target=self.run, name=f"web-{self.port}", daemon=True)
        self._loop_thread.start()

    def close(self) -> None:
        """Finish the requests at hand and give the port back; more than once does no harm."""
        if self._loop_thread is None:
            self._release()
        elif not self._finished.is_set():
            self._server.trigger.pull_trigger(self._release)  # runs inside the loop, which an empty map ends
            if self._loop_thread is not threading.current_thread():
                self._finished.wait(timeout=10)

    def _release(self) -> None:
        self._server.task_dispatcher.shutdown(timeout=5)
        for channel in list(self._map.values()):
            channel.close()
        self._map.clear()


def serve(
    app: Flask, config: ServerConfig, *, host: str | None = None, port: int | None = None, threads: int = THREADS
) -> Server:
    """Bind `app` to the configured address, or to another one (port 0: any free one); `run` or `start` serve it.

    Raises `NewsletterError` when the address cannot be had, `ConfigError` for a proxy that is no address.
    """
    host, port = config.host if host is None else host, config.port if port is None else port
    application = _by_proxy(app, [_network(each) for each in config.trusted_proxies])
    return Server(application, _listen(host, port), threads)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise NewsletterError(
            f"The web pages cannot listen on {host}:{port}: {error.strerror or error}.",
            hint="Stop what is using it, or choose another port with --port (0 takes a free one).",
        ) from error
    return listening


def _network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise ConfigError(
            f"server.trusted_proxies: {text!r} is not an address or a network.", hint="Write 127.0.0.1 or 10.0.0.0/8."
        ) from error


def _by_proxy(app: _Wsgi, trusted: Sequence[_Network]) -> _Wsgi:
    believing: _Wsgi = proxy_headers_middleware(app, trusted_proxy="*", trusted_proxy_headers=_HEADERS)
    stripping: _Wsgi = proxy_headers_middleware(app, trusted_proxy=None)

    def choose(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        peer = ipaddress.ip_address(environ["REMOTE_ADDR"].partition("%")[0])
        is_trusted = any(peer in network for network in trusted)
        came = any(f"HTTP_{name.upper().replace('-', '_')}" in environ for name in _HEADERS)
        environ[PEER] = str(peer)
        environ[FORWARDED] = ("believed" if is_trusted else "ignored") if came else "none"
        return (believing if is_trusted else stripping)(environ, start_response)

    return choose
