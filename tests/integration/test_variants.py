"""An issue that says more to some readers than to others, from the editor's folder to the archive."""

from __future__ import annotations

import json
import os
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import websites
from commands import Commands

SECRET = "The code of the door is 4711."
ISSUE = """---
subject: Spring
date: 2026-09-15
---
Dear {{ subscriber.first_name | default("friend") }},

here is the news.

::: only tag=member
The code of the door is 4711.
:::

::: unless tag=member
Become a member.
:::
"""
ARTICLE = """---
title: For the board
author: nora
category: News
written_at: 2026-09-01
excerpt: What the board decided.
only: tag=board
---
The board met on Tuesday and decided to meet again.
"""


def write(folder: Path, letter: str = ISSUE) -> None:
    issue = folder / "issues" / "spring"
    issue.mkdir(parents=True, exist_ok=True)
    (folder / "issues" / "authors.toml").write_text('[nora]\nname = "Nora Feld"\n')
    (issue / "issue.md").write_text(letter)
    (issue / "01-board.md").write_text(ARTICLE)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    for name in list(os.environ):
        if name.startswith("NEWSLETTER_") and not name.startswith("NEWSLETTER_TEST_"):
            monkeypatch.delenv(name)
    commands = Commands(tmp_path / "letter", monkeypatch, capfd)
    commands.ok("init", commands.folder, "--name", "The Test Letter", "--from", "editor@example.net")
    write(commands.folder)
    return commands


def texts(folder: Path) -> dict[str, str]:
    """The plain text of every mail in the sandbox, by recipient."""
    found = {}
    for path in folder.rglob("*.eml"):
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        part = message.get_body(("plain",))
        assert part is not None
        found[message["To"].addresses[0].addr_spec] = str(part.get_content())
    return found


def test_readers_get_what_is_for_them(run: Commands) -> None:
    for name, tags in {"ada": ["member"], "bob": [], "eva": ["board", "member"]}.items():
        options = [word for tag in tags for word in ("--tag", tag)]
        run.ok("subscriber", "add", f"{name}@example.net", "--confirmed", "--basis", "asked", *options)
    plan = run.ok("send", "spring", "--dry-run", "--json")
    assert plan.json["variants"] == [
        {"tags": [], "readers": 1},
        {"tags": ["board"], "readers": 0},
        {"tags": ["member"], "readers": 1},
        {"tags": ["board", "member"], "readers": 1},
    ]
    assert "1 reader: the variant for board, member" in plan.err
    run.ok("send", "spring", "--yes", "--expect", "3")
    got = texts(run.folder / "var" / "sandbox")
    seen = {
        name: [words in got[f"{name}@example.net"] for words in ("4711", "Become a member", "board met on Tuesday")]
        for name in ("ada", "bob", "eva")
    }
    assert seen == {"ada": [True, False, False], "bob": [False, True, False], "eva": [True, False, True]}


def test_tags_are_given_taken_and_shown(run: Commands) -> None:
    run.ok("subscriber", "add", "ada@example.net", "--tag", "Member", "--tag", "board")
    assert "tags: board, member" in run.ok("subscriber", "show", "ada@example.net").out
    done = run.ok("subscriber", "tag", "ada@example.net", "--add", "gold", "--remove", "board", "--json")
    assert done.json == {"email": "ada@example.net", "tags": ["gold", "member"]}
    assert run.ok("subscriber", "show", "ada@example.net", "--json").json["tags"] == ["gold", "member"]
    assert run.ok("subscriber", "export", "--json").json["subscriptions"][0]["tags"] == ["gold", "member"]
    said = run.ok("subscriber", "tag", "ada@example.net", "--remove", "gold", "--remove", "member").out
    assert said.strip() == "ada@example.net has no tags."


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["ada@example.net"], 2, "--add TAG or --remove TAG"),
        (["ada@example.net", "--add", "a", "--remove", "A"], 2, "at once"),
        (["ada@example.net", "--add", "gold!"], 1, "not a tag"),
        (["eva@example.net", "--add", "gold"], 1, "no subscriber"),
    ],
)
def test_tag_that_cannot_be_given_is_refused_with_the_remedy(
    run: Commands, words: list[str], code: int, said: str
) -> None:
    run.ok("subscriber", "add", "ada@example.net")
    done = run("subscriber", "tag", *words)
    assert done.code == code
    assert said in done.err


def test_check_looks_at_every_variant_and_says_whose_fault_it_is(run: Commands) -> None:
    write(run.folder, ISSUE.replace("4711", "4711, TODO"))
    report = run("check", "spring", "--json").json
    placeholder = [each for each in report["findings"] if "TODO" in json.dumps(each)]
    assert placeholder
    assert all("readers tagged member" in each["message"] for each in placeholder)
    general = [each for each in report["findings"] if each not in placeholder]
    assert not [each for each in general if "without tags and" in each["message"]]


@pytest.mark.parametrize(
    ("wrong", "line", "said"),
    [
        ("::: only list=wekly", 9, 'no list "wekly"'),
        ("::: only member", 9, "is not a condition"),
        ("::: only tag=member", 9, "never closed"),
    ],
)
def test_condition_that_cannot_be_meant_stops_the_send_at_its_line(
    run: Commands, wrong: str, line: int, said: str
) -> None:
    run.ok("subscriber", "add", "ada@example.net", "--confirmed", "--basis", "asked")
    text = ISSUE.replace("::: only tag=member", wrong)
    write(run.folder, text.replace("4711.\n:::", "4711.") if "never" in said else text)
    report = run("check", "spring", "--json").json
    assert [each["line"] for each in report["findings"] if said in each["message"]] == [line]
    done = run("send", "spring", "--yes", "--expect", "1")
    assert done.code == 4
    assert said in done.err


def test_what_is_for_some_never_stands_in_the_archive(tmp_path: Path) -> None:
    write(tmp_path)
    with websites.world(tmp_path) as world:
        world.subscribe("ada@example.net")
        world.launch("spring")
        for path in ("/archive/", "/archive/spring/"):
            page = world.client.get(path).text
            assert "4711" not in page
            assert "board" not in page
        assert "Become a member" in world.client.get("/archive/spring/").text


def test_test_copy_is_what_that_reader_gets_or_readers_with_the_tags_asked_for(run: Commands) -> None:
    run.ok("subscriber", "add", "ada@example.net", "--tag", "member")
    run.ok("test", "spring", "--to", "ada@example.net")
    run.ok("test", "spring", "--to", "eva@example.net", "--tag", "board")
    run.ok("test", "spring", "--to", "bob@example.net")
    got = texts(run.folder / "var" / "sandbox")
    assert "4711" in got["ada@example.net"]
    assert "board met" in got["eva@example.net"]
    assert "4711" not in got["bob@example.net"] + got["eva@example.net"]


def test_preview_shows_what_that_reader_gets(run: Commands) -> None:
    run.ok("subscriber", "add", "ada@example.net", "--tag", "member")
    shown = run.folder / "shown"
    run.ok("preview", "spring", "--as", "ada@example.net", "--out", shown)
    assert "4711" in (shown / "spring.html").read_text()
    run.ok("preview", "spring", "--tag", "Member", "--tag", "board", "--out", shown)
    assert all(words in (shown / "spring.txt").read_text() for words in ("4711", "The board met"))
    run.ok("preview", "spring", "--out", shown)
    assert "4711" not in (shown / "spring.html").read_text() + (shown / "spring.txt").read_text()
