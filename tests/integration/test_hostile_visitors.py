"""What strangers send to a real socket: each gets a plain page in their language with the right status, or none.

The numbers are those of the forty bad inputs that the project is measured by; here are those that enter by the web.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote_plus

import pytest
import websites
from websites import World, hidden_fields, visible

from newsletter.config.model import ServerConfig
from newsletter.store.schema import CampaignKind
from newsletter.tokens import Verp
from newsletter.transport.memory import MemoryTransport
from newsletter.web.serve import Server, serve

FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=x"
LANGUAGES = ("en", "de")

NOT_AN_ADDRESS = {
    "en": "not an e-mail address we can send to",
    "de": "An diese E-Mail-Adresse können wir nichts senden",
}
INVISIBLE = {"en": "a line break or an invisible character", "de": "einen Zeilenumbruch oder ein unsichtbares Zeichen"}
TOO_LONG = {"en": "longer than 254 characters", "de": "länger als 254 Zeichen"}
NEEDED = {"en": "An e-mail address is needed.", "de": "Bitte geben Sie eine E-Mail-Adresse an."}
ROLE = {"en": "belongs to a function", "de": "gehört zu einer Funktion"}
TOO_MUCH = {"en": "That was too much", "de": "Das war zu viel"}
NO_FORM = {"en": "That is not a form", "de": "Das ist kein Formular"}
NOT_UNDERSTOOD = {"en": "cannot be understood", "de": "Das hat nicht geklappt"}
NO_PAGE = {"en": "There is no such page", "de": "Diese Seite gibt es nicht"}
BROKEN_LINK = {"en": "This link is not complete", "de": "Dieser Link ist nicht vollständig"}
ONE_MORE = {"en": "One more click", "de": "Noch ein Klick"}


def part(name: bytes, value: bytes) -> bytes:
    """The body of a form in parts, with one part."""
    return b"--x\r\nContent-Disposition: form-data; " + name + b"\r\n\r\n" + value + b"\r\n--x--\r\n"


@dataclass(frozen=True)
class Answered:
    """What came back over the line."""

    status: int
    head: str
    page: str

    @property
    def language(self) -> str:
        """Content-Language."""
        found = re.search(r"(?im)^content-language: (\S+)", self.head)
        return found[1] if found else ""


@dataclass(frozen=True)
class Line:
    """The served pages of a world."""

    world: World
    server: Server

    def say(self, data: bytes) -> Answered:
        """Send octets as they are, and read until the other end has enough."""
        with socket.create_connection((self.server.host, self.server.port), timeout=10) as line:
            line.sendall(data)
            received = b""
            while chunk := line.recv(65536):
                received += chunk
        head, _, body = received.partition(b"\r\n\r\n")
        return Answered(int(head.split(b" ", 2)[1]), head.decode("latin-1"), visible(body.decode("utf-8")))

    def ask(
        self,
        path: str,
        body: bytes | None = None,
        *,
        language: str = "en",
        kind: str = FORM,
        method: str = "",
        more: bytes = b"",
    ) -> Answered:
        """One request on a line of its own."""
        method = method or ("GET" if body is None else "POST")
        head = [f"{method} {path} HTTP/1.1", f"Accept-Language: {language}", "Connection: close"]
        if body is not None:
            head += [f"Content-Length: {len(body)}", *([f"Content-Type: {kind}"] if kind else [])]
        host = b"" if b"\r\nHost:" in b"\r\n" + more else b"Host: news.example.org\r\n"
        return self.say("\r\n".join(head).encode("latin-1") + b"\r\n" + host + more + b"\r\n" + (body or b""))

    def sign_up(self, language: str = "en", **typed: str) -> Answered:
        """The form as a browser would send it, from one network after the other."""
        fields = {**hidden_fields(self.ask("/", language=language).page), **typed}
        self.world.clock.advance(timedelta(seconds=5))
        body = "&".join(f"{name}={quote_plus(value)}" for name, value in fields.items())
        return self.ask("/subscribe", body.encode(), language=language)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with served(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """One for all visitors who change nothing."""
    with served(tmp_path_factory.mktemp("still")) as found:
        found.world.sign_up("known@example.net")
        yield found


@contextmanager
def served(folder: Path) -> Iterator[Line]:
    """A Site of two languages behind a socket."""
    more = (
        "[archive]\nreplies = true\n[signups]\nattack = 1000000\n[feedback]\nreturn_path = 'bounces@news.example.org'"
    )
    with websites.world(folder, top='languages = ["en", "de"]', more=more) as world:
        server = serve(world.app, ServerConfig(), port=0)
        server.start()
        try:
            yield Line(world, server)
        finally:
            server.close()


# -- addresses (1-5, 8-10) ---------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("用户@例子.公司", NOT_AN_ADDRESS),  # 2: would need SMTPUTF8 all the way
        ('"a b"@example.org', NOT_AN_ADDRESS),  # 3
        ("ada@example.net\r\nBcc: eve@example.com", INVISIBLE),  # 4
        ("ada\x00@example.net", INVISIBLE),
        ("ada\x0b@example.net", INVISIBLE),
        ("ada\x85@example.net", INVISIBLE),
        ("ada@example.net\u2028x", INVISIBLE),
        ("a\u200bda@example.net", INVISIBLE),  # 5
        ("\u202eada@example.net", INVISIBLE),
        ("a\u00adda@example.net", INVISIBLE),
        ("a" * 65 + "@example.net", NOT_AN_ADDRESS),  # 8
        ("ada@" + "a." * 124 + "example.net", TOO_LONG),
        ("x" * 5000, TOO_LONG),
        ("a@example.net,b@example.org", NOT_AN_ADDRESS),  # 9
        ("<ada@example.net>", NOT_AN_ADDRESS),
        ("Ada <ada@example.net>", NOT_AN_ADDRESS),
        ("mailto:ada@example.net", NOT_AN_ADDRESS),
        ("ada@[127.0.0.1]", NOT_AN_ADDRESS),
        ("", NEEDED),
        ("mailer-daemon@example.net", ROLE),  # 10
        ("postmaster+x@example.net", ROLE),
        ("bounces@news.example.org", ROLE),
        ("ada@localhost", NOT_AN_ADDRESS),
        ("ada@example.invalid", NOT_AN_ADDRESS),
    ],
)
def test_address_that_cannot_be_mailed_gets_the_form_again(
    still: Line, typed: str, sentence: dict[str, str], language: str
) -> None:
    before = still.world.fingerprint()
    answer = still.ask("/subscribe", f"email={quote_plus(typed)}&name=Ada".encode(), language=language)
    assert (answer.status, answer.language) == (400, language)
    assert sentence[language] in answer.page
    assert 'value="Ada"' in answer.page
    assert still.world.fingerprint() == before


def test_address_that_bounces_come_back_to_is_ours(still: Line) -> None:
    ours = still.world.site.keys.verp(Verp(1, 2, 0))
    answer = still.ask("/subscribe", f"email={quote_plus(ours)}@news.example.org".encode())
    assert answer.status == 400
    assert ROLE["en"] in answer.page


def test_both_spellings_of_an_international_domain_are_one_reader(line: Line) -> None:
    for typed in ("Ada@müller.example", "ada@xn--mller-kva.example", " ada@MÜLLER.example\t"):
        assert line.sign_up(email=typed).status == 303
    (person,) = line.world.rows("subscribers")
    assert (person.email, person.email_key) == ("Ada@müller.example", "ada@xn--mller-kva.example")


def test_domain_that_looks_like_another_is_kept_as_what_it_is(line: Line) -> None:
    assert line.sign_up(email="ada@p\u0430ypal.example").status == 303
    assert line.world.rows("subscribers")[0].email_key == "ada@xn--pypal-4ve.example"


# -- names (4, 5, 17, 18) ----------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "name",
    [
        "<img src=x onerror=alert(1)>",
        "</a><script>alert(1)</script>",
        "javascript:alert(1)",
        "{{ ''.__class__.__mro__ }}",
        "{% for x in range(10**9) %}x{% endfor %}",
        "Ada\r\nBcc: eve@example.com",
        "Ada\x00\x0b\x85\u2028\u202eBcc: eve@example.com",
    ],
)
def test_hostile_name_is_only_a_name_on_every_page_and_in_every_mail(line: Line, name: str, language: str) -> None:
    again = line.ask("/subscribe", f"email=ada@example.net&name={quote_plus(name)}".encode(), language=language)
    assert (again.status, again.language) == (200, language)
    raw = line.ask("/subscribe", f"email=ada@&name={quote_plus(name)}".encode(), language=language)
    assert raw.status == 400
    assert line.sign_up(email="ada@example.net", name=name, language=language).status == 303
    transport = MemoryTransport()
    line.world.site.fence.adopt(line.world.clock())
    line.world.site.sender(transport=transport).drain()
    (envelope,) = transport.messages
    assert envelope.recipient == "ada@example.net"
    head = b"\n" + envelope.message.partition(b"\r\n\r\n")[0]
    assert head.lower().count(b"\nto:") == 1
    assert b"\nbcc" not in envelope.message.lower()
    assert b"eve@example.com" not in envelope.message


@pytest.mark.parametrize("path", ["/", "/lists/%3Cscript%3E", "/confirm/%3Cscript%3E", "/u/%22%3E%3Cscript%3E"])
def test_page_prints_no_part_of_its_address_or_host(still: Line, path: str) -> None:
    answer = still.ask(path, more=b'Host: "><script>alert(1)</script>\r\n')
    assert "<script" not in answer.page


# -- sizes, kinds and encodings (8) ------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["/subscribe", "/u/forged", "/confirm/forged", "/nothing"])
@pytest.mark.parametrize("size", [9_000, 10_000_000])
def test_body_that_is_too_large_is_read_to_its_end_and_answered(
    still: Line, path: str, size: int, language: str
) -> None:
    answer = still.ask(path, b"email=" + b"x" * size, language=language)
    assert (answer.status, answer.language) == (413, language)
    assert TOO_MUCH[language] in answer.page


def test_api_says_so_in_its_own_way(still: Line) -> None:
    answer = still.ask("/api/v1/subscribers", b"x" * 10_000_000, kind="application/json")
    assert answer.status == 413
    assert "application/problem+json" in answer.head


def test_gigabyte_is_refused_unread(still: Line) -> None:
    answer = still.say(b"POST /u/forged HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\nList-Unsub")
    assert answer.status == 413


def test_next_request_on_the_line_is_read_where_the_body_ended(still: Line) -> None:
    large = b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + b"GET /evil " * 200_000
    answer = still.say(large + b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.status == 413
    assert answer.page.count("HTTP/1.1 ") == 1
    assert answer.page.endswith("ok\n")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/xml", "text/html; charset=utf-7", ""])
def test_what_is_no_form_is_told_so(still: Line, kind: str, language: str) -> None:
    answer = still.ask("/subscribe", b'{"email": "ada@example.net"}', kind=kind, language=language)
    assert (answer.status, answer.language) == (415, language)
    assert NO_FORM[language] in answer.page


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "body",
    [
        b"email=a%ff%fe@example.net",
        b"email=ada@example.net&name=J%FCrgen",
        b"email=ada@example.net&name=%ed%a0%80",  # a surrogate
        b"email=ada@example.net&name=%c0%80",  # NUL, spelt too long
        b"\xff\xfe" + "email=ada@example.net".encode("utf-16-le"),
    ],
)
def test_octets_that_are_no_utf8_are_refused(still: Line, body: bytes, language: str) -> None:
    before = still.world.fingerprint()
    answer = still.ask("/subscribe", body, language=language)
    assert (answer.status, answer.language) == (400, language)
    assert NOT_UNDERSTOOD[language] in answer.page
    assert still.world.fingerprint() == before


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("email=ada@example.net".encode("utf-16-le"), FORM),
        ("email=ada@example.net".encode("utf-16-be"), f"{FORM}; charset=utf-16be"),
        (b"email=ada+AEA-example.net", f"{FORM}; charset=utf-7"),
        (b"no parts at all", "multipart/form-data"),
        (part(b"name=email; filename=a", b"ada@example.net"), PARTS),
        (part(b"name=email\r\nContent-Type: a; charset=no", b"q"), PARTS),
        (b"a=1&" * 2000, FORM),
        (b"&" * 8000, FORM),
    ],
)
def test_form_without_a_usable_address_is_shown_again(still: Line, body: bytes, kind: str, language: str) -> None:
    before = still.world.fingerprint()
    answer = still.ask("/subscribe", body, kind=kind, language=language)
    assert (answer.status, answer.language) == (400, language)
    assert 'role="alert"' in answer.page
    assert still.world.fingerprint() == before


@pytest.mark.parametrize("kind", [f"{FORM}; charset=utf-16", f"{FORM}; charset=nonsense", f"{FORM}; charset=utf-7"])
def test_name_of_another_encoding_changes_nothing_about_utf8(still: Line, kind: str) -> None:
    answer = still.ask("/subscribe", b"email=ada%2Btag@example.net", kind=kind)
    assert answer.status == 200
    assert "ada+tag@example.net" in answer.page


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Nothing: a\x00b\r\n\r\n",
        b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /subscribe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        b"GET /lists/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: 1\nEvil: 2\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_before_it_is_a_visitor(still: Line, data: bytes) -> None:
    before = still.world.fingerprint()
    assert still.say(data).status == 400
    assert still.world.fingerprint() == before


SECOND = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\nContent-Length: 0\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 400_000 + b"\r\n\r\n", 431),
        (
            b"POST /subscribe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            + (b"10000\r\n" + b"x" * 0x10000 + b"\r\n") * 80
            + b"0\r\n\r\n",
            413,
        ),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 500_000, 400),
    ],
)
def test_framing_that_is_refused_gets_one_plain_page_and_the_line_ends(still: Line, data: bytes, status: int) -> None:
    answer = still.say(data + SECOND)
    assert answer.status == status
    assert "HTTP/1.1 200" not in answer.page
    assert "connection: close" in answer.head.lower()
    assert (TOO_MUCH if status in {413, 431} else {"en": "That did not work"})["en"] in answer.page
    assert "generated by" not in answer.page


def test_http_1_0_needs_no_host(still: Line) -> None:
    assert still.say(b"GET /healthz HTTP/1.0\r\n\r\n").status == 200


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "path", ["/lists/%ff%fe", "/static/../../etc/passwd", "/lists/%00", "//evil.example/", "/" + "a" * 20_000]
)
def test_path_that_leads_nowhere_is_not_found(still: Line, path: str, language: str) -> None:
    answer = still.ask(path, language=language)
    assert (answer.status, answer.language) == (404, language)
    assert NO_PAGE[language] in answer.page
    assert "evil" not in answer.head


@pytest.mark.parametrize("more", [b"Accept-Language: ;;q=zz," + b"a-" * 4000, b"Range: bytes=zz", b"Cookie: ;;;="])
def test_header_that_makes_no_sense_makes_no_difference(still: Line, more: bytes) -> None:
    assert still.ask("/", more=more + b"\r\n").status == 200


# -- headers behind nobody's proxy -------------------------------------------------------------------


TRICKS = (
    b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\n"
    b"X-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /evil\r\nX-Real-IP: 203.0.113.9\r\n"
    b'Forwarded: for="203.0.113.9";host=evil.example;proto=https\r\nX-Original-URL: /evil\r\n'
    b"X-HTTP-Method-Override: DELETE\r\n"
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("host", [b"evil.example", b"evil.example:99999", b"[::1", b"a b", b"m\xfcller.example", b""])
def test_forwarding_headers_and_hosts_of_strangers_count_for_nothing(line: Line, host: bytes, language: str) -> None:
    hidden = hidden_fields(line.ask("/", language=language).page)
    line.world.clock.advance(timedelta(seconds=5))
    body = "&".join(f"{name}={quote_plus(value)}" for name, value in hidden.items()) + "&email=ada%40example.net"
    answer = line.ask("/subscribe", body.encode(), language=language, more=TRICKS + b"Host: " + host + b"\r\n")
    assert answer.status == 303
    assert re.search(r"(?im)^location: (\S+)\r?$", answer.head)[1].startswith("/check-inbox")  # type: ignore[index]
    assert "evil" not in answer.head
    (record,) = line.world.rows("consent_records")
    assert record.personal["network"] == "127.0.0.0/24"
    transport = MemoryTransport()
    line.world.site.fence.adopt(line.world.clock())
    line.world.site.sender(transport=transport).drain()
    (envelope,) = transport.messages
    assert b"evil" not in envelope.message
    assert b"https://news.example.org/confirm/" in envelope.message.replace(b"=\r\n", b"")


@pytest.mark.parametrize(
    "target",
    ["http://evil.example", "http://evil.example/", "http://evil.example:1/lists/clinic-notes", "https://[::1]/"],
)
def test_whole_address_as_request_target_is_only_a_path(still: Line, target: str) -> None:
    answer = still.ask(target)
    assert answer.status == 200
    assert "evil" not in answer.page
    assert "evil" not in answer.head


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "origin", [b"http://[::1", b"null", b"javascript:alert(1)", b"http://\xff", b"https://evil.example"]
)
def test_origin_is_a_hint_and_never_a_surprise(line: Line, origin: bytes, language: str) -> None:
    header = b"Origin: " + origin + b"\r\n"
    answer = line.ask("/subscribe", b"email=ada%40example.net", language=language, more=header)
    assert (answer.status, answer.language) == (200, language)
    assert ONE_MORE[language] in answer.page
    path = line.world.sign_up("bea@example.net")
    before = line.world.fingerprint()
    confirmed = line.ask(path, b"", language=language, more=header)
    assert confirmed.status == (200 if origin == b"null" else 403)
    assert (line.world.fingerprint() == before) == (origin != b"null")


# -- links (33-35) -----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("door", ["confirm", "not-me", "u", "preferences", "new-address"])
def test_broken_link_leads_nowhere_and_says_what_mail_programs_do(still: Line, door: str, language: str) -> None:
    token = still.world.confirm_path("known@example.net").rpartition("/")[2]
    before = still.world.fingerprint()
    broken = (token[:-3], token.swapcase(), f"{token[:20]}=20{token[20:]}", f"{token}%0d%0a", "x" * 4000, f"{token}=")
    for each in broken:
        answers = [still.ask(f"/{door}/{each}", body, language=language) for body in (None, b"")]
        for answer in answers:
            assert (answer.status, answer.language) == (404, language), each
            assert BROKEN_LINK[language] in answer.page
    assert still.world.fingerprint() == before


@pytest.mark.parametrize("language", LANGUAGES)
def test_link_used_twice_is_friendly_and_one_that_ran_out_leads_on(line: Line, language: str) -> None:
    path = line.world.sign_up("ada@example.net")
    other = line.world.sign_up("bea@example.net", f"/?lang={language}")
    first, again = (line.ask(path, b"", language=language) for _ in range(2))
    assert (first.status, again.status) == (200, 200)
    line.world.clock.advance(timedelta(days=8))
    late = line.ask(other, b"", language=language)
    assert (late.status, late.language) == (410, language)
    assert 'href="/lists/steady-spine' in late.page


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"List-Unsubscribe=One-Click", FORM, 200),
        (
            b"--x\r\nContent-Disposition: form-data; name=List-Unsubscribe\r\n\r\nOne-Click\r\n--x--",
            "multipart/form-data; boundary=x",
            200,
        ),
        (b"", "", 200),
        (b"x" * 10_000_000, FORM, 413),
    ],
)
def test_one_click_needs_no_cookie_and_any_body_will_do(line: Line, body: bytes, kind: str, status: int) -> None:
    line.world.subscribe("ada@example.net")
    answer = line.ask(line.world.leave_path("ada@example.net"), body, kind=kind, more=TRICKS)
    assert answer.status == status
    assert (line.world.status("ada@example.net") == "unsubscribed") == (status == 200)
    assert "set-cookie" not in answer.head.lower()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND"])
def test_scanner_changes_nothing_whatever_it_asks(line: Line, method: str) -> None:
    line.world.subscribe("ada@example.net")
    paths = [line.world.sign_up("bea@example.net"), line.world.not_me_path("bea@example.net")]
    paths.append(line.world.leave_path("ada@example.net"))
    before = line.world.fingerprint()
    for path in paths:
        assert line.ask(path, method=method, more=b"Purpose: prefetch\r\nSec-Purpose: prefetch\r\n").status in {
            200,
            405,
        }
    assert line.world.fingerprint() == before


# -- bots (36) ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_filled_trap_is_asked_for_one_more_click_and_mails_nobody(line: Line, language: str) -> None:
    answer = line.sign_up(email="ada@example.net", contact_preference="phone", language=language)
    assert (answer.status, answer.language) == (200, language)
    assert ONE_MORE[language] in answer.page
    assert line.world.mails(CampaignKind.CONFIRM) == 0


def test_one_victim_on_every_list_gets_one_mail(line: Line) -> None:
    for slug in ("steady-spine", "clinic-notes"):
        assert line.sign_up(email="victim@example.net", list=slug).status == 303
    assert line.world.mails(CampaignKind.CONFIRM) == 1
