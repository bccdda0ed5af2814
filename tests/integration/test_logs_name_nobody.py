"""Whatever is asked of the pages, and whatever breaks, the log holds no address and no token."""

from __future__ import annotations

import http.client
import io
import os
import re
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
import websites
from served import run
from websites import World

from newsletter.config.model import ServerConfig
from newsletter.web.access_log import shown
from newsletter.web.logs import log, told_to
from newsletter.web.serve import serve

ADA = "ada.lovelace@example.net"
AGENT = "Mozilla/5.0 (of Ada; +mailto:ada.lovelace@example.net)"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with websites.world(tmp_path) as found:
        yield found


def ask(port: int, method: str, path: str, body: str = "") -> int:
    headers = {"User-Agent": AGENT, "Referer": f"https://mail.example.net/?to={ADA}"}
    if body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body or None, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def every_path(world: World, tokens: list[str]) -> Iterator[tuple[str, str]]:
    """Each route with each token, and with an address, in place of whatever it takes."""
    for rule in world.app.url_map.iter_rules():
        for value in [*tokens, ADA, urllib.parse.quote(ADA, safe="")]:
            path = re.sub(r"<[^>]+>", value, str(rule)).replace(
                "any('feed.xml', 'feed.atom', 'feed.json'):name", "feed.xml"
            )
            for method in sorted((rule.methods or set()) & {"GET", "POST", "PATCH", "DELETE", "PUT"}):
                yield method, path


def clean(text: str, tokens: list[str]) -> None:
    assert "@" not in text, [line for line in text.splitlines() if "@" in line]
    assert "%40" not in text
    assert "lovelace" not in text.lower()
    for token in tokens:
        assert token not in text
        assert token[4:-4] not in text


def test_log_of_every_route_names_nobody(world: World) -> None:
    confirm = world.sign_up(ADA)
    leave = world.leave_path(ADA)
    tokens = [confirm.rpartition("/")[2], leave.rpartition("/")[2]]
    tokens.append(world.site.keys.sign("preferences", world.person(ADA).uid))
    said = io.StringIO()
    server = serve(world.app, ServerConfig(), port=0)
    with told_to(said, requests=True):
        server.start()
        for method, path in every_path(world, tokens):
            body = urllib.parse.urlencode({"email": ADA, "token": tokens[0]}) if method != "GET" else ""
            ask(server.port, method, f"{path}?email={urllib.parse.quote(ADA)}&t={tokens[1]}", body)
        for path in (
            f"/{tokens[0]}",
            f"/{ADA}",
            f"/old/u/{tokens[1]}",
            f"//u/{tokens[1]}",
            "/wp-login.php",
            f"/u/{tokens[0]}/x",
        ):
            ask(server.port, "GET", path)
        server.close()
    text = said.getvalue()
    clean(text, tokens)
    lines = text.splitlines()
    assert len(lines) > 100
    pattern = r'127\.0\.0\.0/24 - - \[15/Sep/2026:[\d:]{8} \+0000\] "[A-Z]+ /\S* HTTP/1\.1" \d{3} (?:\d+|-) [\d.]+ ms'
    assert [line for line in lines if not re.fullmatch(pattern, line)] == []
    assert any('"GET /u/… HTTP/1.1" 200' in line for line in lines)
    assert any('"GET /wp-login.php HTTP/1.1" 404' in line for line in lines)


def test_fault_is_logged_with_its_traceback_and_without_its_values(world: World) -> None:
    """A statement that fails quotes its parameters, an address among them."""
    with world.site.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE wordings RENAME TO elsewhere")
    said = io.StringIO()
    with told_to(said, requests=True):
        status = world.fill_in(email=ADA).status_code
    assert status in {500, 503}
    text = said.getvalue()
    assert "Traceback" in text or "wordings" in text
    clean(text, [])


def test_fault_that_quotes_a_reader_and_a_thread_that_dies_are_redacted() -> None:
    said = io.StringIO()

    def die() -> None:
        raise ValueError(f"cannot mail {ADA}")

    with told_to(said, requests=False):
        try:
            die()
        except ValueError as error:
            log.error("%s could not be told", ADA, exc_info=error)
        thread = threading.Thread(target=die, name="telling")
        thread.start()
        thread.join()
    text = said.getvalue()
    assert text.count("cannot mail ‹address›") == 2
    assert "telling has ended" in text
    clean(text, [])


def test_nothing_is_written_until_it_is_asked_for(world: World) -> None:
    said = io.StringIO()
    with told_to(said, requests=False):
        world.client.get("/")
    assert said.getvalue() == ""


def test_unknown_paths_keep_their_beginning_only() -> None:
    assert shown(None, {}, "/wp-login.php") == "/wp-login.php"
    assert shown(None, {}, "/wp-admin/setup") == "/wp-admin/…"
    assert shown(None, {}, "/ada@example.org") == "/…"
    assert shown(None, {}, "/" + "x" * 40) == "/…"
    assert shown(None, {}, "//u/abc") == "//…"


@pytest.mark.parametrize("words", [(), ("--quiet",)])
def test_server_writes_its_log_to_standard_error_unless_it_is_to_be_quiet(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    folder, errors = tmp_path / "site", tmp_path / "errors"
    assert run("init", str(folder)).returncode == 0
    token = "aB3" * 20
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "newsletter", "--site", str(folder), *words, "serve", "--port", "0"],
            env={**os.environ, "NEWSLETTER_SERVER__ACCESS_LOG": "true", "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        try:
            assert process.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
            assert found is not None
            for path in ("/", f"/?email={ADA}", f"/u/{token}"):
                ask(int(found[1]), "GET", path)
        finally:
            process.terminate()
            process.communicate(timeout=30)
    said = errors.read_text("utf-8")
    clean(said, [token])
    assert said.count("GET / HTTP/1.1") == (0 if words else 2)
    assert said.count("GET /u/… HTTP/1.1") == (0 if words else 1)
