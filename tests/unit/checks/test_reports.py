"""Findings for machines: SARIF for code hosts and editors, workflow commands for build servers."""

from __future__ import annotations

from pathlib import Path

from newsletter.checks import Finding, Severity, catalogue
from newsletter.checks.reporters import as_github
from newsletter.checks.sarif import as_sarif

SITE = Path("/site")
BAD = Finding("img.alt", Severity.ERROR, "No alt.", "Add one.", SITE / "issues" / "a b" / "02-b.md", 12)
ABOUT = Finding("content.words", Severity.INFO, "Only a few.", "", SITE / "issues" / "a b" / "issue.md")
VAGUE = Finding("size.message", Severity.WARNING, "100% too much,\nreally: yes.", "Shorten it.")
AWAY = Finding("css.parse", Severity.ERROR, "No.", "Mend it.", Path("/usr/lib/templates/head.css"), 3)


def test_sarif_lists_every_rule_and_places_findings_in_the_site() -> None:
    log = as_sarif([BAD, ABOUT, VAGUE, AWAY], catalogue(), site=SITE)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(catalogue())
    assert all(rule["help"]["text"] and rule["shortDescription"]["text"] for rule in rules)
    assert {rule["defaultConfiguration"]["level"] for rule in rules} == {"error", "warning", "note"}
    first, about, vague, away = run["results"]
    assert first["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "issues/a%20b/02-b.md", "uriBaseId": "SITE"},
                "region": {"startLine": 12},
            }
        }
    ]
    assert (first["level"], first["message"]["text"]) == ("error", "No alt. Add one.")
    assert rules[first["ruleIndex"]]["id"] == first["ruleId"] == "img.alt"
    assert (about["level"], vague["locations"]) == ("note", [])
    assert "region" not in about["locations"][0]["physicalLocation"]
    assert away["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "file:///usr/lib/templates/head.css"}


def test_workflow_commands_are_one_line_each_and_escaped() -> None:
    assert as_github([BAD, ABOUT, VAGUE], root=SITE).splitlines() == [
        "::error file=issues/a b/02-b.md,line=12,title=img.alt::No alt. Add one.",
        "::notice file=issues/a b/issue.md,title=content.words::Only a few.",
        "::warning title=size.message::100%25 too much,%0Areally: yes. Shorten it.",
    ]
    odd = Finding("a.b", Severity.ERROR, "x.", "", SITE / "a,b:c.md")
    assert as_github([odd], root=SITE) == "::error file=a%2Cb%3Ac.md,title=a.b::x."
