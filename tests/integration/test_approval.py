"""Approving an issue, and a `send` that insists on it: as an editor and a colleague would work."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path

import pytest
from commands import Commands, Done

from newsletter.campaigns.approval import SETTINGS
from newsletter.config import Config

ISSUE = "001-why-your-back-hurts"
ARTICLE = "02-more-than-a-back.md"


@pytest.fixture
def run(site_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    for name in list(os.environ):
        if name.startswith("NEWSLETTER_") and not name.startswith("NEWSLETTER_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(site_folder.parent))
    commands = Commands(site_folder, monkeypatch, capfd)
    commands.ok("subscriber", "add", "ada@example.net", "--confirmed", "--basis", "asked at the desk")
    insist(site_folder)
    return commands


def insist(folder: Path) -> None:
    """Turn on what it is about."""
    path = folder / "newsletter.toml"
    path.write_text("require_approval = true\n" + path.read_text("utf-8"), "utf-8")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def letter(run: Commands) -> Path:
    return run.folder / "issues" / ISSUE / "issue.md"


def lock(run: Commands) -> Path:
    return run.folder / "issues" / ISSUE / "issue.lock"


def send(run: Commands) -> Done:
    return run("send", ISSUE, "--yes", "--expect", 1)


def test_issue_nobody_approved_is_not_sent(run: Commands) -> None:
    done = send(run)
    assert done.code == 4
    assert f"newsletter approve {ISSUE}" in done.err
    assert run.ok("campaign", "list", "--json").json == []


def test_approved_issue_is_sent(run: Commands) -> None:
    said = run.ok("approve", ISSUE, "--by", "Nora Feld")
    assert "Nora Feld approved issue" in said.out
    done = send(run)
    assert done.code == 0, done.err


def test_lock_can_be_read_by_people(run: Commands) -> None:
    run.ok("approve", ISSUE, "--by", "Nora Feld")
    text = lock(run).read_text("utf-8")
    found = tomllib.loads(text)
    assert found["approved_by"] == "Nora Feld"
    assert set(found["hashes"]) >= {"content", "templates", "configuration"}
    assert f"{ISSUE}/{ARTICLE}" in found["content"]
    assert "issue/layout.html" in found["templates"]
    assert found["configuration"]["sender.address"] == "editor@news.example.org"
    (words,) = found["words"].values()
    assert '{{ subscriber.first_name | default("' in words
    assert "NLSLOT" not in text


def test_lock_holds_no_secret(run: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_SMTP__HOST", "127.0.0.1")
    monkeypatch.setenv("NEWSLETTER_SMTP__SECURITY", "none")
    monkeypatch.setenv("NEWSLETTER_SMTP__USERNAME", "postroom")
    monkeypatch.setenv("NEWSLETTER_SMTP__PASSWORD", "open-sesame")
    run.ok("approve", ISSUE)
    assert "postroom" not in lock(run).read_text("utf-8")
    assert "open-sesame" not in lock(run).read_text("utf-8")


def test_every_section_of_the_configuration_is_decided_about() -> None:
    """A new section either shows in issues, and so belongs to an approval, or stands here."""
    elsewhere = {
        *("checks", "consent", "database", "dkim", "feedback", "keys", "pacing", "require_approval", "server", "smtp"),
        *("languages", "series", "signups", "webhooks"),
    }
    assert {*SETTINGS, "lists", "fields"} | elsewhere == set(Config.model_fields)


@pytest.mark.parametrize(
    ("file", "old", "new", "part", "named"),
    [
        (f"issues/{ISSUE}/{ARTICLE}", "\n---\n", "\n---\nOne more line. ", "content", ARTICLE),
        ("newsletter.toml", "Letters about backs that move", "Letters about knees", "configuration", "theme.tagline"),
    ],
)
def test_drift_is_refused_and_shown(run: Commands, file: str, old: str, new: str, part: str, named: str) -> None:
    run.ok("approve", ISSUE, "--by", "Nora")
    edit(run.folder / file, old, new)
    done = send(run)
    assert done.code == 4
    assert f"not what Nora approved: {part} has changed" in done.err
    assert named in done.err
    assert run.ok("campaign", "list", "--json").json == []


def test_changed_words_are_shown_as_a_difference(run: Commands) -> None:
    run.ok("approve", ISSUE)
    edit(letter(run), "\n---\n", "\n---\n\nBy the way, we have moved.\n")
    done = send(run)
    assert "+By the way, we have moved." in done.err
    assert "--- approved" in done.err


def test_template_of_the_site_is_part_of_what_was_approved(run: Commands) -> None:
    run.ok("approve", ISSUE)
    own = run.folder / "templates" / "issue"
    own.mkdir(parents=True, exist_ok=True)
    (own / "layout.txt").write_text('{% extends "starter/issue/layout.txt" %}\n', "utf-8")
    done = send(run)
    assert done.code == 4
    assert "templates have changed" in done.err
    assert "issue/layout.txt" in done.err


def test_picture_and_author_are_part_of_what_was_approved(run: Commands) -> None:
    run.ok("approve", ISSUE)
    folder = run.folder / "issues"
    (folder / ISSUE / "path.jpg").write_bytes((folder / ISSUE / "moonlight.jpg").read_bytes())
    authors = folder / "authors.toml"
    edit(authors, 'name = "Ines Varga"', 'name = "Ines Varga-Li"')
    done = run("approve", ISSUE, "--check", "--json")
    assert done.code == 4
    names = {change["name"] for change in done.json["changes"]}
    assert any("Varga" in name or "varga" in name for name in names)
    assert any(name.endswith(("path.jpg", "moonlight.jpg")) for name in names)


def test_every_variant_is_part_of_what_was_approved(run: Commands) -> None:
    before = letter(run).read_text("utf-8")
    letter(run).write_text(f"{before}\n::: only tag=member\nFor members: bring a friend.\n:::\n", "utf-8")
    run.ok("approve", ISSUE)
    (words,) = tomllib.loads(lock(run).read_text("utf-8"))["words"].values()
    assert words.count("Subject: ") == 2
    assert "Tags: member" in words
    edit(letter(run), "bring a friend", "bring two friends")
    done = send(run)
    assert done.code == 4
    assert "+For members: bring two friends." in done.err


def test_list_with_words_of_its_own_has_a_rendering_of_its_own(run: Commands) -> None:
    before = letter(run).read_text("utf-8")
    letter(run).write_text(f"{before}\n::: only list=clinic-notes\nFor professionals.\n:::\n", "utf-8")
    run.ok("approve", ISSUE)
    found = tomllib.loads(lock(run).read_text("utf-8"))
    assert len(set(found["renderings"].values())) == len(found["words"]) == 2
    assert send(run).code == 0
    run.ok("verify", 1)


def test_undoing_a_change_brings_the_approval_back(run: Commands) -> None:
    run.ok("approve", ISSUE)
    before = letter(run).read_bytes()
    letter(run).write_bytes(before + b"\nP.S. Hello.\n")
    assert run("approve", ISSUE, "--check").code == 4
    letter(run).write_bytes(before.replace(b"\n", b"\r\n"))
    assert run.ok("approve", ISSUE, "--check").out.endswith("Nothing has changed since.\n")


def test_other_issues_and_readers_do_not_matter(run: Commands) -> None:
    run.ok("approve", ISSUE)
    run.ok("new", "003-sleep", "--subject", "Sleep")
    run.ok("subscriber", "add", "bob@example.net", "--confirmed", "--basis", "asked at the desk")
    run.ok("approve", ISSUE, "--check")


def test_unfinished_campaign_goes_on_without_a_new_approval(run: Commands) -> None:
    run.ok("approve", ISSUE)
    run.ok("send", ISSUE, "--yes", "--expect", 1, "--detach")
    lock(run).unlink()
    assert send(run).code == 0


def test_looking_at_it_needs_no_approval(run: Commands) -> None:
    run.ok("preview", ISSUE)
    run.ok("test", ISSUE, "--to", "ada@example.net")
    run.ok("send", ISSUE, "--rehearse", "--faults", "none")
    assert run("send", ISSUE, "--dry-run").code == 4


def test_issue_with_errors_cannot_be_approved(run: Commands) -> None:
    letter(run).write_text(letter(run).read_text("utf-8") + "\n{{ subscriber.frist_name }}\n", "utf-8")
    done = run("approve", ISSUE)
    assert done.code == 4
    assert not lock(run).exists()


def test_lock_is_no_content(run: Commands) -> None:
    before = run.ok("check", ISSUE, "--json").json
    run.ok("approve", ISSUE)
    assert run.ok("check", ISSUE, "--json").json == before


def test_refusal_is_one_document(run: Commands) -> None:
    run.ok("approve", ISSUE, "--by", "Nora")
    edit(letter(run), "\n---\n", "\n---\n\nBy the way, we have moved.\n")
    done = run("send", ISSUE, "--yes", "--expect", 1, "--json")
    assert done.code == 4
    assert "approved" in done.json["error"]
    assert done.json["approved"]["by"] == "Nora"
    assert done.json["changes"][0]["part"] == "content"
    assert any("we have moved" in line for line in done.json["diff"])


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "x" * 201])
def test_nobody_in_particular_approves_nothing(run: Commands, name: str) -> None:
    assert run("approve", ISSUE, "--by", name).code == 2
    assert not lock(run).exists()


def test_approval_names_the_commit_and_whether_it_is_all(run: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run.ok("approve", ISSUE, "--json").json["commit"] is None
    for key in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{key}_NAME", "Nora")
        monkeypatch.setenv(f"GIT_{key}_EMAIL", "nora@example.net")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    git(run.folder, "init", "--quiet")
    git(run.folder, "add", ".")
    git(run.folder, "commit", "--quiet", "-m", "All")
    first = run.ok("approve", ISSUE, "--json")
    assert first.json["commit"] == git(run.folder, "rev-parse", "HEAD").strip()
    assert first.json["clean"] is True  # but for the lock itself
    letter(run).write_text(letter(run).read_text("utf-8") + "\nP.S.\n", "utf-8")
    second = run.ok("approve", ISSUE, "--json")
    assert second.json["clean"] is False
    assert "uncommitted" in second.err


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True, text=True).stdout
