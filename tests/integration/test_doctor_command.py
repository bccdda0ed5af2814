"""`newsletter doctor` against real servers on this machine: a name server, a relay with TLS, pages behind a front."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from smtpd import Certificate, ScriptedServer, Stall, make_certificate

import nameserver
import pytest
from commands import Commands
from patients import by_id, patients, resolver, settings
from webfront import GOOD, front

from newsletter import config
from newsletter.clock import utc_now
from newsletter.config.model import ServerConfig
from newsletter.doctor import Case, pages, relay, returns
from newsletter.site import Site
from newsletter.web.app import create_app
from newsletter.web.serve import serve

CAPABILITIES = ("PIPELINING", "SIZE 26214400", "8BITMIME", "SMTPUTF8")


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    """For localhost and 127.0.0.1, trusted by whoever trusts what the system trusts."""
    made = make_certificate(tmp_path / "tls")
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    return made


@pytest.fixture
def site_file(site_folder: Path) -> Path:
    with Site(site_folder, *config.load(site_folder, {})) as site:
        site.fence.adopt(utc_now())
    return site_folder / "newsletter.toml"


@pytest.fixture
def newsletter(site_file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    return Commands(site_file.parent, monkeypatch, capfd)


# -- the whole command ------------------------------------------------------------------------------


def test_new_site_has_nothing_that_stands_in_the_way(newsletter: Commands) -> None:
    done = newsletter.ok("doctor")
    assert "mail goes to the sandbox" in done.out
    assert "are not looked up" in done.out
    assert not re.search(r"^  error", done.out, re.MULTILINE)


def test_loopback_relay_is_asked_nothing_of_the_network(newsletter: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "127.0.0.1", "PORT": "9", "SECURITY": "none"}.items():
        monkeypatch.setenv(f"NEWSLETTER_SMTP__{name}", value)
    findings = {each["id"]: each["level"] for each in newsletter.ok("doctor", "--json").json["findings"]}
    assert findings["dns.records"] == "skipped"
    assert findings["relay.session"] == "warning"


def test_configuration_that_cannot_be_read_is_a_finding_and_exits_3(newsletter: Commands, site_file: Path) -> None:
    site_file.write_text(site_file.read_text("utf-8") + "\n[smpt]\nhost = 'x'\n", "utf-8")
    done = newsletter("doctor", "--quick", "--json")
    assert (done.code, done.json["ok"]) == (3, False)
    (finding,) = done.json["findings"]
    assert finding["id"] == "configuration.readable"
    assert "smpt" in finding["sentence"]


@pytest.mark.sqlite
def test_quick_asks_nothing_of_the_network(newsletter: Commands, site_file: Path) -> None:
    site_file.write_text(settings(), "utf-8")
    with nameserver.serving({}) as server:
        done = newsletter("doctor", "--quick", "--json", "--resolver", f"127.0.0.1:{server.port}")
        assert server.asked == []
    assert done.code == 0
    assert {each["id"].partition(".")[0] for each in done.json["findings"]} == {"configuration", "keys", "database"}


def test_live_site_is_looked_over_from_dns_to_login(
    newsletter: Commands, site_file: Path, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is as it should be but two records, which are printed ready to paste."""
    monkeypatch.setenv("NEWSLETTER_SMTP__PASSWORD", "secret-of-the-relay")
    with (
        ScriptedServer(
            tls="starttls",
            certificate=certificate,
            credentials=("us", "secret-of-the-relay"),
            capabilities=CAPABILITIES,
        ) as server,
        nameserver.serving({"localhost": {"A": ["127.0.0.1"]}}) as names,
    ):
        relay = f'[smtp]\nhost = "127.0.0.1"\nport = {server.port}\nusername = "us"'
        more = '[dkim]\ndomain = "news.spine.org"'
        site_file.write_text(settings(base_url="https://localhost.spine.org:1", relay=relay, more=more), "utf-8")
        newsletter.ok("keys", "dkim")
        done = newsletter("doctor", "--resolver", f"127.0.0.1:{names.port}")
        found = {
            each["id"]: each
            for each in newsletter("doctor", "--json", "--resolver", f"127.0.0.1:{names.port}").json["findings"]
        }
    assert done.code == 3
    assert found["relay.login"]["sentence"] == "The relay has let us in."
    assert found["relay.encryption"]["level"] == found["relay.certificate"]["level"] == "ok"
    assert found["pages.reachable"]["level"] == "error"
    assert '_dmarc.news.spine.org. IN TXT ( "v=DMARC1; p=none" )' in done.out
    assert 'news.spine.org. IN TXT ( "v=spf1 a mx ~all" )' in done.out
    assert re.search(r'newsletter\._domainkey\.news\.spine\.org\. IN TXT \( "v=DKIM1; k=rsa; p=.+" ".+" \)', done.out)
    assert "secret-of-the-relay" not in done.out + done.err


# -- the relay --------------------------------------------------------------------------------------


@pytest.fixture
def case(site_file: Path) -> Iterator[type]:
    with patients(site_file.parent, utc_now) as patient:

        def make(**changes: str) -> Case:
            return patient(settings(**changes), resolver({}))

        yield make  # type: ignore[misc]


def smtp(port: int, **more: object) -> str:
    lines = {"host": "localhost", "port": port, "timeout": 2.0, **more}
    return "[smtp]\n" + "\n".join(f"{key} = {value!r}" for key, value in lines.items())


def test_relay_that_refuses_the_login_is_an_error(case, certificate: Certificate) -> None:
    with ScriptedServer(tls="tls", certificate=certificate, credentials=("us", "right")) as server:
        relayed = smtp(server.port, security="tls", username="us", password="wrong", ca_file=str(certificate.authority))
        finding = by_id(relay.examine(case(relay=relayed)))["relay.session"]
    assert finding.level == "error"
    assert "wrong" not in f"{finding}"


def test_certificate_for_another_name_is_an_error(case, tmp_path: Path) -> None:
    other = make_certificate(tmp_path / "other", "mail.spine.org")
    with ScriptedServer(tls="starttls", certificate=other) as server:
        relayed = smtp(server.port, ca_file=str(other.authority))
        finding = by_id(relay.examine(case(relay=relayed)))["relay.session"]
    assert (finding.level, "certificate" in finding.sentence) == ("error", True)


def test_relay_without_starttls_is_an_error(case) -> None:
    with ScriptedServer() as server:
        assert by_id(relay.examine(case(relay=smtp(server.port))))["relay.session"].level == "error"


def test_relay_that_never_answers_is_an_error_after_its_time(case) -> None:
    with ScriptedServer({"GREETING": Stall()}) as server:
        finding = by_id(relay.examine(case(relay=smtp(server.port, timeout=0.3))))["relay.session"]
    assert (finding.level, "0.3 seconds" in finding.sentence) == ("error", True)


def test_what_the_relay_lacks_and_says_is_told(case, certificate: Certificate) -> None:
    greeting = f"220 relay ESMTP Exim {format_datetime(datetime(2020, 1, 1, tzinfo=UTC))}"
    with ScriptedServer(
        {"GREETING": greeting},
        tls="starttls",
        certificate=certificate,
        credentials=("us", "x"),
        capabilities=("SIZE 100000",),
    ) as server:
        found = by_id(relay.examine(case(relay=smtp(server.port, ca_file=str(certificate.authority)))))
    assert {id: each.level.value for id, each in found.items()} == {
        "relay.session": "ok",
        "relay.encryption": "ok",
        "relay.certificate": "ok",
        "relay.login": "warning",
        "relay.size": "warning",
        "relay.pipelining": "warning",
        "relay.smtputf8": "ok",
        "clock.skew": "error",
    }


# -- the pages --------------------------------------------------------------------------------------


@pytest.fixture
def inside(site_file: Path) -> Iterator[int]:
    """The port of the pages, which believe a web server on this machine."""
    with Site(site_file.parent, *config.parse(settings(), site_file.parent, {})) as site:
        server = serve(create_app(site), ServerConfig(trusted_proxies=("127.0.0.1",)), port=0)
        server.start()
        yield server.port
        server.close()


def looked_at(case, port: int, scheme: str = "https"):
    # A public name is wanted for the strictest look; `localhost.localdomain.` would be loopback by its name.
    return by_id(pages.examine(case(base_url=f"{scheme}://localhost:{port}")))


def test_pages_behind_a_well_set_front_are_in_order(case, certificate: Certificate, inside: int) -> None:
    with front(certificate, inside, headers=GOOD | {"X-Forwarded-For": "9.9.9.9"}) as port:
        found = looked_at(case, port)
    assert {id: each.level.value for id, each in found.items()} == {
        "pages.reachable": "ok",
        "pages.proxy": "ok",
        "pages.certificate": "ok",
        "pages.one_click": "ok",
    }


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({"X-Forwarded-For": None}, "X-Forwarded-Proto"),
        ({"X-Forwarded-Proto": "https"}, "choose their address"),
    ],
)
def test_front_that_hides_or_passes_on_who_asks_is_an_error(case, certificate, inside, headers, word) -> None:
    with front(certificate, inside, headers=headers) as port:
        finding = looked_at(case, port)["pages.proxy"]
    assert (finding.level, word in finding.sentence + finding.remedy) == ("error", True)


def test_front_that_is_not_trusted_is_named_with_the_line_to_write(case, certificate, site_file: Path) -> None:
    with Site(site_file.parent, *config.parse(settings(), site_file.parent, {})) as site:
        server = serve(create_app(site), ServerConfig(), port=0)
        server.start()
        with front(certificate, server.port) as port:
            finding = looked_at(case, port)["pages.proxy"]
        server.close()
    assert (finding.level, 'trusted_proxies = ["127.0.0.1"]' in finding.remedy) == ("error", True)


def test_private_address_of_a_visitor_is_a_doubt(case, certificate, inside: int) -> None:
    with front(certificate, inside, headers=GOOD | {"X-Forwarded-For": "10.0.0.5"}) as port:
        assert looked_at(case, port)["pages.proxy"].level == "warning"


def test_redirect_and_cookie_are_what_one_click_cannot_bear(case, certificate, inside: int) -> None:
    with front(certificate, inside, redirect="https://www.spine.org/") as port:
        assert looked_at(case, port)["pages.redirect"].level == "error"
    with front(certificate, inside, answer={"Set-Cookie": "visitor=1"}) as port:
        assert looked_at(case, port)["pages.one_click"].level == "error"


def test_front_without_pages_behind_it_is_told(case, certificate) -> None:
    with front(certificate, 1) as port:
        finding = looked_at(case, port)["pages.reachable"]
    assert (finding.level, "502" in finding.sentence) == ("error", True)


def test_certificate_that_does_not_verify_is_an_error(case, certificate, inside: int, tmp_path: Path) -> None:
    stranger = make_certificate(tmp_path / "stranger")
    with front(stranger, inside) as port:
        finding = looked_at(case, port)["pages.reachable"]
    assert (finding.level, "certificate" in finding.sentence) == ("error", True)


def test_another_sites_pages_are_not_taken_for_ours(case, certificate, inside: int, site_file: Path) -> None:
    (site_file.parent / "var" / "keys.toml").unlink()
    from newsletter.tokens import KeyRing

    KeyRing.create(site_file.parent / "var" / "keys.toml", utc_now())
    with front(certificate, inside) as port:
        finding = looked_at(case, port)["pages.reachable"]
    assert (finding.level, "something else" in finding.sentence) == ("error", True)


def test_pages_of_a_trial_are_looked_at_where_they_are_served(case, inside: int) -> None:
    found = looked_at(case, inside, "http")
    assert {each.level.value for each in found.values()} == {"ok"}


def test_question_is_answered_to_ourselves_only(site_file: Path, inside: int) -> None:
    for token in ("x", "A" * 44):
        assert pages.ask(f"http://127.0.0.1:{inside}", "GET", f"/healthz/{token}").status == 404


# -- what comes back --------------------------------------------------------------------------------


def test_bounces_that_nobody_reads_are_told(case) -> None:
    assert by_id(returns.examine(case()))["returns.reading"].level == "warning"
    unnamed = case(more='[feedback]\nmailbox = "maildir:var/bounces"')
    assert by_id(returns.examine(unnamed))["returns.reading"].level == "warning"
    hook = case(more='[webhooks]\nses_topics = ["arn:aws:sns:eu-west-1:123456789012:bounces"]')
    assert by_id(returns.examine(hook))["returns.reading"].level == "ok"


def test_mailbox_of_bounces_is_opened_once(case, site_file: Path) -> None:
    read = case(more='[feedback]\nreturn_path = "bounces.spine.org"\nmailbox = "maildir:var/bounces"')
    assert by_id(returns.examine(read))["returns.mailbox"].level == "error"
    for name in ("new", "cur", "tmp"):
        (site_file.parent / "var" / "bounces" / name).mkdir(parents=True)
    assert {each.level.value for each in returns.examine(read)} == {"ok"}
