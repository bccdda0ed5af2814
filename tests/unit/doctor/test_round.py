"""The round ends in time, whatever hangs or breaks, and tells what it could not look at."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import nameserver
import pytest
from patients import levels

from newsletter.doctor import Check, Names, State, examine
from newsletter.doctor.findings import ok
from newsletter.doctor.moments import near_expiry, skew, spoken
from newsletter.doctor.names import system
from newsletter.errors import ConfigError, StoreError

NOW = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)


def test_what_hangs_is_left_and_the_rest_is_told(case):
    forever = threading.Event()

    def hang(_case):
        forever.wait()
        yield

    def fail(_case):
        yield ok("database.schema", "Here.")
        raise StoreError("The disk is full.", hint="Make room.")

    checks = [Check("dns.spf", "SPF", hang), Check("database.fence", "database", fail)]
    said = []
    begun = time.monotonic()
    found = examine(case(), checks, seconds=0.3, said=said.append)
    assert time.monotonic() - begun < 3
    forever.set()
    assert [(each.id, each.level.value) for each in found] == [
        ("database.schema", "ok"),
        ("database.fence", "error"),
        ("dns.spf", "warning"),
    ]
    assert said == [1]


def test_silent_name_server_costs_a_limited_time():
    with nameserver.serving({"quiet.net": "silence"}) as server:
        names = Names(system(f"127.0.0.1:{server.port}"), each=0.3, together=0.5)
        begun = time.monotonic()
        states = [names.look_up("quiet.net", kind).state for kind in ("TXT", "MX", "A", "AAAA", "PTR")]
        assert states == [State.FAILED] * 5
        assert time.monotonic() - begun < 3


def test_answers_of_a_name_server_are_told_apart_and_remembered():
    long = "v=DKIM1; p=" + "A" * 400
    zone = {
        "a.net": {"TXT": [f'"{long[:255]}" "{long[255:]}"'], "MX": ["10 MX.a.net."], "A": ["192.0.2.1"]},
        "ill.net": "servfail",
    }
    with nameserver.serving(zone) as server:
        names = Names(system(f"127.0.0.1:{server.port}"))
        assert names.look_up("A.net.", "TXT").values == (long,)
        assert names.look_up("a.net", "TXT").values == (long,)
        assert names.look_up("a.net", "MX").values == ("10 mx.a.net",)
        assert names.look_up("a.net", "PTR").state is State.NOTHING
        assert names.look_up("b.net", "TXT").state is State.UNKNOWN
        assert names.look_up("ill.net", "TXT").state is State.FAILED
        assert names.addresses("a.net") == ("192.0.2.1",)
        assert names.addresses("[2001:db8::5]") == ("2001:db8::5",)
        assert server.asked.count(("a.net", "TXT")) == 1


@pytest.mark.parametrize("server", ["9.9.9.9", "127.0.0.1:5353", "[::1]:53", "2001:db8::1"])
def test_a_name_server_is_named_by_its_address(server):
    assert system(server)


@pytest.mark.parametrize("server", ["dns.example.org", "9.9.9.9:domain", "9.9.9", "[::1"])
def test_what_is_no_address_is_refused(server):
    with pytest.raises(ConfigError):
        system(server)


def test_clocks_that_differ_are_told():
    assert levels(skew(NOW, NOW + timedelta(seconds=60), "them")) == {"clock.skew": "ok"}
    assert levels(skew(NOW, NOW - timedelta(seconds=61), "them")) == {"clock.skew": "warning"}
    assert levels(skew(NOW, NOW + timedelta(hours=1), "them")) == {"clock.skew": "error"}


def test_moments_are_read_from_greetings_and_headers():
    assert spoken("220 mx.a.net ESMTP Exim 4.96 Tue, 15 Sep 2026 10:00:00 +0200") == NOW
    assert spoken("Tue, 15 Sep 2026 08:00:00 GMT") == NOW
    assert spoken("220 mx.a.net ESMTP Postfix") is None
    assert spoken("Tue, 99 Sep 2026 08:00:00 GMT") is None


def test_certificate_near_its_end_is_told():
    assert near_expiry("relay.certificate", "it", NOW + timedelta(days=30), NOW).level == "ok"
    assert near_expiry("relay.certificate", "it", NOW + timedelta(days=3), NOW).level == "warning"
