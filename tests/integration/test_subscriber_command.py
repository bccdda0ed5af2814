"""Readers by hand: what `subscriber add` and `subscriber import` take from the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import Commands

FIELDS = """
[[fields]]
name = "city"
[[fields]]
name = "visits"
type = "number"
[[fields]]
name = "role"
required = true
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    for name in list(os.environ):
        if name.startswith("NEWSLETTER_") and not name.startswith("NEWSLETTER_TEST_"):
            monkeypatch.delenv(name)
    commands = Commands(tmp_path / "letter", monkeypatch, capfd)
    commands.ok("init", commands.folder, "--name", "The Test Letter", "--from", "editor@example.net")
    with (commands.folder / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write(FIELDS)
    return commands


def test_declared_fields_can_be_set_by_hand(run: Commands) -> None:
    run.ok("subscriber", "add", "ada@example.net", "--field", "city=Vienna = Wien", "--field", "visits=3")
    shown = run.ok("subscriber", "show", "ada@example.net", "--json").json
    assert shown["fields"] == {"city": "Vienna = Wien", "visits": "3"}


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ("citty=Vienna", 2, "Did you mean city?"),
        ("city", 2, "NAME=VALUE"),
        ("visits=many", 4, "visits must be a number"),
    ],
)
def test_field_that_cannot_be_set_is_refused_with_the_remedy(run: Commands, given: str, code: int, said: str) -> None:
    done = run("subscriber", "add", "ada@example.net", "--field", given)
    assert done.code == code
    assert said in done.err


def test_export_of_a_site_goes_into_another_list_by_list(
    run: Commands, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file = run.folder / "people.csv"
    run.ok("subscriber", "add", "ada@example.net", "--confirmed", "--basis", "asked at the desk")
    run.ok("subscriber", "add", "left@example.net", "--confirmed", "--basis", "asked at the desk")
    run.ok("subscriber", "unsubscribe", "left@example.net")
    run.ok("subscriber", "add", "asked@example.net")
    run.ok("subscriber", "export", file)
    slug = run.ok("subscriber", "show", "ada@example.net", "--json").json["subscriptions"][0]["list"]
    other = Commands(run.folder.with_name("other"), monkeypatch, capfd)
    other.ok("init", other.folder, "--name", "The Test Letter", "--from", "editor@example.net")
    done = other.ok("subscriber", "import", file, "--list", slug, "--confirmed", "--basis", "moved", "--json").json
    counts = {name: done[name] for name in ("confirmed", "pending", "left", "refused")}
    assert counts == {"confirmed": 1, "pending": 1, "left": 1, "refused": 0}
    assert done["ignored_columns"] == ["city", "visits", "role"]
    there = other.ok("subscriber", "show", "left@example.net", "--json").json["subscriptions"][0]
    assert (there["status"], there["unsubscribed_at"] is None) == ("unsubscribed", False)


def test_forgotten_reader_is_gone_and_no_import_brings_them_back(run: Commands) -> None:
    run.ok("subscriber", "add", "ada@example.net", "--confirmed", "--basis", "asked at the desk")
    assert run.ok("subscriber", "forget", "ada@example.net", "--json").json == {
        "email": "ada@example.net",
        "forgotten": True,
        "sandbox_mails": 0,
        "files_naming_them": [],
    }
    assert run("subscriber", "show", "ada@example.net").code == 1
    report = run.ok(
        *("subscriber", "import", "-", "--confirmed", "--basis", "an old file", "--json"),
        stdin=b"email\nada@example.net\n",
    ).json
    assert (report["confirmed"], report["refused"]) == (0, 1)
    assert run.ok("suppression", "list", "--json").json[0]["reason"] == "erased"
