"""Findings as values: their order, what can be silenced, where they point, how they are told."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import get_args

import pytest
from unit.checks import bench
from unit.checks.bench import check, config, issue, only, said

from newsletter import config as settings
from newsletter import starter
from newsletter.checks import Finding, Severity, catalogue, check_issue, clients, errors, from_error
from newsletter.checks.document import as_markdown
from newsletter.checks.findings import in_order
from newsletter.checks.reporters import as_json, as_text
from newsletter.config.kinds import MailProgram
from newsletter.content.loader import load_issue
from newsletter.errors import ContentError, RenderError

BAD = Finding("img.alt", Severity.ERROR, "No alt.", "Add one.", Path("/site/issues/a/02-b.md"), 12)
POOR = Finding("subj.length", Severity.WARNING, "Too long.", "Shorten it.", Path("/site/issues/a/issue.md"))
VAGUE = Finding("site.base-url", Severity.WARNING, "Loopback.", "")


def test_errors_come_first_then_files_and_lines() -> None:
    later = Finding("a", Severity.ERROR, "x", "", BAD.path, 13)
    assert in_order([POOR, later, VAGUE, BAD, BAD]) == [BAD, later, VAGUE, POOR]
    assert errors([POOR, BAD]) == [f"{BAD.path}:{BAD.line}: {BAD.message} {BAD.remedy}"]


def test_what_stops_loading_becomes_a_finding_at_its_line() -> None:
    error = ContentError("No author.", path=Path("a.md"), line=3, hint="Add one.")
    assert from_error(error) == Finding("content", Severity.ERROR, "No author.", "Add one.", Path("a.md"), 3)
    assert from_error(RenderError("Broken.", hint="Mend.")) == Finding("render", Severity.ERROR, "Broken.", "Mend.")


def test_a_warning_can_be_silenced_and_an_error_cannot() -> None:
    short = issue(subject="Necks")
    assert check(short, config(checks={"ignore": ["subj.length"]})) == []
    nameless = {"address": "hello@news.steadyspine.org"}
    stubborn = config(sender=nameless, checks={"ignore": ["legal.address"]})
    assert said(check(settings=stubborn)) == ["error legal.address"]


def test_an_unknown_id_to_ignore_is_named_with_the_nearest_one() -> None:
    finding = only(check(settings=config(checks={"ignore": ["subject.length"]})), "config.ignore")
    assert finding.severity is Severity.WARNING
    assert "subject.length" in finding.message
    assert "subj.length" in finding.remedy


def test_the_catalogue_says_in_one_line_what_each_rule_looks_for() -> None:
    rules = catalogue()
    assert len(rules) >= 70
    assert list(rules) == sorted(rules)
    lines = [entry.looks_for for entry in rules.values()]
    assert [line for line in lines if not re.match(r".{10,124}[.]$", line)] == []


def test_the_page_about_checks_is_the_one_the_catalogue_writes() -> None:
    page = Path(__file__).parents[3] / "docs" / "checks.md"
    assert page.read_text("utf-8") == as_markdown()


def test_the_mail_programs_one_can_choose_are_those_we_know() -> None:
    assert set(get_args(MailProgram)) == set(clients.names())
    assert {client for fact in clients.our_facts() for client in fact.lacking} <= set(clients.names())
    assert len(clients.our_facts()) >= 60


def test_the_same_input_gives_the_same_findings() -> None:
    spoiled = issue(
        subject="NO!!", preheader="", letter=bench.letter("TODO [a](http://a.org) [b](https://example.com)")
    )
    assert len(check(spoiled)) >= 5
    assert check(spoiled) == check(spoiled)


def test_a_finding_names_the_line_of_the_front_matter(tmp_path: Path) -> None:
    folder = tmp_path / "issues" / "spring"
    folder.mkdir(parents=True)
    (folder / "issue.md").write_text(
        "---\nsubject: Necks\n# TODO is a comment here\ndate: 2026-09-15\n---\n\nHello XXX.\n"
    )
    (tmp_path / "issues" / "authors.toml").write_text('[ada]\nname = "Ada"\n\n[nora]\nname = "Nora"\n')
    (folder / "01-sitting.md").write_text(
        "---\ntitle: Sitting\nauthor: nora\ncategory: A\nwritten_at: 2026-09-01\nexcerpt: >\n  Sit\n  TK still\n"
        "link: http://steadyspine.org/a\n---\n\nBody.\n"
    )
    found = check(load_issue(tmp_path / "issues", "spring"))
    places = {
        finding.rule: (finding.path and finding.path.name, finding.line)
        for finding in found
        if finding.rule != "content.placeholder"
    }
    assert places == {
        "content.author": ("authors.toml", 4),
        "link.http": ("01-sitting.md", 9),
        "pre.present": ("issue.md", 0),
        "subj.length": ("issue.md", 2),
    }
    words = [(f.path and f.path.name, f.line) for f in found if f.rule == "content.placeholder"]
    assert words == [("01-sitting.md", 6), ("issue.md", 7)]


@pytest.mark.parametrize("slug", ["001-why-your-back-hurts", "002-the-side-you-favour"])
def test_the_bundled_example_has_no_errors_and_only_the_warnings_of_a_trial(slug: str) -> None:
    ours, _ = settings.load(starter.issues().parent)
    source = load_issue(starter.issues(), slug)
    output = bench.rendered(source, ours)
    found = check_issue(source, output, bench.compose(source, output, ours), ours)
    assert sorted(said(found)) == [
        "warning hdr.list-unsubscribe",
        "warning legal.address",
        "warning link.empty",
        "warning site.base-url",
    ]


def test_a_clean_issue_is_checked_in_far_less_than_300_ms() -> None:
    source, ours = issue(), config()
    output = bench.rendered(source, ours)
    message = bench.compose(source, output, ours)
    check_issue(source, output, message, ours)
    start = time.process_time()
    check_issue(source, output, message, ours)
    assert time.process_time() - start < 0.15


def test_text_has_a_paragraph_for_each_finding_and_a_count() -> None:
    assert as_text([BAD, VAGUE, POOR], root=Path("/site"), colour=False) == (
        "error    img.alt  issues/a/02-b.md:12\n  No alt.\n  Add one.\n\n"
        "warning  site.base-url\n  Loopback.\n\n"
        "warning  subj.length  issues/a/issue.md\n  Too long.\n  Shorten it.\n\n"
        "1 error, 2 warnings: this issue cannot be sent yet."
    )


def test_text_is_friendly_when_there_is_nothing_to_mend() -> None:
    assert as_text([], root=Path("/site"), colour=False) == "Nothing to mend: every check is content with this issue."
    assert as_text([POOR], root=Path("/site"), colour=False).endswith(
        "\n\n1 warning, no errors: this issue can be sent."
    )


def test_colour_is_asked_for() -> None:
    assert "\x1b[31merror" in as_text([BAD], root=Path("/site"), colour=True)
    assert "\x1b" not in as_text([BAD], root=Path("/site"), colour=False)


def test_json_tells_the_same_story() -> None:
    assert as_json("a", [BAD, VAGUE], root=Path("/site")) == {
        "issue": "a",
        "errors": 1,
        "warnings": 1,
        "findings": [
            {
                "rule": "img.alt",
                "severity": "error",
                "message": "No alt.",
                "remedy": "Add one.",
                "file": "issues/a/02-b.md",
                "line": 12,
            },
            {
                "rule": "site.base-url",
                "severity": "warning",
                "message": "Loopback.",
                "remedy": "",
                "file": None,
                "line": None,
            },
        ],
    }


def test_a_fault_of_the_configuration_is_placed_in_its_file(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_text('name = "x"\n[sender]\n  postal_address = "1 Sample Street"\n')
    source = issue(path=tmp_path / "issues" / "spring")
    sample = {"address": "hello@news.steadyspine.org", "postal_address": settings.SAMPLE_POSTAL_ADDRESS}
    finding = only(check(source, config(sender=sample)), "legal.address")
    assert (finding.path, finding.line) == (tmp_path / "newsletter.toml", 3)
