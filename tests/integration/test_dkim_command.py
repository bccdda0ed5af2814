"""`keys dkim` and `config check`: making a key, publishing it, and being told when it will not do."""

from __future__ import annotations

import os
import stat

import pytest
import signatures
from commands import Commands
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ISSUE = "001-why-your-back-hurts"


@pytest.fixture
def run(site_folder, monkeypatch, capfd):
    for name in list(os.environ):
        if name.startswith("NEWSLETTER_") and not name.startswith("NEWSLETTER_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    return Commands(site_folder, monkeypatch, capfd)


def signing(monkeypatch, domain="news.example.org", **more):
    monkeypatch.setenv("NEWSLETTER_DKIM__DOMAIN", domain)
    for key, value in more.items():
        monkeypatch.setenv(f"NEWSLETTER_DKIM__{key.upper()}", str(value))


def test_a_key_is_made_for_the_sender_and_its_record_printed(run):
    done = run.ok("keys", "dkim")
    path = run.folder / "var" / "dkim-newsletter.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "newsletter._domainkey.news.example.org. IN TXT (" in done.out
    assert 'domain = "news.example.org"\nselector = "newsletter"\nkey_file = "var/dkim-newsletter.pem"' in done.out


def test_asked_again_it_prints_the_same_record_and_makes_nothing(run):
    first = run.ok("keys", "dkim", "--json").json
    before = (run.folder / "var" / "dkim-newsletter.pem").read_bytes()
    again = run.ok("keys", "dkim", "--json").json
    assert (first["made"], again["made"]) == (True, False)
    assert again["record"] == first["record"]
    assert (run.folder / "var" / "dkim-newsletter.pem").read_bytes() == before
    assert max(map(len, first["record"]["strings"])) <= 255
    assert "".join(first["record"]["strings"]) == first["record"]["value"]


def test_another_selector_is_another_key(run):
    spring = run.ok("keys", "dkim", "--selector", "Spring27", "--domain", "Example.ORG", "--json").json
    assert spring["record"]["name"] == "spring27._domainkey.example.org"
    assert spring["file"].endswith("var/dkim-spring27.pem")
    assert run.ok("keys", "dkim", "--json").json["record"]["value"] != spring["record"]["value"]


@pytest.mark.parametrize(
    "words", [("--selector", "../x"), ("--selector", "a b"), ("--domain", "-"), ("--domain", "a..b")]
)
def test_names_that_dns_cannot_hold_are_refused(run, words):
    assert run("keys", "dkim", *words).code == 3
    assert not list(run.folder.glob("**/dkim*.pem"))


def test_the_key_need_not_be_named_when_it_is_where_it_was_made(run, monkeypatch):
    run.ok("keys", "dkim")
    signing(monkeypatch)
    done = run.ok("config", "check")
    assert "signed as news.example.org" in done.out
    assert "Warning" not in done.err


@pytest.mark.parametrize("command", [("config", "check"), ("check", ISSUE), ("test", ISSUE, "--to", "a@example.net")])
def test_a_missing_key_stops_what_makes_mail_and_names_the_remedy(run, monkeypatch, command):
    signing(monkeypatch)
    done = run(*command)
    assert done.code == 3
    assert "newsletter keys dkim" in done.err


def test_a_key_that_others_can_read_stops_what_makes_mail(run, monkeypatch):
    run.ok("keys", "dkim")
    (run.folder / "var" / "dkim-newsletter.pem").chmod(0o640)
    signing(monkeypatch)
    done = run("config", "check")
    assert done.code == 3
    assert "chmod 600" in done.err


def weak_key(path, bits):
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    path.chmod(0o600)
    return signatures.dns_record("news.example.org", "newsletter", key)


def test_a_short_key_works_but_is_warned_about(run, monkeypatch):
    weak_key(run.folder / "var" / "short.pem", 1024)
    signing(monkeypatch, key_file="var/short.pem")
    assert "1024 bits" in run.ok("config", "check").err


@pytest.mark.parametrize(
    ("domain", "warned"),
    [
        ("news.example.org", False),
        ("example.org", False),
        ("mail.news.example.org", False),
        ("example.net", True),
        ("ws.example.org", True),
        ("other.example.org", True),
    ],
)
def test_a_domain_that_is_not_the_senders_is_warned_about(run, monkeypatch, domain, warned):
    run.ok("keys", "dkim")
    signing(monkeypatch, domain)
    assert ("DMARC" in run.ok("config", "check").err) is warned


def test_a_key_without_a_domain_is_warned_about(run, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_DKIM__KEY_FILE", "var/dkim.pem")
    done = run.ok("config", "check", "--json")
    assert "not signed" in done.err
    assert done.json["signs_as"] is None
