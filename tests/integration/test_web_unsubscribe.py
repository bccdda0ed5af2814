"""Leaving: at once, by whatever post, whoever one is, as often as one likes (RFC 8058)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import websites
from sqlalchemy import delete
from websites import World, mutated

from newsletter.store.schema import CampaignKind, SuppressionReason, subscribers, subscriptions
from newsletter.subscribers import suppression

ADA = "ada@example.net"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with websites.world(tmp_path) as found:
        found.subscribe(ADA)
        found.rung.clear()
        yield found


def last_source(world: World) -> str:
    return str(world.rows("consent_records")[-1].personal["source"])


def test_page_names_list_and_masked_address_and_changes_nothing(world: World) -> None:
    path, before = world.leave_path(ADA), world.fingerprint()
    page = world.client.get(path)
    assert page.text.count("<button") == 1
    assert "The Steady Spine" in page.text
    assert "a…a@example.net" in page.text
    assert ADA not in page.text
    world.client.head(path)
    world.client.options(path)
    assert world.fingerprint() == before


def test_one_click_urlencoded_leaves_at_once(world: World) -> None:
    answer = world.client.post(world.leave_path(ADA), data=ONE_CLICK)
    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    assert world.status(ADA) == "unsubscribed"
    assert last_source(world) == "one-click"


def test_one_click_multipart_leaves_at_once(world: World) -> None:
    world.client.post(world.leave_path(ADA), data=ONE_CLICK, content_type="multipart/form-data")
    assert world.status(ADA) == "unsubscribed"
    assert last_source(world) == "one-click"


def test_button_of_the_page_leaves_at_once(world: World) -> None:
    answer = world.client.post(world.leave_path(ADA), data={"unsubscribe": "yes"})
    assert "You are unsubscribed" in answer.text
    assert 'href="/lists/steady-spine"' in answer.text
    assert world.status(ADA) == "unsubscribed"
    assert last_source(world) == "unsubscribe-page"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", ""),
        (b"List-Unsubscribe=One-Click", ""),
        (b"{}", "application/json"),
        (b"--x broken", "multipart/form-data; boundary=y"),
        (b"no parts", "multipart/form-data"),
        (b"\xff\xfe%zz", "application/x-www-form-urlencoded"),
    ],
)
def test_any_body_will_do(world: World, body: bytes, kind: str) -> None:
    assert world.client.post(world.leave_path(ADA), data=body, content_type=kind).status_code == 200
    assert world.status(ADA) == "unsubscribed"


def test_cross_site_and_foreign_hosts_make_no_difference(world: World) -> None:
    answer = world.client.post(
        world.leave_path(ADA),
        data=ONE_CLICK,
        headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://mail.example.com", "Host": "whatever.example"},
    )
    assert answer.status_code == 200
    assert world.status(ADA) == "unsubscribed"


def test_body_over_four_kilobytes_is_refused(world: World) -> None:
    before = world.fingerprint()
    for kind in ("application/x-www-form-urlencoded", "text/plain"):
        assert world.client.post(world.leave_path(ADA), data=b"x" * 4097, content_type=kind).status_code == 413
    assert world.fingerprint() == before


def test_repeating_it_a_hundred_times_is_one_event(world: World) -> None:
    path = world.leave_path(ADA)
    world.client.post(path, data=ONE_CLICK)
    settled = world.fingerprint()
    assert {world.client.post(path, data=ONE_CLICK).status_code for _ in range(100)} == {200}
    assert world.fingerprint() == settled


def test_whoever_is_pending_or_suppressed_may_leave_too(world: World) -> None:
    world.sign_up("pending@example.net")
    with world.site.database.write() as connection:
        person = world.site.keys.address_hash(ADA)
        suppression.suppress(connection, person, SuppressionReason.COMPLAINT, world.clock())
    for email in ("pending@example.net", ADA):
        assert world.client.post(world.leave_path(email), data=ONE_CLICK).status_code == 200
        assert world.status(email) == "unsubscribed"


def test_erased_reader_has_nothing_left_to_do(world: World) -> None:
    path = world.leave_path(ADA)
    with world.site.database.write() as connection:
        connection.execute(delete(subscriptions))
        connection.execute(delete(subscribers))
    before = world.fingerprint()
    assert world.client.get(path).status_code == 200
    assert world.client.post(path, data=ONE_CLICK).status_code == 200
    assert world.fingerprint() == before


def test_link_to_a_list_that_was_taken_away_still_works(world: World) -> None:
    path = "/u/" + world.site.keys.sign("unsubscribe", world.person(ADA).uid, 4711)
    assert world.client.get(path).status_code == 200
    assert world.client.post(path, data=ONE_CLICK).status_code == 200


def test_a_thousand_tampered_tokens_change_nothing(world: World) -> None:
    prefix, _, token = world.leave_path(ADA).rpartition("/")
    before = world.fingerprint()
    for candidate in mutated(token, 1000):
        assert world.client.post(f"{prefix}/{candidate}", data=ONE_CLICK).status_code == 404
    assert world.fingerprint() == before


def test_farewell_wakes_the_sender_where_the_list_has_one(world: World) -> None:
    world.client.post(world.leave_path(ADA), data=ONE_CLICK)
    assert world.rung == []
    world.subscribe("bea@example.net", "/lists/clinic-notes")
    world.rung.clear()
    world.client.post(world.leave_path("bea@example.net", "clinic-notes"), data=ONE_CLICK)
    assert world.rung == [1]
    assert world.mails(CampaignKind.GOODBYE) == 1


def test_link_survives_a_rotation_of_keys(world: World, tmp_path: Path) -> None:
    path = world.leave_path(ADA)
    rotated = world.site.keys.rotated(world.clock())
    world.site.__dict__["keys"] = rotated
    assert world.client.post(path, data=ONE_CLICK).status_code == 200
    assert world.status(ADA) == "unsubscribed"
