"""The fetcher goes to public addresses only, the ones it judged, and gives up on what never ends."""

import contextlib
import gzip
import socket
import socketserver
import threading
import time
import zlib

import pytest

from newsletter.content.fetch import PICTURES, USER_AGENT, FetchError, fetch, is_public

PAGE = b"<html><p>Hello</p></html>"


def answer(body=PAGE, *, status="200 OK", kind="text/html; charset=utf-8", **headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@contextlib.contextmanager
def serving(respond):
    """A server on loopback; `respond(request, send)` gets the request's bytes and a way to answer."""
    seen = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            request = b""
            while b"\r\n\r\n" not in request:
                piece = self.request.recv(4096)
                if not piece:
                    return
                request += piece
            seen.append(request)
            with contextlib.suppress(OSError):
                respond(request, self.request.sendall)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()
            thread.join()


def local(url, **options):
    return fetch(url, allow_loopback=True, **options)


# -- addresses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.5", "224.0.0.1", "239.1.1.1", "240.0.0.1"),
        *("255.255.255.255", "192.88.99.1"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1", "100::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::7f00:1"),
        *("64:ff9b:1::1", "2002:7f00:1::1", "2002:808:808::1", "2001::1", "not an address", ""),
    ],
)
def test_addresses_that_are_not_public_are_refused(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_public_addresses_are_allowed(address):
    assert is_public(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "0.0.0.0", "fc00::1"])
def test_allowing_loopback_allows_nothing_else(address):
    assert is_public("127.0.0.1", allow_loopback=True)
    assert is_public("::1", allow_loopback=True)
    assert not is_public(address, allow_loopback=True)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "file:///etc/passwd",
            "ftp://example.org/",
            "gopher://example.org/",
            "javascript:alert(1)",
            "//example.org/",
            "example.org",
        ),
        *(
            "http://",
            "http:///x",
            "http://user:word@example.org/",
            "http://user@example.org/",
            "http://[::1",
            "http://a b/",
        ),
        *(
            "http://example.org/\r\nHost: other",
            "http://example.org:99999/",
            "http://exa%6dple.org/",
            "http://" + "a" * 70 + ".org/",
        ),
    ],
)
def test_what_is_no_plain_web_address_is_refused_before_anything_is_resolved(url):
    def resolve(_host, _port):
        raise AssertionError("was resolved")

    with pytest.raises(FetchError, match="not a web address"):
        fetch(url, resolve=resolve)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433", "127.1", "[::ffff:127.0.0.1]"]
)
def test_every_spelling_of_this_machine_is_refused(host):
    with serving(lambda _request, send: send(answer())) as (url, seen):
        port = url.rpartition(":")[2]
        with pytest.raises(FetchError, match=r"not on the public internet|has no address"):
            fetch(f"http://{host}:{port}/")
        assert seen == []


def test_one_private_address_among_public_ones_is_enough_to_refuse():
    with pytest.raises(FetchError, match=r"10\.0\.0\.7"):
        fetch("http://example.org/", resolve=lambda _host, _port: ["8.8.8.8", "10.0.0.7"])


def test_a_name_is_resolved_once_and_the_connection_goes_to_that_address():
    """DNS rebinding: the second answer would be another address, and is never asked for."""
    asked = []

    def resolve(host, _port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.99"]

    with serving(lambda _request, send: send(answer())) as (url, seen):
        done = local(url.replace("127.0.0.1", "rebinding.example.org"), resolve=resolve)
    assert done.body == PAGE
    assert asked == ["rebinding.example.org"]
    assert b"\r\nHost: rebinding.example.org:" in seen[0]


def test_a_redirect_is_resolved_and_judged_again():
    asked = []

    def resolve(host, _port):
        asked.append(host)
        return ["127.0.0.1"] if host == "first.example.org" else ["169.254.169.254"]

    def respond(_request, send):
        send(answer(b"", status="302 Found", Location="http://second.example.org/latest/meta-data/"))

    with serving(respond) as (url, seen), pytest.raises(FetchError, match=r"169\.254\.169\.254"):
        local(url.replace("127.0.0.1", "first.example.org"), resolve=resolve)
    assert asked == ["first.example.org", "second.example.org"]
    assert len(seen) == 1


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "gopher://127.0.0.1/", "http://user:word@127.0.0.1/", "http://[half"]
)
def test_a_redirect_to_what_is_no_web_address_is_refused(location):
    with (
        serving(lambda _request, send: send(answer(b"", status="301 Moved", Location=location))) as (url, _seen),
        pytest.raises(FetchError, match="not a web address"),
    ):
        local(url)


def test_a_resolver_that_never_answers_runs_into_the_time_limit():
    release = threading.Event()
    try:
        with pytest.raises(FetchError, match=r"within 0\.2 seconds"):
            fetch("http://example.org/", seconds=0.2, resolve=lambda _host, _port: release.wait(10) and [])
    finally:
        release.set()


def test_a_name_without_an_address_is_said():
    def resolve(_host, _port):
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(FetchError, match="has no address"):
        fetch("http://example.org/", resolve=resolve)


# -- answers -----------------------------------------------------------------------------------------


def test_a_page_is_fetched_with_an_honest_name_and_without_cookies():
    with serving(lambda _request, send: send(answer(Set_Cookie="a=b"))) as (url, seen):
        first = local(f"{url}/a page?q=ü")
        local(url)
    assert (first.status, first.media_type, first.charset, first.body) == (200, "text/html", "utf-8", PAGE)
    assert seen[0].startswith(b"GET /a%20page?q=%C3%BC HTTP/1.1\r\n")
    assert f"\r\nUser-Agent: {USER_AGENT}\r\n".encode() in seen[0]
    assert all(b"cookie" not in request.lower() for request in seen)


def test_redirects_are_followed_five_times():
    def respond(request, send):
        number = int(request.split(b" ")[1].rpartition(b"/")[2])
        send(answer() if number == 0 else answer(b"", status="302 Found", Location=f"/{number - 1}"))

    with serving(respond) as (url, seen):
        assert local(f"{url}/5").url == f"{url}/0"
        assert len(seen) == 6
        with pytest.raises(FetchError, match="redirects too often"):
            local(f"{url}/6")


def test_an_error_status_is_an_answer_without_a_body():
    with serving(lambda _request, send: send(answer(b"gone", status="404 Not Found"))) as (url, _seen):
        done = local(url)
    assert (done.status, done.ok, done.body) == (404, False, b"")


def test_a_question_about_the_head_reads_no_body():
    with serving(lambda _request, send: send(answer(b"", kind="application/pdf"))) as (url, seen):
        assert local(url, method="HEAD").ok
    assert seen[0].startswith(b"HEAD / ")


def test_what_is_no_page_is_refused_by_its_media_type():
    with serving(lambda _request, send: send(answer(kind="application/zip"))) as (url, _seen):
        with pytest.raises(FetchError, match="application/zip"):
            local(url)
        with pytest.raises(FetchError, match="application/zip"):
            local(url, accept=PICTURES)
        assert local(url, accept=()).body == PAGE


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(PAGE)),
        ("deflate", zlib.compress(PAGE)),
        ("deflate", zlib.compress(PAGE)[2:-4]),
        ("identity", PAGE),
    ],
    ids=["gzip", "zlib", "bare deflate", "identity"],
)
def test_packed_answers_are_unpacked(encoding, packed):
    with serving(lambda _request, send: send(answer(packed, Content_Encoding=encoding))) as (url, _seen):
        assert local(url).body == PAGE


def test_chunks_are_put_together():
    def respond(_request, send):
        send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n")
        send(b"5\r\n<html\r\n" + b"14\r\n><p>Hello</p></html>\r\n0\r\n\r\n")

    with serving(respond) as (url, _seen):
        assert local(url).body == PAGE


# -- limits ------------------------------------------------------------------------------------------


def test_an_answer_that_is_too_large_is_given_up():
    with serving(lambda _request, send: send(answer(b"x" * 20_000))) as (url, _seen):
        with pytest.raises(FetchError, match="larger than"):
            local(url, max_bytes=10_000)
        assert len(local(url, max_bytes=20_000).body) == 20_000


def test_a_small_answer_that_unpacks_to_a_large_one_is_given_up():
    bomb = gzip.compress(b"\0" * 50_000_000, 9)
    assert len(bomb) < 60_000
    with (
        serving(lambda _request, send: send(answer(bomb, Content_Encoding="gzip"))) as (url, _seen),
        pytest.raises(FetchError, match="larger than"),
    ):
        local(url, max_bytes=1_000_000)


def drip(send, piece, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        send(piece)
        time.sleep(0.02)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


@pytest.mark.parametrize(
    "respond",
    [
        pytest.param(lambda _request, send: drip(send, b""), id="silence"),
        pytest.param(lambda _request, send: (send(HEAD + b"\r\n"), drip(send, b"x")), id="a byte at a time"),
        pytest.param(lambda _request, send: (send(HEAD), drip(send, b"X")), id="a header that never ends"),
        pytest.param(lambda _request, send: drip(send, b"HTTP/1.1 100 Continue\r\n\r\n"), id="continue for ever"),
        pytest.param(
            lambda _request, send: (send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n"), drip(send, b"1\r\nx\r\n")),
            id="chunks for ever",
        ),
    ],
)
def test_a_page_that_never_ends_runs_into_the_time_limit(respond):
    began = time.monotonic()
    with serving(respond) as (url, _seen), pytest.raises(FetchError, match="within"):
        local(url, seconds=0.4)
    assert time.monotonic() - began < 3


def test_a_page_that_never_ends_and_is_quick_runs_into_the_size_limit():
    def respond(_request, send):
        send(HEAD + b"\r\n")
        while True:
            send(b"x" * 65_536)

    with serving(respond) as (url, _seen), pytest.raises(FetchError, match="larger than"):
        local(url, max_bytes=300_000)


def test_redirects_share_one_time_limit():
    def respond(_request, send):
        time.sleep(0.15)
        send(answer(b"", status="302 Found", Location="/again"))

    with serving(respond) as (url, _seen), pytest.raises(FetchError, match="within"):
        local(url, seconds=0.4)


@pytest.mark.parametrize("garbage", [b"SSH-2.0-OpenSSH_9\r\n\r\n", b"", b"HTTP/1.1 abc\r\n\r\n"])
def test_what_does_not_speak_http_is_said(garbage):
    with (
        serving(lambda _request, send: send(garbage)) as (url, _seen),
        pytest.raises(FetchError, match="could not be reached"),
    ):
        local(url)


@pytest.mark.parametrize(("encoding", "said"), [("gzip", "damaged"), ("br", "br")])
def test_damaged_and_unknown_packing_is_said(encoding, said):
    with (
        serving(lambda _request, send: send(answer(b"nonsense", Content_Encoding=encoding))) as (url, _seen),
        pytest.raises(FetchError, match=said),
    ):
        local(url)
