"""The pages on a real socket: starting, stopping, limits, and whose X-Forwarded-For is believed."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import websites
from flask import Flask, request
from websites import World, hidden_fields

from newsletter.config.model import ServerConfig
from newsletter.errors import ConfigError, NewsletterError
from newsletter.web.app import MAX_FORM
from newsletter.web.serve import serve
from newsletter.web.wire import MOST_DISCARDED


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with websites.world(tmp_path) as found:
        yield found


def fetch(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def whoami() -> Flask:
    app = Flask("whoami")
    app.add_url_rule("/", view_func=lambda: f"{request.remote_addr} {request.scheme} {request.host}")
    return app


def test_free_port_serves_and_is_given_back(world: World) -> None:
    server = serve(world.app, ServerConfig(), port=0)
    server.start()
    assert server.url == f"http://127.0.0.1:{server.port}"
    answer, body = fetch(server.port, "GET", "/healthz")
    assert (answer.status, body) == (200, b"ok\n")
    assert answer.getheader("Server") is None
    server.close()
    server.close()
    with pytest.raises(ConnectionRefusedError):
        fetch(server.port, "GET", "/healthz")
    with socket.create_server(("127.0.0.1", server.port)):
        pass


def test_server_that_never_ran_gives_its_port_back(world: World) -> None:
    server = serve(world.app, ServerConfig(), port=0)
    server.close()
    with socket.create_server(("127.0.0.1", server.port)):
        pass


def test_running_in_a_thread_of_the_caller_ends_with_close(world: World) -> None:
    server = serve(world.app, ServerConfig(), port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    assert fetch(server.port, "GET", "/")[0].status == 200
    server.close()
    thread.join(5)
    assert not thread.is_alive()


def test_sign_up_over_the_wire(world: World) -> None:
    server = serve(world.app, ServerConfig(), port=0)
    server.start()
    try:
        _, page = fetch(server.port, "GET", "/")
        hidden = hidden_fields(page.decode())
        assert hidden["list"] == "steady-spine"
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer, body = fetch(server.port, "POST", "/subscribe", b"email=ada%40example.net", form)
        assert answer.status == 200
        assert b"One more click" in body
    finally:
        server.close()


@pytest.mark.parametrize("size", [MAX_FORM + 1, 100_000, 1024 * 1024, 10_000_000])
@pytest.mark.parametrize("path", ["/subscribe", "/u/forged", "/confirm/forged", "/nothing"])
def test_too_long_a_body_is_answered_by_a_page(world: World, path: str, size: int) -> None:
    server = serve(world.app, ServerConfig(), port=0)
    server.start()
    try:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer, body = fetch(server.port, "POST", path, b"x" * size, form)
        assert answer.status == 413
        assert b"masthead" in body
    finally:
        server.close()


def test_a_body_beyond_all_measure_is_refused_unread(world: World) -> None:
    server = serve(world.app, ServerConfig(), port=0)
    server.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
            client.sendall(b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (MOST_DISCARDED + 1))
            assert client.recv(4096).startswith(b"HTTP/1.1 413 ")
    finally:
        server.close()


@pytest.mark.parametrize(
    ("trusted", "seen"),
    [
        ((), "127.0.0.1 http"),
        (("192.0.2.1",), "127.0.0.1 http"),
        (("127.0.0.1",), "203.0.113.9 https"),
        (("192.0.2.1", "127.0.0.0/8"), "203.0.113.9 https"),
    ],
)
def test_forwarded_address_counts_only_from_a_trusted_proxy(trusted: tuple[str, ...], seen: str) -> None:
    server = serve(whoami(), ServerConfig(trusted_proxies=trusted), port=0)
    server.start()
    try:
        headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9", "X-Forwarded-Proto": "https", "Host": "news.example"}
        _, body = fetch(server.port, "GET", "/", headers=headers)
        assert body.decode() == f"{seen} news.example"
    finally:
        server.close()


def test_port_in_use_is_one_sentence(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NewsletterError, match=f"cannot listen on 127.0.0.1:{port}"):
            serve(world.app, ServerConfig(), port=port)


def test_proxy_that_is_no_address_is_refused(world: World) -> None:
    with pytest.raises(ConfigError, match="trusted_proxies"):
        serve(world.app, ServerConfig(trusted_proxies=("proxy.example",)), port=0)
