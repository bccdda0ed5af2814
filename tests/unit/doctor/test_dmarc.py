"""DMARC after RFC 9989: the tree is climbed, history is told apart, and alignment is about organisations."""

from __future__ import annotations

import pytest
from patients import by_id, resolver

from newsletter.doctor import dmarc

SENDER = "news.spine.org"


def look(case, zone, **changes):
    return by_id(dmarc.examine(case({(name, "TXT"): values for name, values in zone.items()}, **changes)))


def climb(domain, **records):
    zone = {(f"_dmarc.{name.replace('_', '.')}", "TXT"): [value] for name, value in records.items()}
    return dmarc.climb(resolver(zone), domain)


def test_missing_policy_is_printed_without_history(case):
    finding = look(case, {})["dns.dmarc"]
    assert (finding.level, finding.record.zone_line) == (
        "error",
        f'_dmarc.{SENDER}. IN TXT ( "v=DMARC1; p=none" )',
    )


def test_policy_of_the_organisation_holds_for_its_subdomains(case):
    finding = look(case, {"_dmarc.spine.org": ["v=DMARC1; p=reject; sp=quarantine"]})["dns.dmarc"]
    assert finding.level == "ok"
    assert "_dmarc.spine.org, which holds for news.spine.org, is quarantine" in finding.sentence


def test_own_policy_comes_before_that_of_the_organisation(case):
    zone = {"_dmarc.spine.org": ["v=DMARC1; p=reject"], f"_dmarc.{SENDER}": ["v=DMARC1; p=none"]}
    assert "is none" in look(case, zone)["dns.dmarc"].sentence


@pytest.mark.parametrize("tag", ["pct=50", "rf=afrf", "ri=86400"])
def test_tags_that_are_history_are_printed_away(case, tag):
    zone = {f"_dmarc.{SENDER}": [f"v=DMARC1; p=quarantine; {tag}; rua=mailto:d@spine.org"]}
    finding = look(case, zone)["dns.dmarc_history"]
    assert finding.level == "warning"
    assert finding.record.value == "v=DMARC1; p=quarantine; rua=mailto:d@spine.org"


def test_policy_on_trial_is_told(case):
    finding = look(case, {f"_dmarc.{SENDER}": ["v=DMARC1; p=reject; t=y"]})["dns.dmarc_test"]
    assert (finding.level, finding.record.value) == ("warning", "v=DMARC1; p=reject")


@pytest.mark.parametrize("record", ["v=DMARC1; p=monitor", "v=DMARC1; rua=mailto:d@spine.org"])
def test_record_without_a_policy_is_an_error(case, record):
    finding = look(case, {f"_dmarc.{SENDER}": [record]})["dns.dmarc"]
    assert finding.level == "error"
    assert "p=none" in finding.record.value


def test_two_records_count_as_none(case):
    zone = {f"_dmarc.{SENDER}": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}
    assert look(case, zone)["dns.dmarc"].level == "error"


def test_what_does_not_begin_like_dmarc_is_passed_over(case):
    zone = {f"_dmarc.{SENDER}": ["p=reject; v=DMARC1", "v=DMARC1x; p=none", "v=DMARC1; p=reject"]}
    assert "is reject" in look(case, zone)["dns.dmarc"].sentence


def test_silence_is_no_verdict(case):
    found = by_id(dmarc.examine(case({}, failing=[f"_dmarc.{SENDER}"])))
    assert found["dns.dmarc"].level == "warning"


def test_organisation_is_the_highest_name_with_a_record():
    assert climb("a.b.spine.org", spine_org="v=DMARC1; p=none", b_spine_org="v=DMARC1; p=none").organisation == (
        "spine.org"
    )
    assert climb("a.spine.org").organisation == "a.spine.org"


def test_organisation_ends_where_a_record_says_so():
    assert climb("a.b.spine.org", b_spine_org="v=DMARC1; p=none; psd=n", spine_org="v=DMARC1; p=none").organisation == (
        "b.spine.org"
    )


def test_organisation_lies_one_below_a_public_suffix():
    assert climb("a.b.spine.co.uk", co_uk="v=DMARC1; p=none; psd=y").organisation == "spine.co.uk"


def test_long_names_are_climbed_in_eight_questions():
    asked = []

    def ask(name, kind, patience):
        from newsletter.doctor import Answer, State

        asked.append(name)
        return Answer(State.UNKNOWN)

    from newsletter.doctor import Names

    dmarc.climb(Names(ask), "a.b.c.d.e.f.g.h.i.j.mail.spine.org")
    assert len(asked) == 8
    assert asked[1] == "_dmarc.g.h.i.j.mail.spine.org"
    assert asked[-1] == "_dmarc.org"


def signed(domain: str) -> str:
    return f'[dkim]\ndomain = "{domain}"'


POLICY = {"_dmarc.spine.org": ["v=DMARC1; p=none"]}


def test_signature_of_the_organisation_vouches_for_its_subdomain(case):
    assert look(case, POLICY, more=signed("mail.spine.org"))["dns.alignment"].level == "ok"


def test_strict_alignment_wants_the_very_domain(case):
    strict = {"_dmarc.spine.org": ["v=DMARC1; p=none; adkim=s"]}
    assert look(case, strict, more=signed("spine.org"))["dns.alignment"].level == "warning"
    assert look(case, strict, more=signed(SENDER))["dns.alignment"].level == "ok"


def test_foreign_signature_and_foreign_return_path_vouch_for_nothing(case):
    more = signed("relay.net") + '\n[feedback]\nreturn_path = "bounces.relay.net"'
    assert look(case, POLICY, more=more)["dns.alignment"].level == "error"


def test_without_a_signature_the_relay_has_to_sign(case):
    assert look(case, POLICY)["dns.alignment"].level == "skipped"
    foreign = '[feedback]\nreturn_path = "bounces.relay.net"'
    assert look(case, POLICY, more=foreign)["dns.alignment"].level == "warning"


def test_first_policy_stands_where_it_covers_signature_and_sender(case):
    found = look(case, {}, more=signed("spine.org"))
    assert found["dns.dmarc"].record.name == "_dmarc.spine.org"
    assert found["dns.alignment"].level == "ok"


def test_silence_turns_no_good_signature_into_a_bad_one(case):
    failing = [f"_dmarc.{each}" for each in (SENDER, "spine.org", "org")]
    found = by_id(dmarc.examine(case({}, failing=failing, more=signed("spine.org"))))
    assert found["dns.alignment"].level == "ok"


def test_reports_to_somebody_else_need_their_consent(case):
    zone = {f"_dmarc.{SENDER}": ["v=DMARC1; p=none; rua=mailto:d@spine.org,mailto:x@reports.net!10m"], **POLICY}
    finding = look(case, zone)["dns.dmarc_reports"]
    assert (finding.level, finding.record.name) == ("warning", f"{SENDER}._report._dmarc.reports.net")
    zone[f"{SENDER}._report._dmarc.reports.net"] = ["v=DMARC1"]
    assert "dns.dmarc_reports" not in look(case, zone)
