"""Preferences: what any link of ours may do, what only a freshly mailed one may, and what nobody's look may."""

from __future__ import annotations

import email.policy
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import cast

import pytest
import websites
from websites import World, mutated, visible

from newsletter.campaigns import audience
from newsletter.store.schema import CampaignKind, SuppressionReason
from newsletter.subscribers import consent, people, suppression
from newsletter.transport.memory import MemoryTransport

ADA = "ada@example.net"
FIELDS = """
[[fields]]
name = "city"
label = "Your city"
[[fields]]
name = "visits"
type = "number"
[[fields]]
name = "nurse"
type = "boolean"
"""
WORDS = re.compile(r"Lovelace|Vienna")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with websites.world(tmp_path, top='languages = ["de"]', more=FIELDS) as found:
        found.subscribe(ADA, name="Ada Lovelace", city="Vienna")
        post(found)
        found.clock.advance(timedelta(days=1))
        found.rung.clear()
        yield found


def old(world: World, address: str = ADA) -> str:
    """The path behind the link of every mail."""
    return "/preferences/" + world.site.keys.sign("preferences", world.person(address).uid)


def fresh(world: World, address: str = ADA) -> str:
    """Have a link mailed and open it."""
    assert world.client.post(old(world, address) + "/link").status_code == 200
    return path_in(post(world)[-1], "preferences")


def post(world: World) -> list[EmailMessage]:
    """Send whatever is due; the mails, as their readers get them."""
    transport = MemoryTransport()
    world.site.sender(transport=transport).drain()
    parser = email.policy.default
    return [cast("EmailMessage", email.message_from_bytes(each.message, policy=parser)) for each in transport.messages]


def path_in(mail: EmailMessage, door: str) -> str:
    """The link that stands alone on its line in the text part."""
    part = mail.get_body(("plain",))
    assert part is not None
    home = "https://news.example.org"
    links = [line.removeprefix(home) for line in part.get_content().splitlines() if line.startswith(f"{home}/{door}/")]
    assert len(links) == 1
    return str(links[0])


def test_link_of_an_old_mail_shows_nothing_and_switches_off(world: World) -> None:
    path, before = old(world), world.fingerprint()
    page = world.client.get(path)
    assert page.status_code == 200
    assert "a…a@example.net" in page.text
    assert ADA not in page.text
    assert not WORDS.search(page.text)
    assert world.fingerprint() == before
    assert "Saved." in world.client.post(path, data={"save": "yes"}).text
    assert world.status(ADA) == "unsubscribed"
    assert world.rows("consent_records")[-1].personal["source"] == "preferences-page"


def test_forwarded_link_can_neither_read_nor_wipe_nor_change(world: World) -> None:
    path, before = old(world), world.fingerprint()
    for answer in (
        world.client.get(path + "/export.json"),
        world.client.post(path + "/forget", data={"sure": "yes"}),
        world.client.post(path + "/address", data={"email": "eve@example.net"}),
    ):
        assert answer.status_code == 403
        assert "Mail me a link" in answer.text
        assert ADA not in answer.text
        assert not WORDS.search(answer.text)
    assert world.fingerprint() == before
    world.client.post(path, data={"save": "yes", "list": "steady-spine", "name": "Eve", "city": "Paris"})
    assert (world.person(ADA).name, world.person(ADA).fields) == ("Ada Lovelace", {"city": "Vienna"})


def test_list_switched_on_by_an_old_link_asks_the_mailbox_first(world: World) -> None:
    page = world.client.post(old(world), data={"list": ["steady-spine", "clinic-notes"]})
    assert "press its button" in page.text
    assert world.status(ADA, "clinic-notes") == "pending"
    assert world.rung == [1]
    (mail,) = post(world)
    assert world.client.post(path_in(mail, "confirm")).status_code == 200
    assert world.status(ADA, "clinic-notes") == "confirmed"


def test_list_switched_on_by_a_fresh_link_is_confirmed_with_evidence_that_says_so(world: World) -> None:
    path = fresh(world)
    world.client.post(path, data={"save": "yes", "list": ["steady-spine", "clinic-notes"]})
    assert world.status(ADA, "clinic-notes") == "confirmed"
    asked, confirmed = world.rows("consent_records")[-2:]
    assert (asked.kind, confirmed.kind) == ("requested", "confirmed")
    assert asked.wording_hash
    assert confirmed.personal["source"] == "preferences-fresh-link"
    assert any("Welcome to Clinic Notes" in each["Subject"] for each in post(world))
    with world.site.database.read() as connection:
        assert list(consent.broken(connection)) == []


def test_list_that_is_not_public_is_offered_and_joined_only_by_who_had_to_do_with_it(tmp_path: Path) -> None:
    with websites.world(tmp_path, more="public = false") as world:
        world.subscribe(ADA)
        path = fresh(world)
        assert "Clinic Notes" not in world.client.get(path).text
        world.client.post(path, data={"save": "yes", "list": ["steady-spine", "clinic-notes"]})
        assert world.status(ADA, "clinic-notes") is None
        world.clock.advance(timedelta(hours=1))
        world.subscribe(ADA, "/lists/clinic-notes")
        assert "Clinic Notes" in world.client.get(path).text


def test_fresh_link_changes_name_fields_and_language(world: World) -> None:
    path = fresh(world)
    page = world.client.get(path).text
    assert 'value="Ada Lovelace"' in page
    assert ADA not in page
    form = {"save": "yes", "list": "steady-spine", "name": "Ada King", "city": "", "visits": "3", "nurse": "yes"}
    assert world.client.post(path, data=form | {"language": "de"}).status_code == 200
    person = world.person(ADA)
    assert (person.name, person.fields, person.language) == ("Ada King", {"visits": "3", "nurse": "yes"}, "de")
    assert "Ihre Einstellungen" in world.client.get(path).text
    world.client.post(path, data={"language": "tlh"})
    assert world.person(ADA).language == "de"


def test_field_that_cannot_be_used_changes_nothing_and_is_named(world: World) -> None:
    path = fresh(world)
    before = world.fingerprint()
    answer = world.client.post(path, data={"save": "yes", "visits": "many", "name": "Countess", "pause": "30"})
    assert answer.status_code == 400
    assert 'value="many"' in answer.text
    assert 'value="Countess"' in answer.text
    assert '<option value="30" selected>' in answer.text
    assert "autofocus" in answer.text
    assert "must be a number" in visible(answer.text)
    assert world.fingerprint() == before


def test_fresh_link_runs_out_and_is_then_worth_what_an_old_one_is(world: World) -> None:
    path = fresh(world)
    world.clock.advance(timedelta(hours=2, seconds=1))
    page = world.client.get(path)
    assert page.status_code == 200
    assert "Mail me a link" in page.text
    assert not WORDS.search(page.text)
    assert world.client.post(path + "/forget", data={"sure": "yes"}).status_code == 403


def test_fresh_links_are_mailed_within_the_budgets_of_confirmations(world: World) -> None:
    pages = set()
    for _ in range(20):
        pages.add(world.client.post(old(world) + "/link").text)
        world.clock.advance(timedelta(minutes=11))
    assert world.mails(CampaignKind.ACCESS) == 3
    assert len(pages) == 1


def test_what_is_no_utf8_changes_nothing(world: World) -> None:
    path = fresh(world)
    before = world.fingerprint()
    answer = world.client.post(path, data=b"save=yes&name=%FF", content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, world.fingerprint() == before) == (400, True)


def test_evidence_has_the_words_of_the_page_in_its_language(world: World) -> None:
    world.client.post(fresh(world) + "?lang=de", data={"save": "yes", "list": ["steady-spine", "clinic-notes"]})
    requested = [row for row in world.rows("consent_records") if row.kind == "requested"][-1]
    (wording,) = [row for row in world.rows("wordings") if row.hash == requested.wording_hash]
    assert (wording.language, "Speichern" in wording.text, "Clinic Notes" in wording.text) == ("de", True, True)


def test_paused_reader_is_left_out_until_the_pause_ends(world: World) -> None:
    def waiting() -> int:
        with world.site.database.read() as connection:
            return audience.count(connection, audience.eligible(1, "spring", is_trial=False))

    assert waiting() == 1
    page = world.client.post(old(world), data={"pause": "14"})
    assert "Paused until 30 September 2026" in page.text
    assert (waiting(), world.status(ADA)) == (0, "confirmed")
    world.client.post(old(world), data={"pause": "9999"})
    assert waiting() == 0
    world.client.post(old(world), data={"pause": "0"})
    assert waiting() == 1
    world.client.post(old(world), data={"pause": "14"})
    world.clock.advance(timedelta(days=14, seconds=1))
    world.site.housekeeping()
    assert waiting() == 1


def test_address_changes_only_from_the_new_mailbox_and_the_old_one_is_told(world: World) -> None:
    path, uid = fresh(world), world.person(ADA).uid
    page = world.client.post(path + "/address", data={"email": "Ada@New.example"})
    assert "Nothing changes until" in page.text
    assert world.person(ADA).uid == uid
    mail = post(world)[-1]
    assert mail["To"] == "Ada@new.example"
    link = path_in(mail, "new-address")
    before = world.fingerprint()
    assert world.client.get(link).text.count("<button") == 1
    assert world.fingerprint() == before
    assert "Your address was changed" in world.client.post(link).text
    person = world.person("ada@new.example")
    assert (person.uid, person.email) == (uid, "Ada@new.example")
    assert person.address_hash == world.site.keys.address_hash("ada@new.example")
    (notice,) = post(world)
    assert notice["To"] == ADA
    assert "A…a@new.example" in notice.as_string() or "=E2=80=A6" in notice.as_string()
    settled = world.fingerprint()
    assert "Your address was changed" in world.client.post(link).text
    assert world.fingerprint() == settled
    with world.site.database.read() as connection:
        assert list(consent.broken(connection)) == []


def test_address_of_somebody_else_or_a_suppressed_one_is_never_taken_over(world: World) -> None:
    world.subscribe("bea@example.net")
    with world.site.database.write() as connection:
        digest = world.site.keys.address_hash("gone@example.net")
        suppression.suppress(connection, digest, SuppressionReason.COMPLAINT, world.clock())
    post(world)
    path = fresh(world)
    answers = {
        re.sub(r"\w+@example.net", "", world.client.post(path + "/address", data={"email": each}).text)
        for each in ("gone@example.net", "bea@example.net")
    }
    assert len(answers) == 1
    (mail,) = post(world)
    assert mail["To"] == "bea@example.net"
    before = world.fingerprint()
    assert world.client.post(path_in(mail, "new-address")).status_code == 409
    assert world.fingerprint() == before


def test_stranger_gets_three_mails_a_day_however_many_readers_name_them(world: World) -> None:
    paths = []
    for number in range(6):
        address = f"r{number}@example.net"
        world.subscribe(address)
        post(world)
        paths.append(fresh(world, address))
    for path in paths:
        world.client.post(path + "/address", data={"email": "victim@example.org"})
        world.clock.advance(timedelta(minutes=11))
    assert world.mails(CampaignKind.ADDRESS) == 3


def test_link_to_a_new_address_runs_out(world: World) -> None:
    world.client.post(fresh(world) + "/address", data={"email": "ada@new.example"})
    link = path_in(post(world)[-1], "new-address")
    world.clock.advance(timedelta(days=1, seconds=1))
    before = world.fingerprint()
    for answer in (world.client.get(link), world.client.post(link)):
        assert answer.status_code == 410
    assert world.fingerprint() == before


def test_download_holds_everything_on_file(world: World) -> None:
    path = fresh(world)
    before = world.fingerprint()
    answer = world.client.get(path + "/export.json")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.headers["Cache-Control"] == "no-store"
    held = json.loads(answer.text)
    assert (held["email"], held["name"], held["fields"]) == (ADA, "Ada Lovelace", {"city": "Vienna"})
    assert [each["act"] for each in held["consent"]] == ["requested", "confirmed"]
    assert "No spam" in held["consent"][0]["wording"]
    assert {each["kind"] for each in held["mails"]} == {"confirm", "welcome", "access"}
    assert world.fingerprint() == before


def test_forgotten_reader_is_gone_for_good(world: World) -> None:
    path = fresh(world)
    assert world.client.post(path + "/forget").status_code == 400
    assert world.status(ADA) == "confirmed"
    assert "You are forgotten" in world.client.post(path + "/forget", data={"sure": "yes"}).text
    assert world.status(ADA) is None
    assert world.client.get(path).status_code == 404
    kept = b"".join(each.read_bytes() for each in world.site.var.glob("newsletter.db*"))
    assert b"Lovelace" not in kept
    assert ADA.encode() not in kept
    settled = world.fingerprint()
    assert world.fill_in(email=ADA, name="Ada Lovelace").status_code == 303
    with world.site.database.read() as connection:
        assert people.find(connection, ADA) is None
    assert world.rows("subscribers") == []
    assert settled


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.com"}])
def test_post_from_another_site_changes_nothing(world: World, headers: dict[str, str]) -> None:
    path = fresh(world)
    before = world.fingerprint()
    for door, form in (
        ("", {"save": "yes"}),
        ("/link", {}),
        ("/address", {"email": "x@example.net"}),
        ("/forget", {"sure": "yes"}),
    ):
        assert world.client.post(path + door, data=form, headers=headers).status_code == 403
    assert world.fingerprint() == before


def test_unsubscribe_pages_lead_to_the_preferences(world: World) -> None:
    leave, path = world.leave_path(ADA), old(world)
    assert f'href="{path}"' in world.client.get(leave).text
    assert f'href="{path}"' in world.client.post(leave).text


@pytest.mark.parametrize("purpose", ["preferences", "access", "address"])
def test_a_thousand_mutated_tokens_of_each_kind_change_nothing(world: World, purpose: str) -> None:
    path = fresh(world)
    world.client.post(path + "/address", data={"email": "ada@new.example"})
    link = path_in(post(world)[-1], "new-address")
    known = {"preferences": old(world), "access": path, "address": link}[purpose]
    prefix, _, token = known.rpartition("/")
    before = world.fingerprint()
    for number, candidate in enumerate(mutated(token, 1000)):
        door = ("", "/link", "/address", "/forget")[number % 4] if purpose != "address" else ""
        form = {"save": "yes", "sure": "yes", "email": "eve@example.net"}
        assert world.client.post(f"{prefix}/{candidate}{door}", data=form).status_code == 404
    assert world.fingerprint() == before


def test_token_of_one_purpose_opens_no_other_door(world: World) -> None:
    keys, uid = world.site.keys, world.person(ADA).uid
    before = world.fingerprint()
    for purpose in ("confirm", "disown", "unsubscribe", "address"):
        token = keys.sign(purpose, uid, 0)
        assert world.client.post(f"/preferences/{token}", data={"save": "yes"}).status_code == 404
    assert world.client.post("/u/" + keys.sign("access", uid, 0)).status_code == 404
    assert world.client.post("/new-address/" + keys.sign("access", uid, 0)).status_code == 404
    assert world.fingerprint() == before


def test_no_look_at_any_page_changes_the_database(world: World) -> None:
    world.client.post(old(world) + "/link")
    path = path_in(post(world)[-1], "preferences")
    world.client.post(path + "/address", data={"email": "ada@new.example"})
    link = path_in(post(world)[-1], "new-address")
    pending = world.sign_up("bea@example.net")
    known = {
        "/confirm/<token>": [pending, world.confirm_path(ADA)],
        "/not-me/<token>": [world.not_me_path("bea@example.net")],
        "/u/<token>": [world.leave_path(ADA)],
        "/preferences/<token>": [old(world), path],
        "/preferences/<token>/link": [path + "/link"],
        "/preferences/<token>/address": [path + "/address"],
        "/preferences/<token>/forget": [path + "/forget?sure=yes"],
        "/preferences/<token>/export.json": [old(world) + "/export.json", path + "/export.json"],
        "/new-address/<token>": [link],
    }
    paths = {rule.rule for rule in world.app.url_map.iter_rules()}
    before = world.fingerprint()
    machine = {"Sec-Purpose": "prefetch", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    for rule in sorted(paths):
        for each in known.get(rule, [re.sub(r"<[^>]+>", "steady-spine", rule)]):
            for method in ("GET", "HEAD", "OPTIONS"):
                answer = world.client.open(each, method=method, headers=machine)
                assert answer.status_code < 500, (method, each)
    assert world.fingerprint() == before


def test_links_of_a_test_copy_do_nothing_and_say_so(world: World) -> None:
    before = world.fingerprint()
    for door in ("preferences", "new-address"):
        for answer in (world.client.get(f"/{door}/test"), world.client.post(f"/{door}/test")):
            assert "This link does nothing" in answer.text
    assert world.fingerprint() == before
