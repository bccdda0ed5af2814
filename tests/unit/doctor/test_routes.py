"""Mail finds its way back: MX of every domain that must receive, and the name of our own address."""

from __future__ import annotations

from patients import by_id

from newsletter.doctor import routes

SENDER = "news.spine.org"
HOST = {("mx.spine.org", "A"): ["203.0.113.25"]}
RECEIVES = {(SENDER, "MX"): ["20 backup.spine.org", "10 mx.spine.org"], **HOST}
RETURN = '[feedback]\nreturn_path = "bounces.spine.org"'


def test_every_domain_that_must_receive_is_looked_at(case):
    zone = RECEIVES | {("bounces.spine.org", "MX"): ["10 mx.spine.org"]}
    found = by_id(routes.examine(case(zone, more=RETURN)))
    assert {id: found[id].level for id in ("dns.mx", "dns.mx_bounces")} == {"dns.mx": "ok", "dns.mx_bounces": "ok"}
    assert "goes to mx.spine.org" in found["dns.mx"].sentence


def test_bounce_domain_without_mx_is_printed_with_the_host_that_takes_our_mail(case):
    finding = by_id(routes.examine(case(RECEIVES, more=RETURN)))["dns.mx_bounces"]
    assert finding.level == "error"
    assert finding.record.zone_line == "bounces.spine.org. IN MX 10 mx.spine.org."


def test_domain_that_falls_back_on_its_own_host_is_a_warning(case):
    found = by_id(routes.examine(case({(SENDER, "A"): ["203.0.113.25"]})))
    assert found["dns.mx_bounces"].level == "warning"


def test_null_mx_is_an_error(case):
    for spelt in ("0 ", "0"):
        assert by_id(routes.examine(case({(SENDER, "MX"): [spelt]})))["dns.mx_bounces"].level == "error"


def test_mx_without_an_address_is_an_error(case):
    assert by_id(routes.examine(case({(SENDER, "MX"): ["10 gone.spine.org"]})))["dns.mx_bounces"].level == "error"


def test_silence_is_no_verdict(case):
    assert by_id(routes.examine(case({}, failing=[SENDER])))["dns.mx_bounces"].level == "warning"


def test_ptr_is_the_relays_duty(case):
    finding = by_id(routes.examine(case(RECEIVES)))["dns.ptr"]
    assert (finding.level, "smtp.relay.net" in finding.sentence) == ("skipped", True)


def test_own_address_has_a_name_that_leads_back(case):
    address, pointer = "203.0.113.25", "25.113.0.203.in-addr.arpa"
    own = '[smtp]\nhost = "127.0.0.1"\nport = 25\nsecurity = "none"'
    named = {(pointer, "PTR"): ["mx.spine.org"]}
    assert routes.pointer(case(named | HOST, relay=own), address).level == "ok"
    assert routes.pointer(case(named, relay=own), address).level == "error"
    assert routes.pointer(case({}, relay=own), address).level == "error"
    assert routes.pointer(case({}, failing=[pointer], relay=own), address).level == "warning"
