"""`newsletter check` as an editor, a build server and a code host meet it."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from commands import Commands

from newsletter.checks import catalogue
from newsletter.checks.document import as_markdown

ISSUE = "001-why-your-back-hurts"


@pytest.fixture
def run(site_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    monkeypatch.chdir(site_folder)
    return Commands(site_folder, monkeypatch, capfd)


def edit(path: Path, old: str, new: str) -> int:
    """Replace it; returns the 1-based line on which it stood."""
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    return text[: text.index(old)].count("\n") + 1


def letter(run: Commands) -> Path:
    return run.folder / "issues" / ISSUE / "issue.md"


def test_the_bundled_issues_have_no_fault_but_those_of_a_trial(run: Commands) -> None:
    for slug in (ISSUE, "002-the-side-you-favour"):
        found = run.ok("check", slug, "--json").json["findings"]
        assert {each["rule"] for each in found} == {
            "hdr.list-unsubscribe",
            "legal.address",
            "link.empty",
            "site.base-url",
        }


def test_both_themes_are_clean(run: Commands) -> None:
    with (run.folder / "newsletter.toml").open("a") as file:
        file.write('\n[checks]\nignore = ["hdr.list-unsubscribe", "legal.address", "link.empty", "site.base-url"]\n')
    settings = run.folder / "newsletter.toml"
    for theme in ("magazine", "letter"):
        text = settings.read_text("utf-8")
        settings.write_text(text.replace("[theme]\n", f'[theme]\nname = "{theme}"\n', 1), "utf-8")
        assert run.ok("check", ISSUE).out.startswith("Nothing to mend"), theme
        settings.write_text(text, "utf-8")


def test_a_fault_in_the_text_is_annotated_at_its_line(run: Commands) -> None:
    line = edit(letter(run), "Read one piece", "TODO Read one piece")
    done = run("check", ISSUE, "--format", "github")
    assert done.code == 4
    place = f"issues/{ISSUE}/issue.md"
    assert f"::error file={place},line={line},title=content.placeholder::" in done.out


def test_sarif_is_one_document_and_relative_to_the_site(run: Commands) -> None:
    line = edit(letter(run), "Read one piece", "TODO Read one piece")
    done = run("check", ISSUE, "--format", "sarif")
    assert done.code == 4
    (result,) = [each for each in done.json["runs"][0]["results"] if each["ruleId"] == "content.placeholder"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": f"issues/{ISSUE}/issue.md", "uriBaseId": "SITE"}
    assert place["region"]["startLine"] == line


def test_a_warning_that_is_meant_is_silenced_with_a_reason(run: Commands) -> None:
    edit(letter(run), "Read one piece", "Read  one piece")
    assert "content.smart" in run.ok("check", ISSUE).out
    edit(letter(run), "number: 1\n", "number: 1\nignore:\n  content.smart: Two spaces are our style here.\n")
    assert "content.smart" not in run.ok("check", ISSUE).out


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("content.smart: ''", "without a reason"),
        ("content.smrt: It is meant this way.", "Did you mean content.smart?"),
        ("content.placeholder: It is meant this way.", "errors cannot be ignored"),
    ],
)
def test_an_exception_that_excuses_nothing_is_a_finding_itself(run: Commands, entry: str, words: str) -> None:
    edit(letter(run), "Read one piece", "TODO  Read  one piece")
    line = edit(letter(run), "number: 1\n", f"number: 1\nignore:\n  {entry}\n") + 2
    done = run("check", ISSUE, "--format", "json")
    assert done.code == 4
    assert {"content.placeholder", "content.smart"} <= {each["rule"] for each in done.json["findings"]}
    (finding,) = [each for each in done.json["findings"] if each["rule"] == "issue.ignore"]
    assert (finding["line"], Path(finding["file"]).name) == (line, "issue.md")
    assert words in finding["message"] + finding["remedy"]


@pytest.mark.parametrize(("text", "rule"), [("  one\n", "content"), ("  a: [b]\n", "content"), (" text\n", "content")])
def test_an_unreadable_exception_is_refused_at_its_line(run: Commands, text: str, rule: str) -> None:
    edit(letter(run), "number: 1\n", f"number: 1\nignore:\n{text}")
    done = run("check", ISSUE)
    assert done.code == 4
    assert "issue.md:" in done.out


def test_an_import_in_a_theme_of_ones_own_is_refused_at_its_line(run: Commands) -> None:
    run.ok("theme", "eject", "magazine", "issue/theme.css")
    (sheet,) = run.folder.rglob("theme.css")
    sheet.write_text("\n@im\\port 'https://example.org/a.css';\n" + sheet.read_text("utf-8"), "utf-8")
    done = run("check", ISSUE)
    assert done.code == 4
    assert f"css.theme-dialect  {sheet.relative_to(run.folder)}:2" in done.out
    assert "render" not in done.out.split()


def test_the_catalogue_is_listed_without_an_issue(run: Commands) -> None:
    assert [each["rule"] for each in run.ok("check", "--rules", "--json").json["rules"]] == list(catalogue())
    assert "css.nested-at" in run.ok("check", "--rules").out
    assert run.ok("check", "--rules", "--format", "markdown").out == as_markdown()
    assert json.loads(run.ok("check", "--rules", "--format", "sarif").out)["runs"][0]["results"] == []


@pytest.mark.parametrize("words", [(), (ISSUE, "--rules"), (ISSUE, "--format", "markdown")])
def test_neither_or_both_is_a_misunderstanding(run: Commands, words: tuple[str, ...]) -> None:
    done = run("check", *words)
    assert done.code == 2
    assert "--rules" in done.err


def test_links_are_asked_when_told_to_and_private_ones_are_not(run: Commands) -> None:
    edit(letter(run), "Read one piece", "[Look at this](https://10.11.12.13/page). Read one piece")
    done = run.ok("check", ISSUE, "--links", "--json")
    assert "link.broken" not in {each["rule"] for each in done.json["findings"]}


def test_a_link_of_several_variants_is_asked_once(run: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def resolve(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        raise socket.gaierror("nobody of that name")

    edit(
        letter(run), "Read one piece", "::: only tag=member\nWelcome.\n:::\n\n[Look](https://back.pain.org/x).\n\nRead"
    )
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    done = run.ok("check", ISSUE, "--links", "--json")
    (finding,) = [each for each in done.json["findings"] if each["rule"] == "link.broken"]
    assert "could not be asked" in finding["message"]
    assert asked == ["back.pain.org"]


def test_without_spamassassin_nothing_is_done(run: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    done = run("check", ISSUE, "--spam")
    assert done.code == 1
    assert "apt install spamassassin" in done.err
    assert done.out == ""


def test_a_file_that_is_no_data_set_is_refused(run: Commands) -> None:
    done = run("check", ISSUE, "--caniemail", run.folder / "newsletter.toml")
    assert done.code == 1
    assert "caniemail.com" in done.err
