"""Many connections that say nothing, or half of something, and the reader who comes then."""

from __future__ import annotations

import http.client
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from flask import Flask

from newsletter.config.model import ServerConfig
from newsletter.web.crowd import Room, files_allowed, network_of
from newsletter.web.serve import Server, serve
from newsletter.web.wire import Patience

HALF = b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nemail="
QUICK = Patience(head=0.3, idle=0.6, body=0.2, octets_a_second=1000, last=0.2)


@contextmanager
def served(
    proxies: tuple[str, ...] = (), patience: Patience | None = None, room: Room | None = None
) -> Iterator[Server]:
    app = Flask("crowded")
    app.add_url_rule("/", view_func=lambda: "here")
    server = serve(app, ServerConfig(trusted_proxies=proxies), port=0, patience=patience, room=room)
    server.start()
    try:
        yield server
    finally:
        server.close()


def seconds_for_a_page(server: Server) -> float:
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"here"
    finally:
        connection.close()
    return time.monotonic() - began


def opened(stack: ExitStack, server: Server, said: bytes = b"") -> socket.socket:
    line = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
    line.sendall(said)
    return line


def seconds_until_closed(line: socket.socket) -> float:
    began = time.monotonic()
    try:
        while line.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic() - began


@pytest.mark.parametrize("proxies", [(), ("127.0.0.1",)])
def test_a_thousand_idle_connections_of_one_address_keep_nobody_out(proxies: tuple[str, ...]) -> None:
    if files_allowed() < 4096:
        pytest.skip("this system allows too few open files")
    with served(proxies) as server, ExitStack() as stack:
        for said in (b"", HALF):
            for _number in range(500):
                opened(stack, server, said)
            assert seconds_for_a_page(server) < 1


def test_everybody_together_has_a_limit_and_the_newcomer_gets_in() -> None:
    with served(("127.0.0.1",), room=Room(in_all=20)) as server, ExitStack() as stack:
        lines = [opened(stack, server, HALF if number % 2 else b"") for number in range(40)]
        assert seconds_for_a_page(server) < 1
        assert seconds_until_closed(lines[0]) < 1


def test_limit_is_no_message_of_waitress(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), served(room=Room(in_all=5)) as server, ExitStack() as stack:
        for _number in range(20):
            opened(stack, server)
        seconds_for_a_page(server)
    assert "connection limit" not in caplog.text


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHo", HALF])
def test_who_does_not_go_on_is_cut_off(said: bytes) -> None:
    with served(patience=QUICK) as server, ExitStack() as stack:
        assert seconds_until_closed(opened(stack, server, said)) < 3


def test_dripping_does_not_prolong_the_time_for_a_head() -> None:
    with served(patience=QUICK) as server, ExitStack() as stack:
        line = opened(stack, server, b"GET / HTTP/1.1\r\n")
        with pytest.raises(OSError, match=r"reset|Broken pipe"):  # noqa: PT012 - whichever octet it is
            for _number in range(100):
                line.sendall(b"X: 1\r\n")
                time.sleep(0.05)


def test_who_was_refused_and_sends_on_is_cut_off() -> None:
    with served(patience=QUICK) as server, ExitStack() as stack:
        line = opened(stack, server, b"GET / HTTP/1.1\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 400 ")
        with pytest.raises(OSError, match=r"reset|Broken pipe"):  # noqa: PT012 - whichever octet it is
            for _number in range(100):
                line.sendall(b"x")
                time.sleep(0.05)


def test_addresses_of_one_ipv6_network_are_one() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1%eth0") != network_of("2001:db8:0:1::1")
    assert network_of("192.0.2.1") != network_of("192.0.2.2")
