"""Signing up through the form: one answer for everybody, one more click for doubtful posts, data shown as data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import websites
from websites import World, hidden_fields, visible

from newsletter.store.schema import CampaignKind, SuppressionReason
from newsletter.subscribers import suppression
from newsletter.subscribers.gate import HONEYPOT

FIELDS = """
[[fields]]
name = "city"
label = "Your town"
required = true
[[fields]]
name = "pain_years"
type = "number"
[[fields]]
name = "since"
type = "date"
[[fields]]
name = "is_trainer"
type = "boolean"
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with websites.world(tmp_path) as found:
        yield found


@pytest.fixture
def world_with_fields(tmp_path: Path) -> Iterator[World]:
    with websites.world(tmp_path, more=FIELDS) as found:
        yield found


def test_form_shows_the_words_of_its_list(world: World) -> None:
    page = world.client.get("/").text
    for words in (
        "Stand taller. Hurt less.",
        "Plain answers about back pain",
        "Yes, I want a steadier back",
        "No spam",
    ):
        assert words in page
    assert "From our clinic to yours." in world.client.get("/lists/clinic-notes").text
    assert world.client.get("/lists/nothing").status_code == 404


def test_form_works_for_a_plain_html_parser(world: World) -> None:
    assert world.fill_in(email="ada@example.net").status_code == 303
    assert world.status("ada@example.net") == "pending"
    assert world.mails(CampaignKind.CONFIRM) == 1
    assert world.rung == [1]


def test_answer_is_a_relative_redirect_to_the_next_page(world: World) -> None:
    answer = world.fill_in(email="ada@example.net")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/check-inbox")
    assert "Check your inbox" in world.client.get("/check-inbox").text


def test_everybody_gets_the_same_answer(world: World) -> None:
    world.sign_up("pending@example.net")
    world.subscribe("confirmed@example.net")
    with world.site.database.write() as connection:
        suppression.suppress(
            connection, world.site.keys.address_hash("gone@example.net"), SuppressionReason.COMPLAINT, world.clock()
        )
    answers = {
        (answer.status_code, answer.data, tuple(answer.headers))
        for email in ("new@example.net", "pending@example.net", "confirmed@example.net", "gone@example.net")
        for answer in [world.fill_in(email=email)]
    }
    assert len(answers) == 1


def test_suppressed_address_leaves_no_trace(world: World) -> None:
    with world.site.database.write() as connection:
        suppression.suppress(
            connection, world.site.keys.address_hash("gone@example.net"), SuppressionReason.ERASED, world.clock()
        )
    before = world.fingerprint()
    assert world.fill_in(email="gone@example.net").status_code == 303
    assert world.fingerprint() == before
    assert world.rung == []


def test_post_goes_to_the_list_it_names(world: World) -> None:
    world.fill_in("/lists/clinic-notes", email="ada@example.net")
    assert world.status("ada@example.net", "clinic-notes") == "pending"
    assert world.status("ada@example.net", "steady-spine") is None


def test_several_lists_are_asked_for_in_one_mail(world: World) -> None:
    world.fill_in(email="ada@example.net", list=["steady-spine", "clinic-notes"])
    assert world.status("ada@example.net", "steady-spine") == "pending"
    assert world.status("ada@example.net", "clinic-notes") == "pending"
    assert world.mails(CampaignKind.CONFIRM) == 1


def test_unknown_list_is_not_found_and_changes_nothing(world: World) -> None:
    before = world.fingerprint()
    assert world.fill_in(email="ada@example.net", list="nothing").status_code == 404
    assert world.fingerprint() == before


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@",
        "ada@localhost",
        "a@b@example.net",
        "ada@example.net\r\nBcc: eve@example.com",
        "ada@example.net\n",
        "ada\x00@example.net",
        "a" * 250 + "@example.net",
        "Ada <ada@example.net>",
        "postmaster@example.net",
        "\ufffdada@example.net",
    ],
)
def test_unusable_address_gets_the_form_again_with_a_sentence(world: World, address: str) -> None:
    before = world.fingerprint()
    answer = world.fill_in(email=address, name="Ada Lovelace")
    if address == "ada@example.net\n":  # a line break around an address is a slip of the clipboard
        assert answer.status_code == 303
        return
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert 'id="email-error"' in answer.text
    assert 'value="Ada Lovelace"' in answer.text
    assert world.fingerprint() == before
    assert world.rung == []


def test_form_given_back_after_a_mistake_works(world: World) -> None:
    again = hidden_fields(world.fill_in(email="ada@", list="clinic-notes").text)
    world.clock.advance(timedelta(seconds=4))
    assert world.client.post("/subscribe", data={**again, "email": "ada@example.net"}).status_code == 303
    assert world.status("ada@example.net", "clinic-notes") == "pending"


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "{{7*7}}", "{% raw %}", '" autofocus onfocus="x'])
def test_hostile_name_is_shown_and_kept_as_data(world: World, name: str) -> None:
    answer = world.fill_in(email="ada@", name=name)
    assert answer.status_code == 400
    assert "<img" not in answer.text
    assert "49" not in answer.text.replace(hidden_fields(answer.text)["form"], "")
    assert " onfocus=" not in answer.text.replace("&#34; autofocus onfocus=", "")
    assert name in visible(answer.text)
    world.subscribe("ada@example.net", name=name)
    assert world.person("ada@example.net").name == name


def test_declared_fields_are_checked_and_kept_on_confirmation(world_with_fields: World) -> None:
    world = world_with_fields
    world.subscribe("ada@example.net", city="Leeds", pain_years="2.5", since="2024-02-01", is_trainer="yes")
    assert world.person("ada@example.net").fields == {
        "city": "Leeds",
        "pain_years": "2.5",
        "since": "2024-02-01",
        "is_trainer": "yes",
    }


@pytest.mark.parametrize(
    ("values", "trouble"),
    [
        ({"city": ""}, "city-error"),
        ({"city": "Leeds", "pain_years": "nan"}, "pain_years-error"),
        ({"city": "Leeds", "since": "yesterday"}, "since-error"),
        ({"city": "Leeds", "is_trainer": "perhaps"}, "is_trainer-error"),
    ],
)
def test_field_that_does_not_fit_is_named(world_with_fields: World, values: dict[str, Any], trouble: str) -> None:
    answer = world_with_fields.fill_in(email="ada@example.net", **values)
    assert answer.status_code == 400
    assert f'id="{trouble}"' in answer.text
    assert 'value="ada@example.net"' in answer.text


@pytest.mark.parametrize(
    "doubt",
    [
        {"form": ""},
        {"form": "forged"},
        {"page": "/elsewhere"},
        {HONEYPOT: "filled by a browser"},
    ],
)
def test_doubtful_post_meets_one_more_click_and_changes_nothing_before_it(world: World, doubt: dict[str, Any]) -> None:
    before = world.fingerprint()
    answer = world.fill_in(email="ada@example.net", name="Ada", **doubt)
    assert answer.status_code == 200
    assert "One more click" in answer.text
    assert "ada@example.net" in answer.text
    assert world.fingerprint() == before
    second = world.client.post("/subscribe", data=hidden_fields(answer.text))
    assert second.status_code == 303
    assert world.status("ada@example.net") == "pending"


@pytest.mark.parametrize("seconds", [0, 2.9, 2 * 3600 + 1])
def test_form_too_young_or_too_old_meets_one_more_click(world: World, seconds: float) -> None:
    answer = world.fill_in(wait=seconds, email="ada@example.net")
    assert "One more click" in answer.text
    assert world.client.post("/subscribe", data=hidden_fields(answer.text)).status_code == 303


def test_form_three_seconds_old_meets_no_interstitial(world: World) -> None:
    assert world.fill_in(wait=3, email="ada@example.net").status_code == 303


def test_interstitial_carries_every_value(world_with_fields: World) -> None:
    world = world_with_fields
    answer = world.client.post(
        "/subscribe", data={"email": "ada@example.net", "name": "Ada <b>", "city": "Leeds", "list": "clinic-notes"}
    )
    hidden = hidden_fields(answer.text)
    assert hidden.pop("form")
    assert hidden == {
        "email": "ada@example.net",
        "name": "Ada <b>",
        "city": "Leeds",
        "list": "clinic-notes",
        "page": "/subscribe",
    }
    assert "<b>" not in answer.text.partition("<form")[2]


def test_interstitial_runs_out_too(world: World) -> None:
    hidden = hidden_fields(world.client.post("/subscribe", data={"email": "ada@example.net"}).text)
    world.clock.advance(timedelta(hours=3))
    assert "One more click" in world.client.post("/subscribe", data=hidden).text
    assert world.status("ada@example.net") is None


def test_evidence_names_page_network_agent_and_the_very_words(world: World) -> None:
    hidden = hidden_fields(world.client.get("/lists/steady-spine").text)
    world.clock.advance(timedelta(seconds=5))
    world.client.post(
        "/subscribe",
        data={**hidden, "email": "ada@example.net"},
        headers={"User-Agent": "Browser/" + "9" * 300, "X-Forwarded-For": "8.8.8.8"},
        environ_base={"REMOTE_ADDR": "203.0.113.77"},
    )
    [record] = world.rows("consent_records")
    assert record.personal["source"] == "form"
    assert record.personal["network"] == "203.0.113.0/24"
    assert record.personal["origin"] == "/lists/steady-spine"
    assert len(record.personal["user_agent"]) == 200
    [words] = world.rows("wordings")
    assert words.text.split("\n") == [
        "The Steady Spine",
        "The Steady Spine",
        "Stand taller. Hurt less.",
        "Plain answers about back pain, every four weeks.",
        "No spam, and you can leave with one click.",
        "Yes, I want a steadier back",
    ]
    assert (words.version, words.language) == ("1", "en")


def test_foreign_form_leaves_its_site_in_the_evidence(world: World) -> None:
    answer = world.client.post(
        "/subscribe", data={"email": "ada@example.net"}, headers={"Origin": "https://blog.example.com"}
    )
    world.client.post("/subscribe", data=hidden_fields(answer.text))
    assert world.rows("consent_records")[0].personal["origin"] == "https://blog.example.com"


def test_body_over_the_limit_is_refused(world: World) -> None:
    answer = world.client.post("/subscribe", data={"email": "ada@example.net", "name": "x" * 9000})
    assert answer.status_code == 413
    assert "larger than any of our forms" in answer.text


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
def test_other_content_types_are_refused(world: World, kind: str) -> None:
    answer = world.client.post("/subscribe", data=b'{"email": "ada@example.net"}', content_type=kind)
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"email=%ff%fe%00&name=%ed%a0%80", "application/x-www-form-urlencoded"),
        (b"\xff\xfe\x00\x80=&&&==", "application/x-www-form-urlencoded; charset=utf-16"),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\n", "multipart/form-data; boundary=x"),
        (
            b"--x\r\nContent-Disposition: form-data; name=email\r\nContent-Type: a; charset=no\r\n\r\nq\r\n--x--",
            "multipart/form-data; boundary=x",
        ),
        (b"no parts at all", "multipart/form-data"),
        (b"&" * 3000, "application/x-www-form-urlencoded"),
    ],
)
def test_broken_encodings_are_the_senders_fault(world: World, body: bytes, kind: str) -> None:
    before = world.fingerprint()
    assert world.client.post("/subscribe", data=body, content_type=kind).status_code in {400, 413}
    assert world.fingerprint() == before


def test_second_request_within_ten_minutes_sends_no_second_mail(world: World) -> None:
    world.fill_in(email="ada@example.net")
    world.fill_in(email="ada@example.net")
    assert world.mails(CampaignKind.CONFIRM) == 1
    assert world.rung == [1]


def test_embedded_form_may_be_framed_and_opens_its_answer_beside(world: World) -> None:
    page = world.client.get("/embed/clinic-notes.html")
    assert "frame-ancestors *" in page.headers["Content-Security-Policy"]
    assert 'target="_blank"' in page.text
    world.fill_in("/embed/clinic-notes.html", email="ada@example.net")
    assert world.status("ada@example.net", "clinic-notes") == "pending"
    assert world.client.get("/embed/nothing.html").status_code == 404
