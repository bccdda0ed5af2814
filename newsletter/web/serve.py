"""Putting an application on a socket with waitress, so that a command or a test can start and stop it.

Believing `X-Forwarded-For` from anybody would let visitors write their own evidence, and believing it from
nobody would file every reader under the proxy; so the header counts only from the proxies named in
`server.trusted_proxies` (addresses or networks) and is removed otherwise.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from gettext import NullTranslations
from typing import Any

from flask import Flask
from waitress.adjustments import Adjustments
from waitress.proxy_headers import proxy_headers_middleware
from waitress.task import ThreadedTaskDispatcher

from newsletter.config.model import ServerConfig
from newsletter.errors import ConfigError, NewsletterError
from newsletter.rendering.environment import words
from newsletter.web.crowd import Crowd, Room
from newsletter.web.door import EXTENSION
from newsletter.web.wire import Patience, plain_page

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

    def __init__(self, crowd: Crowd, clients: dict[int, Any], listening: socket.socket) -> None:
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        self._map = clients
        self._server = crowd
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
            self._server.asyncore.loop(timeout=1, use_poll=True, map=self._map)
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
    app: Flask,
    config: ServerConfig,
    *,
    host: str | None = None,
    port: int | None = None,
    threads: int = THREADS,
    patience: Patience | None = None,
    room: Room | None = None,
) -> Server:
    """Bind `app` to the configured address, or to another one (port 0: any free one); `run` or `start` serve it.

    Raises `NewsletterError` when the address cannot be had, `ConfigError` for a proxy that is no address.
    """
    host, port = config.host if host is None else host, config.port if port is None else port
    trusted = [_network(each) for each in config.trusted_proxies]
    listening = _listen(host, port)
    clients: dict[int, Any] = {}
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.set_thread_count(threads)
    crowd = Crowd(
        _by_proxy(app, trusted),
        clients,
        _sock=listening,
        dispatcher=dispatcher,
        adj=Adjustments(
            sockets=[listening],
            max_request_body_size=MAX_BODY,
            inbuf_overflow=64 * 1024,  # the rest of a large body waits in a file, not in memory
            max_request_header_size=32 * 1024,
            connection_limit=sys.maxsize,  # ours is kept by making room
            cleanup_interval=1,
            clear_untrusted_proxy_headers=False,  # `_by_proxy` has done it
            ident=None,
        ),
        sockinfo=(listening.family, listening.type, listening.proto, listening.getsockname()),
        bind_socket=False,
    )
    crowd.is_proxy = lambda address: _is_among(address, trusted)
    crowd.refusals = _refusals(app)
    crowd.patience, crowd.room = patience or Patience(), room or Room()
    return Server(crowd, clients, listening)


def _refusals(app: Flask) -> Callable[[int], bytes]:
    """Pages in the Site's language for what never becomes a request, by status."""
    pages = app.extensions.get(EXTENSION)
    catalogue = words(pages.site.environment) if pages else NullTranslations()
    language = pages.site.config.language if pages else "en"

    def page(title: str, sentence: str) -> bytes:
        return plain_page(language, catalogue.gettext(title), catalogue.gettext(sentence))

    unclear = page("That did not work", "What was sent cannot be understood; nothing was changed.")
    too_much = page(
        "That was too much", "What was sent is larger than any of our forms. Please shorten it and try again."
    )
    ours = page(
        "That was our mistake", "Something went wrong on our side, and it has been noted. Please try again later."
    )
    special = {413: too_much, 431: too_much, 500: ours}
    return lambda status: special.get(status, unclear)


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


def _is_among(address: str, networks: Sequence[_Network]) -> bool:
    peer = ipaddress.ip_address(address.partition("%")[0])
    return any(peer in network for network in networks)


def _by_proxy(app: _Wsgi, trusted: Sequence[_Network]) -> _Wsgi:
    believing: _Wsgi = proxy_headers_middleware(app, trusted_proxy="*", trusted_proxy_headers=_HEADERS)
    stripping: _Wsgi = proxy_headers_middleware(app, trusted_proxy=None)

    def choose(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        peer = environ["REMOTE_ADDR"].partition("%")[0]
        is_trusted = _is_among(peer, trusted)
        came = any(f"HTTP_{name.upper().replace('-', '_')}" in environ for name in _HEADERS)
        environ[PEER] = str(ipaddress.ip_address(peer))
        environ[FORWARDED] = ("believed" if is_trusted else "ignored") if came else "none"
        return (believing if is_trusted else stripping)(environ, start_response)

    return choose
