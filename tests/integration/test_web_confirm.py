"""Confirming: only a press of the button counts, and every other outcome is a friendly page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import websites
from websites import World, mutated

from newsletter import config
from newsletter.site import Site
from newsletter.store.schema import CampaignKind
from newsletter.web.app import create_app

ADA = "ada@example.net"
BROWSER = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "User-Agent": "Mozilla/5.0 Firefox/140.0"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with websites.world(tmp_path) as found:
        yield found


def test_page_has_one_button_and_changes_nothing(world: World) -> None:
    path = world.sign_up(ADA)
    before = world.fingerprint()
    page = world.client.get(path)
    assert page.status_code == 200
    assert page.text.count("<button") == 1
    assert f'method="post" action="{path}"' in page.text
    assert "The Steady Spine" in page.text
    assert ADA not in page.text
    assert "a…a@example.net" in page.text
    world.client.head(path)
    world.client.options(path)
    assert world.fingerprint() == before


def test_empty_post_confirms_and_enrols_a_welcome(world: World) -> None:
    path = world.sign_up(ADA)
    world.rung.clear()
    answer = world.client.post(path)
    assert answer.status_code == 200
    assert "You are in" in answer.text
    assert world.status(ADA) == "confirmed"
    assert world.mails(CampaignKind.WELCOME) == 1
    assert world.rung == [1]


def test_repeated_confirmation_is_as_friendly_and_changes_nothing(world: World) -> None:
    path = world.sign_up(ADA)
    world.client.post(path)
    before = world.fingerprint()
    for answer in (world.client.post(path), world.client.get(path)):
        assert answer.status_code == 200
        assert "Already confirmed" in answer.text
    assert world.fingerprint() == before


def test_expired_link_leads_back_to_the_form(world: World) -> None:
    path = world.sign_up(ADA)
    world.clock.advance(timedelta(days=7, seconds=1))
    before = world.fingerprint()
    for answer in (world.client.get(path), world.client.post(path)):
        assert answer.status_code == 410
        assert 'href="/lists/steady-spine"' in answer.text
    assert world.fingerprint() == before


def test_a_thousand_tampered_tokens_change_nothing(world: World) -> None:
    confirm, disown = world.sign_up(ADA), world.not_me_path(ADA)
    before = world.fingerprint()
    for path in (confirm, disown):
        prefix, _, token = path.rpartition("/")
        for candidate in mutated(token, 1000):
            assert world.client.post(f"{prefix}/{candidate}").status_code == 404
    assert world.fingerprint() == before


def test_token_opens_only_its_own_door(world: World) -> None:
    confirm, disown = world.sign_up(ADA), world.not_me_path(ADA)
    before = world.fingerprint()
    assert world.client.post(confirm.replace("/confirm/", "/not-me/")).status_code == 404
    assert world.client.post(disown.replace("/not-me/", "/confirm/")).status_code == 404
    assert world.client.post(confirm.replace("/confirm/", "/u/")).status_code == 404
    assert world.fingerprint() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example.com"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
)
def test_post_from_another_site_gets_the_button_again(world: World, headers: dict[str, str]) -> None:
    path, not_me = world.sign_up(ADA), world.not_me_path(ADA)
    before = world.fingerprint()
    answer = world.client.post(path, headers=headers)
    assert answer.status_code == 403
    assert f'action="{path}"' in answer.text
    assert world.client.post(not_me, headers=headers).status_code == 403
    assert world.fingerprint() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Origin": "null"},
        {"Origin": "http://localhost"},
        {"Origin": "https://news.example.org"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_post_from_our_own_page_confirms(world: World, headers: dict[str, str]) -> None:
    assert world.client.post(world.sign_up(ADA), headers=headers).status_code == 200
    assert world.status(ADA) == "confirmed"


def test_name_counts_only_once_confirmed(world: World) -> None:
    path = world.sign_up(ADA, name="Ada Lovelace")
    assert world.person(ADA).name == ""
    world.client.post(path)
    assert world.person(ADA).name == "Ada Lovelace"


def test_not_me_asks_first_and_then_leaves_the_address_alone_for_good(world: World) -> None:
    world.sign_up(ADA)
    path = world.not_me_path(ADA)
    before = world.fingerprint()
    page = world.client.get(path)
    assert page.text.count("<button") == 1
    assert world.fingerprint() == before
    assert "We leave you alone" in world.client.post(path).text
    assert world.status(ADA) == "unsubscribed"
    assert [row.reason for row in world.rows("suppressions")] == ["manual"]
    settled = world.fingerprint()
    assert world.client.post(path).status_code == 200
    world.clock.advance(timedelta(days=1))
    assert world.fill_in(email=ADA).status_code == 303
    assert world.fingerprint() == settled


@pytest.mark.parametrize("door", ["confirm", "not-me", "u"])
def test_links_of_a_test_copy_do_nothing_and_say_so(world: World, door: str) -> None:
    before = world.fingerprint()
    for answer in (world.client.get(f"/{door}/test"), world.client.post(f"/{door}/test")):
        assert answer.status_code == 200
        assert "This link does nothing" in answer.text
    assert world.fingerprint() == before


def test_quiet_way_out_of_the_confirmation_page_has_a_door_of_its_own(world: World) -> None:
    path = world.sign_up(ADA)
    before = world.fingerprint()
    page = world.client.get(path).text
    assert page.count("<button") == 1
    assert f'href="{world.not_me_path(ADA)}"' in page
    assert world.client.get(world.not_me_path(ADA)).status_code == 200
    assert world.fingerprint() == before


def test_not_me_does_nothing_once_the_request_was_confirmed_and_says_how_to_leave(world: World) -> None:
    world.subscribe(ADA)
    path = world.not_me_path(ADA)
    before = world.fingerprint()
    for answer in (world.client.get(path), world.client.post(path)):
        assert answer.status_code == 200
        assert "<button" not in answer.text
        assert "/preferences/" in answer.text
    assert world.fingerprint() == before


def test_reader_who_disowns_a_strangers_request_keeps_what_they_read(world: World) -> None:
    world.subscribe(ADA)
    world.clock.advance(timedelta(days=1))
    confirm = world.sign_up(ADA, list="clinic-notes")
    path = world.not_me_path(ADA)
    assert "stays as it is" in world.client.get(path).text
    for _ in range(2):
        assert "Your other newsletters stay as they are" in world.client.post(path).text
    assert [row.status for row in world.rows("subscriptions")] == ["confirmed", "unsubscribed"]
    assert world.rows("suppressions") == []
    assert "Nothing is lost" not in world.client.get(confirm).text


def test_disowned_request_promises_no_fresh_link(world: World) -> None:
    confirm = world.sign_up(ADA)
    world.client.post(world.not_me_path(ADA))
    for answer in (world.client.get(confirm), world.client.post(confirm)):
        assert answer.status_code == 410
        assert "This request was withdrawn" in answer.text
        assert "Nothing is lost" not in answer.text
        assert "/lists/" not in answer.text


def test_links_signed_before_and_after_a_rotation_both_confirm(world: World) -> None:
    old, folder = world.sign_up(ADA), world.site.root
    world.site.keys.rotated(world.clock()).save(world.site.keys_path)
    with Site(folder, *config.load(folder, {}), world.clock) as rotated:
        client = create_app(rotated).test_client(use_cookies=False)
        uid = world.person(ADA).uid
        new = "/confirm/" + rotated.keys.sign("confirm", uid, 0)
        assert new != old
        assert "Please confirm" in client.get(new).text
        assert "You are in" in client.post(old).text
        assert "Already confirmed" in client.post(new).text
    assert world.status(ADA) == "confirmed"


def test_rate_of_confirmations_is_known_without_a_look_changing_anything(world: World) -> None:
    seen, unseen = world.sign_up(ADA), world.sign_up("bea@example.net")
    before = world.fingerprint()
    files = {path: path.read_bytes() for path in world.site.root.rglob("*.json")}
    for _ in range(3):
        world.client.get(seen, headers=BROWSER)
    for machine in (
        {},
        BROWSER | {"Sec-Purpose": "prefetch;prerender"},
        BROWSER | {"Purpose": "prefetch"},
        BROWSER | {"User-Agent": "Mozilla/5.0 HeadlessChrome/140.0"},
        BROWSER | {"User-Agent": "SafeLinksScanner/1.0"},
        BROWSER | {"Sec-Fetch-Dest": "empty"},
    ):
        world.client.get(unseen, headers=machine)
    world.client.head(unseen, headers=BROWSER)
    world.client.options(unseen, headers=BROWSER)
    assert world.fingerprint() == before
    assert {path: path.read_bytes() for path in world.site.root.rglob("*.json")} == files
    world.client.post(seen)
    world.client.post(unseen)
    world.site.housekeeping()
    assert [(each.viewed, each.pressed) for each in world.site.turnout.days()] == [(1, 1)]
