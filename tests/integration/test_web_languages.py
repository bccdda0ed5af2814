"""Pages and mails in the reader's language: chosen, known or asked for, and kept with the subscription."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import websites
from websites import World, hidden_fields, visible

from newsletter.transport.memory import MemoryTransport

FIELDS = """
[[fields]]
name = "city"
label = "Your town"
[[fields]]
name = "since"
type = "date"
"""
FOUR = 'languages = ["en", "de", "fr", "es"]'


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with websites.world(tmp_path, top=FOUR, more=FIELDS) as found:
        yield found


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.1", "de"),
        ("FR-ca", "fr"),
        ("nl,es;q=0.4,de;q=0.2", "es"),
        ("nl", "en"),
        ("", "en"),
        ("de;q=0", "en"),
        ("*", "en"),
        ("\xff;;;q=x,,,=", "en"),
        ("de" * 2000, "en"),
    ],
)
def test_page_speaks_what_the_browser_asks_for(world: World, accepted: str, language: str) -> None:
    page = world.client.get("/", headers={"Accept-Language": accepted})
    assert page.headers["Content-Language"] == language
    assert f'<html lang="{language}" dir="ltr">' in page.text
    assert "Accept-Language" in page.headers["Vary"]


def test_choice_beats_the_browser_and_follows_the_reader_through_every_page(world: World) -> None:
    german = {"Accept-Language": "de"}
    page = world.client.get("/?lang=fr", headers=german)
    assert "Votre adresse e-mail" in page.text
    assert 'href="/?lang=fr"' in page.text
    hidden = hidden_fields(page.text)
    assert hidden["lang"] == "fr"
    again = world.client.post("/subscribe", data={**hidden, "email": "ada@"}, headers=german)
    assert again.status_code == 400
    assert "Nous ne pouvons rien envoyer" in again.text
    doubtful = world.client.post("/subscribe", data={**hidden, "email": "ada@example.net"}, headers=german)
    assert "Encore un clic" in doubtful.text
    done = world.client.post("/subscribe", data=hidden_fields(doubtful.text), headers=german)
    assert (done.status_code, done.headers["Location"]) == (303, "/check-inbox?lang=fr")
    assert "Consultez votre boîte" in world.client.get(done.headers["Location"], headers=german).text


@pytest.mark.parametrize("chosen", ["xx", "", "de'\"><b>", "../../etc", "de" * 900])
def test_choice_that_is_not_offered_counts_for_nothing(world: World, chosen: str) -> None:
    page = world.client.get("/", query_string={"lang": chosen}, headers={"Accept-Language": "es"})
    assert page.headers["Content-Language"] == "es"
    assert "<b>" not in page.text


def test_language_is_kept_with_the_subscription_and_mails_follow_it(world: World) -> None:
    transport = MemoryTransport()
    button = world.sign_up("ada@example.net", "/?lang=de", name="Ada")
    world.site.sender(transport=transport).drain()
    world.client.post(button)
    assert world.person("ada@example.net").language == "de"
    world.site.sender(transport=transport).drain()
    mails = [email.message_from_bytes(each.message, policy=email.policy.default) for each in transport.messages]
    assert [str(each["Subject"]) for each in mails] == [
        "Bitte bestätigen: The Steady Spine",
        "Willkommen bei The Steady Spine",
    ]
    text = mails[0].get_body(("plain",))
    assert text is not None
    assert "Am 15. September 2026 hat jemand" in text.get_content()
    page = mails[0].get_body(("html",))
    assert page is not None
    assert 'lang="de"' in page.get_content()


def test_answers_speak_the_language_of_the_reader_whatever_the_browser_asks_for(world: World) -> None:
    english = {"Accept-Language": "en"}
    button = world.sign_up("ada@example.net", "/?lang=de", name="Ada")
    question = world.client.get(button, headers=english)
    assert "Anmeldung bestätigen" in question.text
    assert f'action="{button}?lang=de"' in question.text
    assert "Sie sind dabei" in world.client.post(button, headers=english).text
    confirmed = [row for row in world.rows("consent_records") if row.kind == "confirmed"][-1]
    (wording,) = [row for row in world.rows("wordings") if row.hash == confirmed.wording_hash]
    assert wording.language == "de"
    left = world.client.post(world.leave_path("ada@example.net"), headers=english)
    assert "Sie sind abgemeldet" in left.text
    assert 'href="/lists/steady-spine?lang=de"' in left.text
    stranger = world.sign_up("eve@example.net", "/?lang=de")
    assert "Wir lassen Sie in Ruhe" in world.client.post(world.not_me_path("eve@example.net"), headers=english).text
    gone = world.client.get(stranger, headers=english)
    assert "Diese Anfrage wurde zurückgezogen" in gone.text
    late = world.sign_up("fay@example.net", "/?lang=de")
    world.clock.advance(timedelta(days=8))
    gone = world.client.get(late, headers=english)
    assert "Dieser Link ist abgelaufen" in gone.text
    assert 'href="/lists/steady-spine?lang=de"' in gone.text


def test_words_of_consent_name_their_language(world: World) -> None:
    world.fill_in("/?lang=de", email="ada@example.net")
    [words] = world.rows("wordings")
    assert words.language == "de"
    assert "Yes, I want a steadier back" in words.text


def test_fields_are_asked_and_refused_in_the_readers_language(world: World) -> None:
    answer = world.fill_in("/?lang=de", email="ada@", since="gestern")
    assert "Bitte sehen Sie sich diese 2 Stellen noch einmal an" in answer.text
    assert "since: Bitte geben Sie ein Datum wie 2026-09-15 an." in visible(answer.text)
    for name in ("email", "since"):
        assert f'<a href="#{name}">' in answer.text
        assert f'aria-invalid="true" aria-describedby="{name}-error"' in answer.text
    assert "autofocus" in answer.text


def test_errors_are_told_in_the_readers_language(world: World) -> None:
    german = {"Accept-Language": "de"}
    assert "Diese Seite gibt es nicht" in world.client.get("/nothing", headers=german).text
    assert "Das ist kein Formular" in world.client.post("/subscribe", data=b"{}", headers=german).text
    assert "Das war zu viel" in world.client.post("/subscribe", data={"name": "x" * 9000}, headers=german).text
    assert "Dieser Link ist nicht vollständig" in world.client.get("/confirm/forged", headers=german).text


def test_archive_stays_in_the_sites_language(world: World) -> None:
    page = world.client.get("/archive/?lang=de", headers={"Accept-Language": "de"})
    assert page.headers["Content-Language"] == "en"
    assert "Past issues" in page.text
    assert "Vary" not in page.headers


def test_every_page_leads_to_itself_in_the_other_languages(world: World) -> None:
    page = world.client.get("/lists/clinic-notes").text
    for tag, name in {"de": "Deutsch", "en": "English", "es": "Español", "fr": "Français"}.items():
        assert f'<a href="/lists/clinic-notes?lang={tag}" lang="{tag}" hreflang="{tag}"' in page
        assert f">{name}</a>" in page


def test_site_of_one_language_says_nothing_about_others(tmp_path: Path) -> None:
    with websites.world(tmp_path) as world:
        page = world.client.get("/?lang=de", headers={"Accept-Language": "de"})
        assert page.headers["Content-Language"] == "en"
        assert "hreflang" not in page.text
        assert 'name="lang"' not in page.text
        assert "Vary" not in page.headers


def test_site_written_from_right_to_left_is_shown_so(tmp_path: Path) -> None:
    with websites.world(tmp_path, top='language = "ar"') as world:
        assert '<html lang="ar" dir="rtl">' in world.client.get("/").text


def test_words_of_a_list_are_translated_by_the_sites_own_catalogue(tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "locale"
    folder.mkdir(parents=True)
    (folder / "de.po").write_text('msgid "Stand taller. Hurt less."\nmsgstr "Aufrechter. Leichter."\n', "utf-8")
    with websites.world(tmp_path, top='languages = ["en", "de"]') as world:
        assert "Aufrechter. Leichter." in world.client.get("/?lang=de").text
        world.fill_in("/?lang=de", email="ada@example.net")
        assert "Aufrechter. Leichter." in world.rows("wordings")[0].text


def test_other_public_lists_can_be_ticked_on_the_form(world: World) -> None:
    page = world.client.get("/").text
    assert '<input id="list-clinic-notes" name="list" type="checkbox" value="clinic-notes">' in page
    again = world.fill_in(email="ada@", list=["steady-spine", "clinic-notes"]).text
    assert 'value="clinic-notes" checked>' in again


def test_list_that_is_not_public_is_offered_by_no_other_form(tmp_path: Path) -> None:
    with websites.world(tmp_path, more="public = false") as world:
        assert "clinic-notes" not in world.client.get("/").text
        assert "From our clinic to yours." in world.client.get("/lists/clinic-notes").text
