"""The form on other people's pages: a script, a token that names the page, and the code to paste."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import websites
from commands import Commands
from websites import World, hidden_fields

BLOG = {"Origin": "https://blog.example.com"}
SCRIPT = {**BLOG, "Accept": "application/json"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with websites.world(tmp_path, top='languages = ["en", "de"]') as found:
        yield found


def test_script_is_small_and_alone(world: World) -> None:
    script = world.client.get("/embed/steady-spine.js")
    assert script.mimetype == "text/javascript"
    assert len(script.data) < 6 * 1024
    assert b"http" not in script.data
    assert world.client.get("/embed/nothing.js").status_code == 404
    assert world.client.get("/embed/nothing.json").status_code == 404
    assert world.client.get("/static/embed.js").status_code == 404


def test_form_with_a_token_is_answered_in_place_and_names_its_site(world: World) -> None:
    token = world.client.get("/embed/steady-spine.json", headers=BLOG)
    assert token.headers["Access-Control-Allow-Origin"] == "*"
    assert token.headers["Cache-Control"] == "no-store"
    world.clock.advance(timedelta(seconds=5))
    form = {"email": "ada@example.net", "list": "steady-spine", "lang": "de", **token.json}
    answer = world.client.post("/subscribe", data=form, headers=SCRIPT)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert (answer.json["title"], answer.json["language"]) == ("Sehen Sie in Ihrem Postfach nach", "de")
    assert world.status("ada@example.net") == "pending"
    assert world.rows("consent_records")[0].personal["origin"] == "https://blog.example.com"


def test_script_is_told_the_same_whatever_the_address(world: World) -> None:
    world.subscribe("ada@example.net")
    answers = set()
    for address in ("ada@example.net", "new@example.net"):
        token = world.client.get("/embed/steady-spine.json", headers=BLOG).json
        world.clock.advance(timedelta(seconds=5))
        answer = world.client.post("/subscribe", data={"email": address, **token}, headers=SCRIPT)
        answers.add((answer.status_code, answer.data, tuple(answer.headers)))
    assert len(answers) == 1


def test_mistakes_come_back_as_sentences(world: World) -> None:
    answer = world.client.post("/subscribe", data={"email": "ada@", "lang": "de"}, headers=SCRIPT)
    assert answer.status_code == 400
    assert answer.json == {"errors": {"email": "An diese E-Mail-Adresse können wir nichts senden."}}


def test_whoever_the_gate_doubts_gets_the_page_and_not_an_answer(world: World) -> None:
    before = world.rows("subscriptions")
    answer = world.client.post("/subscribe", data={"email": "ada@example.net"}, headers=SCRIPT)
    assert answer.mimetype == "text/html"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert world.rows("subscriptions") == before


def test_only_the_embedded_form_may_be_framed(world: World) -> None:
    for path in ("/", "/lists/clinic-notes", "/check-inbox", "/embed/steady-spine.js", "/embed/steady-spine.json"):
        assert "frame-ancestors 'none'" in world.client.get(path).headers["Content-Security-Policy"]


def test_command_prints_code_that_works(
    site_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    commands = Commands(site_folder, monkeypatch, capfd)
    codes = commands.ok("embed", "clinic-notes", "--json").json
    assert codes["list"] == "clinic-notes"
    assert hidden_fields(codes["html"]) == {"list": "clinic-notes"}
    assert codes["script"].startswith(codes["html"])
    assert codes["script"].endswith('/embed/clinic-notes.js" defer></script>')
    assert '/embed/clinic-notes.html"' in codes["iframe"]
    assert 'id="newsletter-clinic-notes-email"' in codes["html"]
    height = re.search(r'height="(\d+)"', codes["iframe"])
    assert height is not None
    assert int(height[1]) >= 720
    assert commands("embed", "--lang", "xx").code == 3
