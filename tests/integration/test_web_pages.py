"""What holds on every page: headers, errors, no cookies, no change by looking, no traces in logs."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import websites
from websites import World

from newsletter import starter
from newsletter.errors import ConfigError, ContentError, StoreError
from newsletter.site import Site
from newsletter.web.app import create_app

ADA = "ada@example.net"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "issues").symlink_to(starter.issues())
    with websites.world(tmp_path) as found:
        yield found


def every_path(world: World) -> list[str]:
    """One address of every kind, with live tokens."""
    confirm = world.sign_up(ADA)
    world.launch("001-why-your-back-hurts")
    return [
        *("/", "/lists/clinic-notes", "/embed/steady-spine.html", "/subscribe", "/check-inbox"),
        *(confirm, world.not_me_path(ADA), world.leave_path(ADA)),
        *("/archive/", "/archive/001-why-your-back-hurts/", "/media/" + world.rows("media")[0].name),
        *("/static/site.css", "/static/theme.css", "/static/issue.css", "/healthz", "/nothing", "/u/forged"),
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_looking_changes_nothing(world: World, method: str) -> None:
    paths = every_path(world)
    before = world.fingerprint()
    for path in paths:
        assert world.client.open(path, method=method).status_code < 500
    assert world.fingerprint() == before


def test_every_answer_is_strict_and_sets_no_cookie(world: World) -> None:
    for path in every_path(world):
        for method in ("GET", "POST", "PUT"):
            headers = world.client.open(path, method=method).headers
            assert headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert "script" not in headers["Content-Security-Policy"]
            assert "unsafe" not in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert "Set-Cookie" not in headers


def test_pages_behind_tokens_are_neither_kept_nor_indexed(world: World) -> None:
    for path in [*every_path(world)[5:8], "/u/forged", "/confirm/forged", "/not-me/test"]:
        headers = world.client.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert "noindex" in headers["X-Robots-Tag"]


def test_pages_need_no_script_no_inline_style_and_no_third_party(world: World) -> None:
    for path in every_path(world):
        page = world.client.get(path)
        if page.mimetype == "text/html":
            assert "<script" not in page.text
            assert "style=" not in page.text
            assert 'src="http' not in page.text
            assert '<html lang="en" dir="ltr">' in page.text


def test_any_host_is_answered_and_nothing_redirects_to_another(world: World) -> None:
    for path in [*every_path(world), "/archive", "/archive/001-why-your-back-hurts", "/u//x"]:
        answer = world.client.get(path, headers={"Host": "some.where.example:8443"})
        assert answer.status_code < 500
        assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/static/../app.py", 404),
        ("GET", "/static/base.html", 404),
        ("GET", "/static/nothing.css", 404),
        ("GET", "/media/nothing.png", 404),
        ("GET", "/subscribe", 405),
        ("DELETE", "/", 405),
        ("POST", "/check-inbox", 405),
    ],
)
def test_errors_are_pages_of_the_house(world: World, method: str, path: str, status: int) -> None:
    answer = world.client.open(path, method=method)
    assert answer.status_code == status
    assert 'class="masthead"' in answer.text
    if status == 405:
        assert answer.headers["Allow"]


def test_surprise_is_a_page_without_a_traceback(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> str:
        raise RuntimeError("the secret of " + ADA)

    world.app.add_url_rule("/broken", view_func=broken)
    answer = world.client.get("/broken")
    assert answer.status_code == 500
    assert "Our mistake" in answer.text
    assert "secret" not in answer.text
    assert "RuntimeError" in caplog.text


def test_database_that_cannot_be_written_asks_to_try_again(world: World) -> None:
    def full() -> str:
        raise StoreError("The disk is full.")

    world.app.add_url_rule("/full", view_func=full)
    answer = world.client.get("/full")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "disk" not in answer.text


def test_damaged_database_is_a_page_too(world: World) -> None:
    path = world.sign_up(ADA)
    with contextlib.closing(sqlite3.connect(world.site.database.path)) as connection:
        connection.execute("ALTER TABLE subscriptions RENAME TO gone")
    answer = world.client.post(path)
    assert answer.status_code == 500
    assert "Our mistake" in answer.text


def test_broken_theme_still_answers(world: World, tmp_path: Path) -> None:
    (tmp_path / "templates" / "web").mkdir(parents=True)
    (tmp_path / "templates" / "web" / "base.html").write_text("{{ nonsense }}", "utf-8")
    with Site.open(tmp_path, world.clock) as site:
        client = create_app(site).test_client()
        assert client.get("/").status_code == 500
        assert "went wrong on our side" in client.get("/nothing").text


def test_fault_in_a_template_is_one_line_in_the_log(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    page = tmp_path / "templates" / "web" / "check_inbox.html"
    page.parent.mkdir(parents=True)
    page.write_text("fine\n{{ nonsense }}\n", "utf-8")
    with Site.open(tmp_path, world.clock) as site:
        answer = create_app(site).test_client().get("/check-inbox")
    assert answer.status_code == 500
    assert "Our mistake" in answer.text
    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert record.getMessage().startswith(f"GET /check-inbox: {page}:2: 'nonsense' is undefined.")
    assert record.exc_info is None
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"fine\n{% if %}\n", r"disowned\.html:2: .*Expected an expression"), (b"\xff", r"disowned\.html: .*not UTF-8")],
)
def test_misspelt_template_stops_the_pages_before_a_reader_meets_it(
    world: World, tmp_path: Path, content: bytes, said: str
) -> None:
    page = tmp_path / "templates" / "web" / "disowned.html"
    page.parent.mkdir(parents=True)
    page.write_bytes(content)
    with Site.open(tmp_path, world.clock) as site, pytest.raises(ContentError, match=said):
        create_app(site)


def test_site_file_wins_over_the_starter(world: World, tmp_path: Path) -> None:
    static = tmp_path / "templates" / "web" / "static"
    static.mkdir(parents=True)
    (static / "site.css").write_text("body { color: red }", "utf-8")
    (static / "logo.png").write_bytes(b"\x89PNG")
    assert world.client.get("/static/site.css").text == "body { color: red }"
    assert world.client.get("/static/logo.png").content_type == "image/png"
    (static / "code.js").write_text("alert(1)", "utf-8")
    assert world.client.get("/static/code.js").status_code == 404


def test_accent_of_the_site_reaches_the_style_sheet(tmp_path: Path) -> None:
    with websites.world(tmp_path, more='[theme]\naccent = "#7a1f5c"\nfonts = "sans"') as world:
        css = world.client.get("/static/theme.css").text
        assert "--accent: #7a1f5c" in css
        assert "prefers-color-scheme: dark" in css
        assert "Georgia" not in css


def test_unreadable_accent_is_refused_before_anybody_sees_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError), websites.world(tmp_path, more='[theme]\naccent = "#ffff99"'):
        pass


def test_health_reads_the_database(world: World) -> None:
    answer = world.client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_access_log_knows_no_tokens_and_no_addresses(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    paths = every_path(world)
    caplog.clear()
    for path in [*paths, f"/nothing/{ADA}"]:
        world.client.get(path, environ_base={"REMOTE_ADDR": "203.0.113.77"})
        world.client.post(path, data={"email": ADA}, environ_base={"REMOTE_ADDR": "203.0.113.77"})
    assert '"GET /u/… HTTP/1.1" 200' in caplog.text
    assert "203.0.113.77" not in caplog.text
    assert "@" not in caplog.text
    for path in paths[5:8]:
        assert path.rpartition("/")[2] not in caplog.text


def test_direction_and_language_follow_the_configuration(tmp_path: Path) -> None:
    with websites.world(tmp_path, top='language = "ar"') as world:
        assert '<html lang="ar" dir="rtl">' in world.client.get("/").text
