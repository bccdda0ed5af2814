"""`newsletter verify`: the folder against what was sent, and the database against itself."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from commands import Commands

ISSUE = "001-why-your-back-hurts"


@pytest.fixture
def run(site_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    for name in list(os.environ):
        if name.startswith("NEWSLETTER_") and not name.startswith("NEWSLETTER_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    commands = Commands(site_folder, monkeypatch, capfd)
    commands.ok("subscriber", "add", "ada@example.net", "--confirmed", "--basis", "asked at the desk")
    commands.ok("approve", ISSUE, "--by", "Nora")
    commands.ok("send", ISSUE, "--yes", "--expect", 1, "--detach")
    return commands


def database(run: Commands) -> sqlite3.Connection:
    return sqlite3.connect(run.folder / "var" / "newsletter.db", isolation_level=None)


def test_untouched_folder_makes_the_same(run: Commands) -> None:
    done = run.ok("verify", 1)
    assert "it is the same" in done.out
    assert "What it sends is what Nora approved" in done.out
    document = run.ok("verify", 1, "--json").json
    assert document["same"] is True
    assert document["differences"] == document["faults"] == []
    assert document["approved_by"] == "Nora"


def test_edited_folder_is_different_and_the_difference_is_shown(run: Commands) -> None:
    letter = run.folder / "issues" / ISSUE / "issue.md"
    letter.write_text(letter.read_text("utf-8") + "\nP.S. We have moved.\n", "utf-8")
    done = run("verify", 1)
    assert done.code == 1
    assert "+P.S. We have moved." in done.out
    document = run("verify", 1, "--json").json
    assert document["same"] is False
    assert {"plain text", "HTML", "archive page"} <= {each["part"] for each in document["differences"]}


def test_setting_that_shows_in_the_mail_makes_a_difference(run: Commands) -> None:
    file = run.folder / "newsletter.toml"
    file.write_text(file.read_text("utf-8").replace('name = "The Steady Spine"', 'name = "The Spine"', 1), "utf-8")
    done = run("verify", 1)
    assert done.code == 1
    assert "The Spine" in done.out


def test_snapshot_that_does_not_fit_its_hash_is_told(run: Commands) -> None:
    with database(run) as connection:
        connection.execute("UPDATE snapshots SET rendered = replace(rendered, 'back', 'knee')")
    done = run("verify", 1)
    assert done.code == 1
    assert "does not fit its hash" in done.out + done.err
    assert run("verify", 1, "--json").json["faults"]


def test_snapshot_that_cannot_be_read_is_told(run: Commands) -> None:
    with database(run) as connection:
        connection.execute("UPDATE snapshots SET rendered = '{'")
    done = run("verify", 1)
    assert done.code == 1
    assert "cannot be read" in done.err


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE media SET data = x'00' WHERE name = (SELECT min(name) FROM media)", "does not fit its hash"),
        ("DELETE FROM media WHERE name = (SELECT min(name) FROM media)", "is missing"),
    ],
)
def test_damaged_picture_is_told(run: Commands, statement: str, said: str) -> None:
    with database(run) as connection:
        connection.execute(statement)
    done = run("verify", 1)
    assert done.code == 1
    assert said in done.err


def test_issue_that_is_gone_cannot_be_compared(run: Commands) -> None:
    (run.folder / "issues" / ISSUE / "issue.md").unlink()
    done = run("verify", 1)
    assert done.code == 1
    assert "There is no issue" in done.err


@pytest.mark.parametrize("number", [2, 99])
def test_only_campaigns_of_issues_can_be_verified(run: Commands, number: int) -> None:
    done = run("verify", number)
    assert done.code == 1
    assert "campaign list" in done.err


def test_nothing_is_written(run: Commands) -> None:
    before = (run.folder / "issues" / ISSUE / "issue.lock").stat().st_mtime_ns
    run.ok("verify", 1)
    assert (run.folder / "issues" / ISSUE / "issue.lock").stat().st_mtime_ns == before
