"""The published DKIM key is held against ours."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from patients import by_id

from newsletter.doctor import signature
from newsletter.transport.dkim_keys import create_key, dns_record

NAME = "newsletter._domainkey.spine.org"


@pytest.fixture
def ours(site_folder) -> str:
    return dns_record("spine.org", "newsletter", create_key(site_folder / "var" / "dkim-newsletter.pem")).value


@pytest.fixture
def look(case, ours):
    def published(*values: str):
        zone = {(NAME, "TXT"): list(values)} if values else {}
        (finding,) = signature.examine(case(zone, more='[dkim]\ndomain = "spine.org"'))
        return finding

    return published


def test_our_own_key_is_in_order(look, ours):
    assert look(ours).level == "ok"
    assert look(ours.replace("; ", " ;  ")).level == "ok"
    assert look(ours.replace("v=DKIM1; k=rsa; ", "")).level == "ok"


def test_key_that_is_missing_is_printed_in_strings_that_fit(look, ours):
    finding = look()
    assert finding.level == "error"
    assert finding.record.zone_line.startswith(f'{NAME}. IN TXT ( "v=DKIM1; k=rsa; p=')
    pieces = finding.record.zone_line.split('"')[1::2]
    assert "".join(pieces) == ours
    assert max(map(len, pieces)) <= 255


def test_another_key_is_an_error(look, ours):
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert look(dns_record("spine.org", "newsletter", other).value).level == "error"


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda ours: ours[:255], "cut off"),
        (lambda ours: ours[:255] + '" "' + ours[255:], "Quotes"),
        (lambda ours: "v=DKIM1; p=", "revoked"),
        (lambda ours: ours.replace("k=rsa", "k=ed25519"), "k=ed25519"),
        (lambda ours: ours.replace("DKIM1", "DKIM2"), "version"),
        (lambda ours: ours + "; h=sha1", "sha256"),
        (lambda ours: ours + "; s=tlsrpt", "e-mail"),
    ],
)
def test_key_that_was_spoilt_on_its_way_is_told_apart(look, ours, spoil, word):
    finding = look(spoil(ours))
    assert (finding.level, word in finding.sentence) == ("error", True)


def test_blanks_inside_a_key_do_no_harm(look, ours):
    assert look(ours[:300] + "  " + ours[300:]).level == "ok"


def test_two_keys_are_one_too_many(look, ours):
    assert look(ours, ours + "; n=again").level == "error"


def test_key_on_trial_is_told(look, ours):
    assert look(ours + "; t=y:s").level == "warning"


def test_short_key_is_told(case, site_folder):
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    path = site_folder / "var" / "dkim-newsletter.pem"
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(pem)
    path.chmod(0o600)
    value = dns_record("spine.org", "newsletter", key).value
    assert len(base64.b64decode(value.partition("p=")[2])) < 200
    found = by_id(signature.examine(case({(NAME, "TXT"): [value]}, more='[dkim]\ndomain = "spine.org"')))
    assert found["dns.dkim"].level == "warning"


def test_mail_that_is_not_signed_here_is_the_relays_affair(case):
    (finding,) = signature.examine(case({}))
    assert finding.level == "skipped"
