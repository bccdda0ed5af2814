"""A web server before the pages, as operators have it: TLS outside, plain HTTP inside, headers as a test wants them."""

from __future__ import annotations

import http.client
import http.server
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from smtpd import Certificate

Headers = Mapping[str, str | None]
"""Sent on to the pages; `None` takes what the visitor sent away."""

GOOD: Headers = {"X-Forwarded-For": "203.0.113.80", "X-Forwarded-Proto": "https"}


class _Front(http.server.BaseHTTPRequestHandler):
    inside: int
    headers_on: Headers
    answer_headers: Mapping[str, str]
    redirect: str

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        if self.redirect:
            self.send_response(301)
            self.send_header("Location", self.redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        kept = {name: value for name, value in self.headers.items() if name not in self.headers_on}
        kept |= {name: value for name, value in self.headers_on.items() if value is not None}
        connection = http.client.HTTPConnection("127.0.0.1", self.inside, timeout=5)
        try:
            connection.request(self.command, self.path, body, kept)
            answer = connection.getresponse()
            said = answer.read()
        except OSError:
            self.send_error(502)
            return
        finally:
            connection.close()
        self.send_response(answer.status)
        for name, value in {**dict(answer.getheaders()), **self.answer_headers}.items():
            if name not in {"Date", "Server", "Transfer-Encoding", "Content-Length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def front(
    certificate: Certificate,
    inside: int,
    *,
    headers: Headers = GOOD,
    answer: Mapping[str, str] | None = None,
    redirect: str = "",
) -> Iterator[int]:
    """Its port, until the block ends; `inside` is the port of the pages."""
    chosen = {"inside": inside, "headers_on": headers, "answer_headers": answer or {}, "redirect": redirect}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Front", (_Front,), chosen))
    server.daemon_threads = False
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
