"""Values are checked where they enter, so that no password meets a relay without TLS and no header a line break."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from newsletter.config import Config, is_loopback
from newsletter.errors import NotFoundError

BASE: dict[str, Any] = {
    "name": "The Steady Spine",
    "base_url": "https://news.example.org",
    "sender": {"address": "editor@news.example.org"},
    "lists": [{"slug": "steady-spine", "title": "The Steady Spine"}],
}


def make(**changes: Any) -> Config:
    return Config(**{**BASE, **changes})


def refused(**changes: Any) -> str:
    with pytest.raises(ValidationError) as error:
        make(**changes)
    return str(error.value)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_plain_smtp_is_allowed_to_this_machine(host: str) -> None:
    found = make(smtp={"host": host, "security": "none"})
    assert found.is_local
    assert not found.uses_sandbox


@pytest.mark.parametrize(
    "host", ["smtp.example.org", "10.0.0.1", "localhost.example.org", "0.0.0.0", "127.0.0.1.example.org"]
)
def test_plain_smtp_is_refused_to_any_other(host: str) -> None:
    assert "this machine only" in refused(smtp={"host": host, "security": "none"})
    assert not is_loopback(host)
    assert not make(smtp={"host": host}).is_local


def test_username_without_password_is_refused() -> None:
    assert "NEWSLETTER_SMTP__PASSWORD" in refused(smtp={"host": "smtp.example.org", "username": "u"})


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000", "https://x.example/"]
)
def test_base_url_is_https_or_this_machine(url: str) -> None:
    assert make(base_url=url).base_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://news.example.org",
        "http://10.0.0.1",
        "ftp://news.example.org",
        "news.example.org",
        "https://",
        "https://news.example.org/?a=b",
        "https://news.example.org/#a",
        "javascript:alert(1)",
        "http://[::1",
        "",
    ],
)
def test_base_url_that_readers_cannot_use_is_refused(url: str) -> None:
    assert "base_url" in refused(base_url=url)


@pytest.mark.parametrize("breaker", ["\r\nBcc: x@example.net", "\n", "\0", "\x0b", "\x85", "\u2028", "\u2029", "\x7f"])
@pytest.mark.parametrize("place", ["name", "sender", "list", "host", "selector"])
def test_line_break_in_a_name_is_refused(breaker: str, place: str) -> None:
    bad = f"Spine{breaker}end"
    changes: dict[str, Any] = {
        "name": {"name": bad},
        "sender": {"sender": {"address": "editor@news.example.org", "name": bad}},
        "list": {"lists": [{"slug": "a", "title": bad}]},
        "host": {"smtp": {"host": bad}},
        "selector": {"dkim": {"selector": bad}},
    }[place]
    assert "line breaks" in refused(**changes)


def test_spaces_in_a_name_are_collapsed() -> None:
    assert make(name="  The   Steady Spine ").name == "The Steady Spine"


@pytest.mark.parametrize("slug", ["", "-a", "A", "a b", "a_b", "ä", "a" * 64, "a/b", "a\n"])
def test_slug_is_something_an_address_can_hold(slug: str) -> None:
    if slug.strip() == "a":
        assert make(lists=[{"slug": slug, "title": "A"}]).default_list.slug == "a"
    else:
        assert "slug" in refused(lists=[{"slug": slug, "title": "A"}])


@pytest.mark.parametrize(
    "address", ["", "editor", "Editor <editor@example.org>", "a@x.example, b@y.example", "a@localhost"]
)
def test_sender_is_an_address_that_can_be_mailed(address: str) -> None:
    assert "sender.address" in refused(sender={"address": address})


def test_reply_to_may_be_absent_but_not_wrong() -> None:
    assert make(sender={"address": "editor@news.example.org", "reply_to": ""}).sender.reply_to == ""
    assert "reply_to" in refused(sender={"address": "editor@news.example.org", "reply_to": "letters"})


@pytest.mark.parametrize("name", ["email", "name", "first_name", "City", "1st", "a-b", "", "a" * 41])
def test_field_name_is_usable_in_a_merge_tag(name: str) -> None:
    assert "fields.0" in refused(fields=[{"name": name}])


def test_two_lists_or_fields_of_one_name_are_refused() -> None:
    assert "two lists are called 'a'" in refused(lists=[{"slug": "a", "title": "A"}, {"slug": "a", "title": "B"}])
    assert "two fields are called 'city'" in refused(fields=[{"name": "city"}, {"name": "city"}])


def test_site_without_a_list_is_refused() -> None:
    assert "lists" in refused(lists=[])


@pytest.mark.parametrize("accent", ["red", "#12345", "#12345g", "#123456;}", "url(x)"])
def test_accent_is_a_colour(accent: str) -> None:
    assert "accent" in refused(theme={"accent": accent})


@pytest.mark.parametrize(
    ("return_path", "kept"),
    [
        ("", ""),
        ("bounces.example.org", "bounces.example.org"),
        ("anything@Bounces.Example.org", "anything@bounces.example.org"),
        ("rücken.example", "xn--rcken-kva.example"),
        ("b@rücken.example", "b@xn--rcken-kva.example"),
    ],
)
def test_return_path_is_a_domain_or_an_address_as_the_wire_wants_it(return_path: str, kept: str) -> None:
    assert make(feedback={"return_path": return_path}).feedback.return_path == kept


@pytest.mark.parametrize(
    "return_path", ["b@", "@", "@bounces.example.org", "bounces", "two words", "a@b@c.example", "x> SIZE=1", "a\r\nb"]
)
def test_return_path_no_server_would_take_is_refused(return_path: str) -> None:
    assert "feedback.return_path" in refused(feedback={"return_path": return_path})


def test_list_is_found_by_slug_and_the_nearest_is_named() -> None:
    found = make(lists=[{"slug": "steady-spine", "title": "A"}, {"slug": "clinic-notes", "title": "B"}])
    assert found.list(None).slug == "steady-spine"
    assert found.list("clinic-notes").title == "B"
    with pytest.raises(NotFoundError, match=r"Did you mean clinic-notes\?"):
        found.list("clinic-note")


def test_configuration_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        make().name = "Other"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///var/newsletter.db", "sqlite:///var/newsletter.db"),
        ("postgresql+psycopg://me:hunter2@db/news", "postgresql+psycopg://me:***@db/news"),
        ("postgresql+psycopg://:hunter2@db/news", "postgresql+psycopg://:***@db/news"),
        ("postgresql+psycopg://me@db/news", "postgresql+psycopg://me@db/news"),
    ],
)
def test_password_of_the_database_is_used_and_not_shown(url: str, shown: str) -> None:
    found = make(database={"url": url})
    assert found.database.url == url
    assert found.model_dump(mode="json")["database"]["url"] == shown
