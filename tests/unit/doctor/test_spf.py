"""SPF: records are walked with their includes, and what receivers would trip over is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patients import by_id, levels, resolver

from newsletter.doctor import spf

DOMAIN = "news.spine.org"
RELAY = {("smtp.relay.net", "A"): ["198.51.100.7"]}


def zone(record: str, more: dict | None = None) -> dict:
    return {(DOMAIN, "TXT"): ["something=else", record], **RELAY, **(more or {})}


def look(case, record: str, more: dict | None = None, **changes):
    return by_id(spf.examine(case(zone(record, more), **changes)))


def test_record_that_covers_the_relay_is_in_order(case):
    found = look(case, "v=spf1 ip4:198.51.100.0/24 ~all")
    assert levels(list(found.values())) == {"dns.spf": "ok", "dns.spf_relay": "ok"}
    assert "0 of 10" in found["dns.spf"].sentence


def test_missing_record_is_printed_ready_to_publish(case):
    (finding,) = spf.examine(case({(DOMAIN, "TXT"): ["google-site-verification=x"]}))
    assert finding.level == "error"
    assert finding.record.zone_line == f'{DOMAIN}. IN TXT ( "v=spf1 a:smtp.relay.net ~all" )'


@pytest.mark.parametrize(
    ("host", "included"),
    [
        ("email-smtp.eu-west-1.amazonaws.com", "include:amazonses.com"),
        ("smtp.mailgun.org", "include:mailgun.org"),
        ("smtp.postmarkapp.com", "include:spf.mtasv.net"),
        ("203.0.113.9", "ip4:203.0.113.9"),
    ],
)
def test_record_names_what_a_well_known_relay_wants(case, host, included):
    (finding,) = spf.examine(case({}, relay=f'[smtp]\nhost = "{host}"'))
    assert finding.record.value == f"v=spf1 {included} ~all"


def test_two_records_become_one(case):
    more = {(DOMAIN, "TXT"): ["v=spf1 ip4:192.0.2.1 -all", "v=spf1 include:a.net ip4:192.0.2.1 ~all"]}
    (finding,) = spf.examine(case(more))
    assert (finding.level, finding.record.value) == ("error", "v=spf1 ip4:192.0.2.1 include:a.net ~all")


def test_lookups_are_counted_through_includes(case):
    more = {(f"i{n}.net", "TXT"): [f"v=spf1 include:i{n + 1}.net a:h.net -all"] for n in range(6)}
    more |= {("i6.net", "TXT"): ["v=spf1 ip4:198.51.100.7 -all"], ("h.net", "A"): ["192.0.2.9"]}
    assert "13 look-ups" in look(case, "v=spf1 include:i0.net ~all", more)["dns.spf"].sentence
    exactly_ten = "v=spf1 " + " ".join(["a:h.net"] * 10) + " ~all"
    assert look(case, exactly_ten, more)["dns.spf"].level == "ok"
    assert look(case, exactly_ten.replace("v=spf1", "v=spf1 ptr"), more)["dns.spf"].level == "error"


def test_redirect_counts_and_is_followed_only_without_all(case):
    more = {("r.net", "TXT"): ["v=spf1 ip4:198.51.100.7 -all"]}
    found = look(case, "v=spf1 redirect=r.net", more)
    assert (found["dns.spf"].level, "1 of 10" in found["dns.spf"].sentence) == ("ok", True)
    assert found["dns.spf_relay"].level == "ok"
    assert "0 of 10" in look(case, "v=spf1 redirect=r.net ~all", more)["dns.spf"].sentence


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 ip4:300.1.1.1 ~all",
        "v=spf1 ip6:198.51.100.7 ~all",
        "v=spf1 include: ~all",
        "v=spf1 inclde:a.net ~all",
        "v=spf1 include:gone.net ~all",
        "v=spf1 include:news.spine.org ~all",
        "v=spf1 ;; ~all",
    ],
)
def test_record_that_receivers_call_broken_is_an_error(case, record):
    assert look(case, record)["dns.spf"].level == "error"


def test_names_that_lead_nowhere_are_counted(case):
    assert look(case, "v=spf1 a:no1.net a:no2.net ~all")["dns.spf"].level == "ok"
    found = look(case, "v=spf1 a:no1.net a:no2.net mx:no3.net ~all")["dns.spf"]
    assert (found.level, found.sentence.startswith("3 names")) == ("error", True)


@pytest.mark.parametrize(
    ("record", "level", "mended"),
    [
        ("v=spf1 ip4:198.51.100.7 +all", "error", "v=spf1 ip4:198.51.100.7 ~all"),
        ("v=spf1 ip4:198.51.100.7 all", "error", "v=spf1 ip4:198.51.100.7 ~all"),
        ("v=spf1 ip4:198.51.100.7 ?all", "warning", "v=spf1 ip4:198.51.100.7 ~all"),
        ("v=spf1 ip4:198.51.100.7", "warning", "v=spf1 ip4:198.51.100.7 ~all"),
    ],
)
def test_record_that_leaves_the_door_open_is_printed_closed(case, record, level, mended):
    finding = look(case, record)["dns.spf_all"]
    assert (finding.level, finding.record.value) == (level, mended)


def test_relay_that_is_not_covered_is_a_doubt_with_the_record_that_ends_it(case):
    finding = look(case, "v=spf1 ip4:192.0.2.1 -all")["dns.spf_relay"]
    assert (finding.level, finding.record.value) == ("warning", "v=spf1 ip4:192.0.2.1 a:smtp.relay.net -all")


def test_include_of_the_relays_own_domain_is_enough(case):
    more = {("spf.relay.net", "TXT"): ["v=spf1 ip4:192.0.2.0/24 -all"]}
    assert look(case, "v=spf1 include:spf.relay.net ~all", more)["dns.spf_relay"].level == "ok"


def test_domain_of_the_return_path_is_the_one_that_counts(case):
    (finding,) = spf.examine(case({}, more='[feedback]\nreturn_path = "bounces.spine.org"'))
    assert finding.record.name == "bounces.spine.org"


def test_silence_is_no_verdict(case):
    (finding,) = spf.examine(case({}, failing=[DOMAIN]))
    assert finding.level == "warning"
    more = {(DOMAIN, "TXT"): ["v=spf1 include:slow.net ip4:198.51.100.7 ~all"], **RELAY}
    assert by_id(spf.examine(case(more, failing=["slow.net"])))["dns.spf"].level == "warning"


@given(st.text(max_size=200))
def test_any_record_can_be_walked(text):
    names = resolver({("a.net", "TXT"): ["v=spf1 include:a.net -all"]})
    walk = spf.walk(names, "a.net", f"v=spf1 include:a.net {text}")
    assert walk.lookups >= 1


def test_includes_that_never_end_are_left(case):
    more = {(f"e{n}.net", "TXT"): [f"v=spf1 include:e{n + 1}.net -all"] for n in range(200)}
    assert look(case, "v=spf1 include:e0.net ~all", more)["dns.spf"].level == "error"
