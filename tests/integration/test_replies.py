"""Replies under past issues: a form that keeps strangers' words, and an editor between them and everybody."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import websites
from commands import Commands
from websites import World, hidden_fields, visible
from werkzeug.test import TestResponse

from newsletter import starter
from newsletter.errors import NotFoundError, StateError, TransportUnavailable
from newsletter.store.reply_schema import ReplyStatus
from newsletter.subscribers import replies
from newsletter.subscribers.forget import forget
from newsletter.subscribers.gate import PAUSE
from newsletter.transport.base import Settle, Take
from newsletter.transport.memory import MemoryTransport
from newsletter.web.build import Links, archive_files
from newsletter.web.replies import MAX_BODY

SLUG = "001-why-your-back-hurts"
PAGE = f"/archive/{SLUG}/"
VISITOR = {"REMOTE_ADDR": "203.0.113.7"}
ADA = {"name": "Ada", "email": "ada@example.net", "words": "It helped.\n\nThank you."}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "issues").symlink_to(starter.issues())
    with websites.world(tmp_path, more="[archive]\nreplies = true") as found:
        found.launch(SLUG)
        found.site.fence.adopt(found.clock())
        yield found


def reply(world: World, wait: float = 30, *, network: str = "203.0.113.7", **values: Any) -> TestResponse:
    token = reply_token(world.client.get(PAGE).text)
    world.clock.advance(timedelta(seconds=wait))
    return post(world, {"form": token, **ADA, **values}, network)


def post(world: World, data: dict[str, Any], network: str = "203.0.113.7", **more: Any) -> TestResponse:
    answer: TestResponse = world.client.post(f"{PAGE}reply", data=data, environ_base={"REMOTE_ADDR": network}, **more)
    return answer


def reply_token(page: str) -> str:
    form = page.split(f'action="{PAGE}reply"', 1)[1]
    return str(hidden_fields(form.split("</form>", 1)[0])["form"])


def cheap(world: World) -> None:
    """Challenges that a test can solve in no time."""
    world.app.extensions["newsletter"].gate.proofs._cost = 20


def bring_work(world: World, page: TestResponse) -> TestResponse:
    """Press the button of a page that asks for work, as its script would."""
    shown = visible(page.text)
    words = shown.split("<textarea", 1)[1].split(">\n", 1)[1].split("</textarea>", 1)[0]
    return post(world, {**ADA, "words": words, "form": reply_token(page.text), "altcha": websites.solution(page.text)})


def sign_up_form(world: World) -> dict[str, str]:
    """A form of ours, filled in by somebody who took their time."""
    hidden = hidden_fields(world.client.get("/").text)
    world.clock.advance(timedelta(seconds=5))
    return {**hidden, "email": "new@example.net"}


def decide(world: World, reply_id: int, target: ReplyStatus = ReplyStatus.APPROVED) -> None:
    with world.site.database.write() as connection:
        replies.decide(connection, reply_id, target, world.clock())


def test_reply_is_kept_and_shown_only_when_an_editor_says_so(world: World) -> None:
    answer = reply(world)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAGE}reply")
    assert "Thank you for your reply" in world.client.get(f"{PAGE}reply").text
    assert "It helped." not in world.client.get(PAGE).text
    decide(world, 1)
    page = world.client.get(PAGE).text
    assert '<p dir="auto">It helped.</p>' in page
    assert ">Ada</h3>" in page
    decide(world, 1, ReplyStatus.REJECTED)
    assert "It helped." not in world.client.get(PAGE).text


def test_address_and_network_never_reach_a_page_a_feed_or_a_file(world: World) -> None:
    reply(world)
    decide(world, 1)
    with world.site.database.read() as connection:
        files = dict(archive_files(world.site, connection, Links.RELATIVE))
    shown = [world.client.get(path).text for path in (PAGE, "/archive/", "/feed.xml", "/feed.atom", "/feed.json")]
    for text in (*shown, *(data.decode("utf-8", "replace") for data in files.values())):
        assert "ada@example.net" not in text
        assert "203.0.113" not in text
    assert "203.0.113" not in str(world.rows("replies"))


def test_feeds_and_files_show_what_was_approved_without_a_form(world: World) -> None:
    before = world.client.get("/feed.json")
    reply(world)
    assert world.client.get("/feed.json").data == before.data
    world.clock.advance(timedelta(days=1))
    decide(world, 1)
    after = world.client.get("/feed.json")
    assert "It helped." in json.loads(after.text)["items"][0]["content_html"]
    assert after.last_modified is not None
    assert before.last_modified is not None
    assert after.last_modified > before.last_modified
    with world.site.database.read() as connection:
        files = dict(archive_files(world.site, connection, Links.RELATIVE))
    page = files[f"archive/{SLUG}/index.html"].decode()
    assert "It helped." in page
    assert "<form" not in page
    assert b"It helped." in files["feed.xml"]
    assert "static/replies.css" in files


def test_form_has_required_marks_and_a_label_for_every_field(world: World) -> None:
    form = world.client.get(PAGE).text.split(f'action="{PAGE}reply"', 1)[1].split("</form>", 1)[0]
    for name in ("name", "email", "words"):
        assert f'<label for="reply-{name}">' in form
    assert form.count(" required value=") + form.count(" required>") == 3
    assert form.count('<span aria-hidden="true">*</span>') == 3


@pytest.mark.parametrize("missing", ["name", "email", "words"])
def test_missing_field_is_named_and_nothing_typed_is_lost(world: World, missing: str) -> None:
    answer = reply(world, **{missing: " \t\u200b"})
    assert answer.status_code == 400
    assert f'href="#reply-{missing}"' in answer.text
    assert answer.text.count('aria-invalid="true"') == 1
    for name in {"name", "email"} - {missing}:
        assert f'value="{ADA[name]}"' in answer.text
    again = post(world, {**ADA, "form": reply_token(answer.text)})
    assert again.status_code == 303


@pytest.mark.parametrize(
    ("wait", "more"), [(1, {}), (3 * 3600, {}), (30, {"contact_preference": "x"}), (30, {"form": "forged"})]
)
def test_doubtful_form_is_asked_for_one_more_click(world: World, wait: float, more: dict[str, Any]) -> None:
    answer = reply(world, wait, **more)
    assert answer.status_code == 200
    assert world.rows("replies") == []
    assert "It helped." in visible(answer.text)
    assert post(world, {**ADA, "form": reply_token(answer.text)}).status_code == 303
    assert len(world.rows("replies")) == 1


def test_token_of_a_sign_up_is_no_token_of_a_reply(world: World) -> None:
    hidden = hidden_fields(world.client.get("/").text)
    world.clock.advance(timedelta(seconds=30))
    assert post(world, {**ADA, "form": hidden["form"]}).status_code == 200


def test_form_of_another_site_is_asked_for_one_more_click(world: World) -> None:
    token = reply_token(world.client.get(PAGE).text)
    world.clock.advance(timedelta(seconds=30))
    answer = post(world, {**ADA, "form": token}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert world.rows("replies") == []


def test_markup_controls_and_links_are_only_words(world: World) -> None:
    words = (
        "<script>alert(1)</script> https://evil.example [x](http://evil.example) {{ config }} {% x %}\r\n"
        "\x1b[31mred\x07\x00 \u202egnp.exe\u2069\u2028next\ud83d\r\n\r\n\r\n\r\nlast"
    )
    assert reply(world, name="<b>Bobby</b>\r\nBcc: x@example.net", words=words.encode("utf-8", "replace")).status_code
    decide(world, 1)
    kept = world.rows("replies")[0]
    assert kept.name == "<b>Bobby</b> Bcc: x@example.net"
    assert all(each.isprintable() or each == "\n" for each in kept.words)
    assert "\n\n\n" not in kept.words
    page = world.client.get(PAGE).text
    section = page.split('class="replies"', 1)[1].split("</section>", 1)[0]
    assert "<script" not in section
    assert "<a " not in section
    assert "<b>" not in section
    assert "&lt;script&gt;" in section
    assert "https://evil.example" in section
    for feed in ("/feed.xml", "/feed.atom", "/feed.json"):
        assert "<script" not in world.client.get(feed).text.split("What readers say")[1]


def test_eight_kilobytes_are_enough_and_more_is_refused(world: World) -> None:
    assert reply(world, words="ж" * 4096).status_code == 303
    too_long = reply(world, words="ж" * 4097)
    assert too_long.status_code == 400
    assert "longer than a reply can be" in too_long.text
    assert reply(world, words="x" * MAX_BODY).status_code == 413
    assert len(world.rows("replies")) == 1


def test_other_content_types_are_refused(world: World) -> None:
    answer = world.client.post(f"{PAGE}reply", data=b'{"name": "x"}', content_type="application/json")
    assert answer.status_code == 415


def test_second_press_of_the_button_is_no_second_reply(world: World) -> None:
    assert reply(world).status_code == 303
    assert reply(world).status_code == 303
    assert len(world.rows("replies")) == 1


def test_one_network_has_to_work_and_then_to_wait(world: World) -> None:
    cheap(world)
    answers = [reply(world, words=f"spam {number}") for number in range(3)]
    assert [answer.status_code for answer in answers] == [303, 303, 200]
    assert "data-challenge" in answers[2].text
    assert "script-src 'self'; worker-src 'self'" in answers[2].headers["Content-Security-Policy"]
    assert "spam 2" in answers[2].text
    assert reply(world, words="other", network="198.51.100.1").status_code == 303
    worked = [bring_work(world, reply(world, words=f"work {number}")) for number in range(5)]
    assert [answer.status_code for answer in worked] == [303, 303, 303, 303, 429]
    assert "work 4" in worked[4].text
    world.clock.advance(timedelta(minutes=61))
    assert reply(world, words="later").status_code == 303


def test_without_scripts_a_pause_does_instead_of_work(world: World) -> None:
    for number in range(2):
        reply(world, words=f"words {number}")
    asked = reply(world)
    assert "please wait 10 seconds" in asked.text
    hurried = post(world, {**ADA, "form": reply_token(asked.text)})
    assert hurried.status_code == 200
    world.clock.advance(PAUSE)
    assert post(world, {**ADA, "form": reply_token(hurried.text)}).status_code == 303


def test_gate_counts_replies_apart_from_sign_ups(world: World) -> None:
    for number in range(2):
        reply(world, words=f"words {number}")
    assert world.client.post("/subscribe", data=sign_up_form(world), environ_base=VISITOR).status_code == 303
    tallied = {(row.verdict, row.reason) for row in world.rows("gate_tallies")}
    assert {("pass", "reply"), ("pass", "")} <= tallied


def test_reply_is_limited_by_network_and_never_by_address(world: World) -> None:
    """Anybody may type an address; it is not mailed, and what it wrote elsewhere is nobody's business."""
    answers = [reply(world, words=f"words {n}", network=f"198.51.{n}.1").status_code for n in range(6)]
    assert answers == [303] * 6


def test_too_many_in_all_are_not_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "MOST_WAITING", 2)
    answers = [reply(world, words=f"spam {n}", network=f"198.51.{n}.1").status_code for n in range(3)]
    assert answers == [303, 303, 429]
    refused = reply(world, words="spam again", network="192.0.2.1")
    assert refused.headers["Retry-After"] == "600"
    assert "spam again" in refused.text


def test_looking_changes_nothing(world: World) -> None:
    before = world.fingerprint()
    for method in ("get", "head", "options"):
        for path in (PAGE, f"{PAGE}reply"):
            getattr(world.client, method)(path)
    assert world.fingerprint() == before


def test_there_is_nothing_to_reply_to_before_an_issue_is_public(world: World) -> None:
    assert world.client.post("/archive/002-the-side-you-favour/reply", data=ADA).status_code == 404
    assert world.client.get("/archive/nothing/reply").status_code == 404


def test_without_the_setting_there_is_no_form_and_nothing_is_shown(tmp_path: Path) -> None:
    (tmp_path / "issues").symlink_to(starter.issues())
    with websites.world(tmp_path) as world:
        world.launch(SLUG)
        page = world.client.get(PAGE).text
        assert "reply" not in page
        assert post(world, ADA).status_code == 404
        assert world.site.tell_editor(MemoryTransport()) == 0


# -- the editor --------------------------------------------------------------------------------------


def test_editor_gets_one_mail_about_all_that_is_new(world: World) -> None:
    for number in range(25):
        reply(world, words=f"word {number}.\n{{{{ config }}}} <b>", network=f"198.51.{number}.1")
    transport = MemoryTransport()
    assert world.site.tell_editor(transport) == 25
    assert world.site.tell_editor(transport) == 0
    (envelope,) = transport.messages
    assert envelope.recipient == "editor@news.example.org"
    message = email.message_from_bytes(envelope.message, policy=email.policy.default)
    assert message["Subject"] == "25 replies wait for you"
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_body(("plain",))
    assert text is not None
    words = text.get_content()
    assert "word 0.\r\n    {{ config }} <b>" in words or "word 0.\n    {{ config }} <b>" in words
    assert "newsletter replies approve 20" in words
    assert "newsletter replies approve 21" not in words
    assert "5 more wait" in words
    html = message.get_body(("html",))
    assert html is not None
    assert "word 0.<br>{{ config }} &lt;b&gt;" in html.get_content()


def test_mail_that_was_not_accepted_is_told_again(world: World) -> None:
    class Down:
        def run(self, take: Take, settle: Settle) -> None:
            raise TransportUnavailable("It is down.")

    reply(world)
    with pytest.raises(TransportUnavailable):
        world.site.tell_editor(Down())
    transport = MemoryTransport()
    assert world.site.tell_editor(transport) == 1
    assert len(transport.messages) == 1


def test_decisions_are_guarded(world: World) -> None:
    reply(world)
    decide(world, 1)
    with pytest.raises(StateError, match="approved already"):
        decide(world, 1)
    with pytest.raises(NotFoundError, match="no reply 7"):
        decide(world, 7)


def test_forgetting_a_reader_takes_their_replies_along(world: World) -> None:
    world.subscribe("ada@example.net")
    reply(world, email="Ada@EXAMPLE.net")
    reply(world, email="bob@example.net", words="Other words.")
    with world.site.database.write() as connection:
        forget(connection, world.person("ada@example.net"), world.clock())
    assert [row.email for row in world.rows("replies")] == ["bob@example.net"]


def test_editor_reads_and_decides_at_the_command_line(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    newsletter = Commands(world.site.root, monkeypatch, capfd)
    assert "no replies" in newsletter.ok("replies", "list").out
    reply(world)
    assert "It helped. Thank you." in newsletter.ok("replies", "list", "--status", "pending").out
    shown = newsletter.ok("replies", "show", 1).out
    assert "Ada <ada@example.net>" in shown
    assert "It helped.\n\nThank you." in shown
    assert "is shown" in newsletter.ok("replies", "approve", 1).out
    assert newsletter("replies", "approve", 1).code == 4
    assert newsletter.ok("--json", "replies", "reject", 1).json["status"] == "rejected"
    assert newsletter("replies", "forget", 1).code == 4
    assert newsletter.ok("--yes", "replies", "forget", 1)
    assert newsletter("replies", "show", 1).code == 1
    assert world.rows("replies") == []
