"""What programs may do through the API, and what they are told when they may not."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import websites
from programs import Program, program
from sqlalchemy import select
from websites import World

from newsletter import starter
from newsletter.access.scopes import Scope
from newsletter.store.access_schema import api_answers
from newsletter.store.schema import CampaignKind, SuppressionReason, consent_records
from newsletter.subscribers import suppression
from newsletter.tokens import Verp

ADA = "ada@example.net"
ISSUE = "001-why-your-back-hurts"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "issues").symlink_to(starter.issues())
    with websites.world(tmp_path, more='[[fields]]\nname = "city"\n[[fields]]\nname = "age"\ntype = "number"') as found:
        yield found


@pytest.fixture
def shop(world: World) -> Program:
    """May do everything."""
    return program(world)


def subscriber(shop: Program, email: str = ADA) -> Any:
    (found,) = shop.ok("GET", "/subscribers", email=email)["data"]
    return found


def imported(shop: Program, *emails: str) -> None:
    for email in emails:
        shop.ok("POST", "/subscribers", {"email": email, "consent": {"basis": "paper form"}})


# -- keys ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer nlk_aaaaaaaa_x", "Basic YTpi", "Bearer a=b", "Bearer {}x"])
def test_without_a_key_nothing_is_told_and_nothing_is_written(world: World, shop: Program, given: str) -> None:
    before = world.fingerprint()
    answer = world.client.get("/api/v1/lists", headers={"Authorization": given.format(shop.text)} if given else {})
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert world.fingerprint() == before


def test_revoked_key_opens_nothing(world: World, shop: Program) -> None:
    from newsletter.access import keys

    with world.site.database.write() as connection:
        keys.revoke(connection, shop.text, world.clock())
    assert shop("GET", "/lists").status_code == 401


def test_key_is_kept_as_a_hash_and_its_use_is_noted(world: World, shop: Program) -> None:
    shop.ok("GET", "/lists")
    (row,) = world.rows("api_keys")
    secret = shop.text.rpartition("_")[2]
    assert row.secret_hash == hashlib.sha256(shop.text.split("_", 2)[2].encode()).digest()
    assert secret not in repr(row)
    assert row.last_used_at == world.clock()


@pytest.mark.parametrize("scope", list(Scope))
def test_key_with_one_scope_may_do_only_what_that_says(world: World, scope: Scope) -> None:
    from newsletter.web.api.routes import OPERATIONS

    narrow = program(world, scope)
    for each in OPERATIONS:
        path = each.path.format(subscriber="1", campaign="1", list="x")
        answer = narrow(each.method, path, {} if each.body else None)
        assert (answer.status_code == 403) == (each.scope is not scope), (each.name, answer.text)


@pytest.mark.parametrize("email", ["{bounce}@news.example.org", "postmaster@example.net", "Mailer-Daemon@example.net"])
def test_nobody_signs_up_a_mailbox_that_the_form_refuses(world: World, shop: Program, email: str) -> None:
    answer = shop("POST", "/subscribers", {"email": email.format(bounce=world.site.keys.verp(Verp(1, 2, 0)))})
    assert answer.status_code == 422
    (fault,) = answer.json["errors"]
    assert (fault["pointer"], "belongs to a function" in fault["detail"]) == ("/email", True)
    assert world.rows("subscribers") == []


def test_mailbox_of_a_function_that_was_brought_in_is_asked_for_nothing_more(world: World, shop: Program) -> None:
    imported(shop, "postmaster@example.net")
    person = subscriber(shop, "postmaster@example.net")
    answer = shop("POST", f"/subscribers/{person['id']}/subscriptions", {"list": "clinic-notes"})
    assert (answer.status_code, "belongs to a function" in answer.json["detail"]) == (409, True)
    assert world.mails(CampaignKind.CONFIRM) == 0


def test_keys_and_addresses_stay_out_of_logs(world: World, shop: Program, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shop.ok("POST", "/subscribers", {"email": ADA})
    shop("GET", "/subscribers", email=ADA)
    shop("GET", "/nothing")
    assert shop.text not in caplog.text
    assert "@" not in caplog.text
    assert '"GET /api/v1/subscribers HTTP/1.1" 200' in caplog.text


# -- limits ----------------------------------------------------------------------------------------


def test_rate_is_kept_across_processes_and_refills_evenly(world: World) -> None:
    key = program(world, rate=3)
    answers = [key("GET", "/lists") for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert [each.headers["RateLimit"] for each in answers[:3]] == ['"key";r=2;t=20', '"key";r=1;t=40', '"key";r=0;t=60']
    assert answers[0].headers["RateLimit-Policy"] == '"key";q=3;w=60'
    assert answers[3].headers["Retry-After"] == "20"
    assert answers[3].json["status"] == 429
    from newsletter.web.app import create_app

    elsewhere = create_app(world.site).test_client()
    headers = {"Authorization": f"Bearer {key.text}"}
    assert elsewhere.get("/api/v1/lists", headers=headers).status_code == 429
    world.clock.advance(timedelta(seconds=20))
    assert elsewhere.get("/api/v1/lists", headers=headers).status_code == 200
    assert key("GET", "/lists").status_code == 429


def test_one_key_does_not_use_up_the_rate_of_another(world: World) -> None:
    first, second = program(world, rate=1), program(world, rate=1)
    assert [first("GET", "/lists").status_code for _ in range(2)] == [200, 429]
    assert second("GET", "/lists").status_code == 200


# -- bodies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "media_type", "status"),
    [
        (b'{"email": "ada@example.net"}', "text/plain", 415),
        (b"email=ada@example.net", "application/x-www-form-urlencoded", 415),
        (b'{"email": "ada@example.net"', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"email": "\\ud800@example.net"}', "application/json", 400),
        (b"", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b'{"email": "ada@example.net", "nonsense": 1}', "application/json", 422),
        (b'{"email": "ada@example.net\\r\\nBcc: x@example.org"}', "application/json", 422),
        (b'{"email": "ada@example.net", "name": "\\u0000"}', "application/json", 422),
        (b'{"email": "ada@example.net", "fields": {"age": "many"}}', "application/json", 422),
        (b'{"email": "ada@example.net", "fields": {"shoes": "44"}}', "application/json", 422),
        (b'{"email": "ada@example.net", "lists": ["nothing"]}', "application/json", 422),
        (b'{"email": "' + b"a" * 1024 * 1024 + b'"}', "application/json", 413),
    ],
)
def test_what_does_not_fit_is_a_problem_and_changes_nothing(
    world: World, shop: Program, data: bytes, media_type: str, status: int
) -> None:
    headers = {"Authorization": f"Bearer {shop.text}"}
    answer = world.client.post("/api/v1/subscribers", data=data, content_type=media_type, headers=headers)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == status
    assert not world.rows("subscribers")


def test_problem_points_to_what_does_not_fit(shop: Program) -> None:
    body = {"email": ADA, "lists": ["steady-spine", "nothing"], "fields": {"age": "x", "city": "Ghent", "a/b": ""}}
    faults = shop("POST", "/subscribers", body).json["errors"]
    assert [each["pointer"] for each in faults] == ["/lists/1", "/fields/a~1b", "/fields/age"]
    assert faults[2]["detail"] == "age must be a number."


def test_language_is_one_that_the_site_offers_or_none(world: World, shop: Program) -> None:
    answer = shop("POST", "/subscribers", {"email": "other@example.net", "language": "xx"})
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/language")
    assert shop("POST", "/subscribers", {"email": ADA, "language": ""}).status_code == 202
    assert [row.language for row in world.rows("subscribers")] == ["en"]
    path = f"/subscribers/{subscriber(shop)['id']}"
    assert shop("PATCH", path, {"language": "xx"}).status_code == 422
    assert shop.ok("PATCH", path, {"language": ""})["language"] == ""


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("DELETE", "/lists", 405), ("PUT", "/subscribers", 405), ("GET", "/nothing", 404), ("GET", "/lists/", 404)],
)
def test_unknown_addresses_and_methods_are_problems_too(shop: Program, method: str, path: str, status: int) -> None:
    answer = shop(method, path)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert ("Allow" in answer.headers) == (status == 405)


def test_no_other_site_may_read_answers(shop: Program) -> None:
    answer = shop("GET", "/lists", headers={"Origin": "https://elsewhere.example"})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
    assert answer.headers["Cache-Control"] == "no-store"


# -- idempotency -----------------------------------------------------------------------------------


def test_same_request_with_the_same_key_is_answered_again_and_done_once(world: World, shop: Program) -> None:
    once = {"Idempotency-Key": "order-1"}
    body = {"email": ADA, "consent": {"basis": "paper form"}}
    first, second = (shop("POST", "/subscribers", body, headers=once) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.text == second.text
    assert first.headers["Location"] == second.headers["Location"]
    assert len(world.rows("consent_records")) == 1


def test_refusal_is_remembered_as_well(shop: Program) -> None:
    once = {"Idempotency-Key": "a"}
    lift = {"email": ADA}
    assert shop("POST", "/suppressions/lift", lift, headers=once).status_code == 404
    shop.ok("POST", "/suppressions", lift)
    answer = shop("POST", "/suppressions/lift", lift, headers=once)
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


def test_other_request_with_the_same_key_is_refused(shop: Program) -> None:
    once = {"Idempotency-Key": "order-1"}
    assert shop("POST", "/suppressions", {"email": ADA}, headers=once).status_code == 201
    assert shop("POST", "/suppressions", {"email": "eve@example.net"}, headers=once).status_code == 422
    assert shop("POST", "/suppressions/lift", {"email": ADA}, headers=once).status_code == 422


def test_idempotency_keys_of_two_programs_do_not_meet(world: World, shop: Program) -> None:
    once = {"Idempotency-Key": "1"}
    assert shop("POST", "/suppressions", {"email": ADA}, headers=once).status_code == 201
    other = program(world)("POST", "/suppressions", {"email": "eve@example.net"}, headers=once)
    assert other.status_code == 201


def test_answers_are_kept_for_a_day_and_then_forgotten(world: World, shop: Program) -> None:
    once = {"Idempotency-Key": "1"}
    shop("POST", "/suppressions", {"email": ADA}, headers=once)
    world.clock.advance(timedelta(hours=24, seconds=1))
    world.site.housekeeping()
    assert not world.rows("api_answers")
    assert shop("POST", "/suppressions", {"email": "eve@example.net"}, headers=once).status_code == 201


def test_request_under_way_is_not_done_twice_and_a_lost_one_is_taken_over(world: World, shop: Program) -> None:
    once = {"Idempotency-Key": "1"}
    shop("POST", "/suppressions", {"email": ADA}, headers=once)
    with world.site.database.write() as connection:
        connection.execute(api_answers.update().values(status=None))
    assert shop("POST", "/suppressions", {"email": ADA}, headers=once).status_code == 409
    world.clock.advance(timedelta(minutes=1))
    assert shop("POST", "/suppressions", {"email": ADA}, headers=once).status_code == 200


@pytest.mark.parametrize("word", ["x" * 256, "two words", "ü"])
def test_idempotency_key_that_is_none_is_refused(shop: Program, word: str) -> None:
    assert shop("POST", "/suppressions", {"email": ADA}, headers={"Idempotency-Key": word}).status_code == 422


# -- subscribers -----------------------------------------------------------------------------------


def test_sign_up_by_a_program_has_to_be_confirmed_by_mail(world: World, shop: Program) -> None:
    taken = shop.ok("POST", "/subscribers", {"email": ADA, "name": "Ada", "fields": {"city": "Ghent"}})
    assert taken == {"email": ADA, "lists": ["steady-spine"], "status": "pending"}
    assert world.rung == [1]
    assert world.status(ADA) == "pending"
    assert subscriber(shop)["name"] == ""
    assert world.client.post(world.confirm_path(ADA)).status_code == 200
    found = subscriber(shop)
    assert (found["name"], found["fields"]) == ("Ada", {"city": "Ghent"})
    assert found["subscriptions"][0]["source"] == "api"


def test_answer_to_a_sign_up_does_not_depend_on_the_address(world: World, shop: Program) -> None:
    world.subscribe("known@example.net")
    with world.site.database.write() as connection:
        digest = world.site.keys.address_hash("never@example.net")
        suppression.suppress(connection, digest, SuppressionReason.COMPLAINT, world.clock())
    emails = ["known@example.net", "never@example.net", "new@example.net"]
    answers = [shop("POST", "/subscribers", {"email": email}) for email in emails]
    assert {each.status_code for each in answers} == {202}
    told = {each.text.replace(email, "") for each, email in zip(answers, emails, strict=True)}
    assert len(told) == 1


def test_repeated_sign_ups_send_no_more_mail_than_the_budget(world: World, shop: Program) -> None:
    for _ in range(20):
        shop.ok("POST", "/subscribers", {"email": ADA})
    assert world.rung == [1]


def test_words_that_a_program_showed_are_kept_as_evidence(world: World, shop: Program) -> None:
    shop.ok("POST", "/subscribers", {"email": ADA, "shown": "Send me the newsletter with my invoice."})
    assert [row.text for row in world.rows("wordings")] == ["Send me the newsletter with my invoice."]


def test_confirmed_import_needs_its_own_scope_and_a_basis(world: World, shop: Program) -> None:
    body = {"email": ADA, "consent": {"basis": "paper form of the clinic", "confirmed_at": "2026-01-02T03:04:05Z"}}
    narrow = program(world, Scope.SUBSCRIBERS_WRITE)
    assert narrow("POST", "/subscribers", body).status_code == 403
    assert shop("POST", "/subscribers", {"email": ADA, "consent": {"basis": ""}}).status_code == 422
    answer = shop("POST", "/subscribers", {**body, "tags": ["member"]})
    assert answer.status_code == 201
    found = shop.ok("GET", answer.headers["Location"])
    assert found["tags"] == ["member"]
    assert found["subscriptions"][0]["confirmed_at"] == "2026-01-02T03:04:05+00:00"
    with world.site.database.read() as connection:
        (personal,) = connection.execute(select(consent_records.c.personal)).scalars()
    assert (personal["basis"], personal["source"]) == ("paper form of the clinic", "api")
    assert world.rung == []


def test_import_brings_nobody_back_who_has_left(world: World, shop: Program) -> None:
    world.subscribe(ADA)
    world.client.post(world.leave_path(ADA))
    answer = shop("POST", "/subscribers", {"email": ADA, "consent": {"basis": "x"}})
    assert answer.status_code == 409
    assert "unsubscribed" in answer.json["detail"]
    assert world.status(ADA) == "unsubscribed"


def test_pages_of_subscribers_hold_everybody_once_even_when_some_come_meanwhile(shop: Program) -> None:
    imported(shop, *(f"r{number}@example.net" for number in range(7)))
    seen, path = [], "/subscribers?limit=3"
    while path:
        answer = shop("GET", path)
        seen += [each["email"] for each in answer.json["data"]]
        imported(shop, f"late{len(seen)}@example.net")
        link = answer.headers.get("Link", "")
        assert bool(link) == bool(answer.json["next"])
        path = link.partition("<")[2].partition(">")[0]
    assert seen == [f"r{number}@example.net" for number in reversed(range(7))]


def test_subscribers_are_found_by_list_and_status(shop: Program) -> None:
    imported(shop, ADA)
    shop.ok("POST", "/subscribers", {"email": "eve@example.net", "lists": ["clinic-notes"]})
    found = shop.ok("GET", "/subscribers", list="clinic-notes", status="pending")["data"]
    assert [each["email"] for each in found] == ["eve@example.net"]
    assert shop.ok("GET", "/subscribers", list="clinic-notes", status="confirmed")["data"] == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=1&limit=2", "cursor=forged", "email=nobody", "nonsense=1"]
)
def test_parameters_that_do_not_fit_are_refused(shop: Program, query: str) -> None:
    assert shop("GET", f"/subscribers?{query}").status_code == 422


def test_cursor_of_one_list_does_not_fit_another(shop: Program) -> None:
    imported(shop, ADA, "eve@example.net")
    cursor = shop.ok("GET", "/subscribers", limit=1)["next"]
    assert shop("GET", "/campaigns", cursor=cursor).status_code == 422


def test_changes_leave_alone_what_they_do_not_name(shop: Program) -> None:
    imported(shop, ADA)
    path = f"/subscribers/{subscriber(shop)['id']}"
    shop.ok("PATCH", path, {"name": "Ada", "fields": {"city": "Ghent", "age": "36"}, "tags": ["b", "a"]})
    found = shop.ok("PATCH", path, {"fields": {"age": None}})
    assert (found["name"], found["fields"], found["tags"]) == ("Ada", {"city": "Ghent"}, ["a", "b"])


@pytest.mark.parametrize("subscriber_id", ["0", "1", "x", "9" * 19, "9" * 40, "-1", "١"])
def test_unknown_subscriber_is_not_found(shop: Program, subscriber_id: str) -> None:
    assert shop("GET", f"/subscribers/{subscriber_id}").status_code == 404


def test_one_more_list_is_asked_for_by_mail_and_left_at_once(world: World, shop: Program) -> None:
    imported(shop, ADA)
    path = f"/subscribers/{subscriber(shop)['id']}/subscriptions"
    answer = shop("POST", path, {"list": "clinic-notes"})
    assert (answer.status_code, answer.json["status"]) == (202, "pending")
    assert world.rung == [1]
    assert shop("POST", path, {"list": "steady-spine"}).status_code == 200
    assert shop("DELETE", f"{path}/steady-spine").status_code == 204
    assert shop("DELETE", f"{path}/steady-spine").status_code == 204
    assert shop("DELETE", f"{path}/nothing").status_code == 404
    standing = {each["list"]: each["status"] for each in shop.ok("GET", path)["data"]}
    assert standing == {"steady-spine": "unsubscribed", "clinic-notes": "pending"}


def test_suppressed_person_is_not_asked(world: World, shop: Program) -> None:
    imported(shop, ADA)
    shop.ok("POST", "/suppressions", {"email": ADA})
    path = f"/subscribers/{subscriber(shop)['id']}/subscriptions"
    assert shop("POST", path, {"list": "clinic-notes"}).status_code == 409
    assert world.rung == []


def test_deliveries_of_one_person_are_told_page_by_page(world: World, shop: Program) -> None:
    world.subscribe(ADA)
    shop.ok("POST", "/campaigns", {"issue": ISSUE, "expect": 1})
    path = f"/subscribers/{subscriber(shop)['id']}/deliveries"
    first = shop.ok("GET", path, limit=2)
    rest = shop.ok("GET", path, limit=2, cursor=first["next"])
    assert [each["kind"] for each in first["data"] + rest["data"]] == ["issue", "welcome", "confirm"]
    assert first["data"][0] | {"due_at": "", "changed_at": ""} == {
        **{"campaign": 3, "kind": "issue", "issue": ISSUE, "seq": 0, "status": "pending", "tries": 0},
        **{"due_at": "", "changed_at": "", "code": None, "enhanced": None, "text": None},
    }
    assert rest["next"] is None


def test_person_is_erased_for_good_by_a_key_of_its_own_scope(world: World, shop: Program) -> None:
    imported(shop, ADA)
    path = f"/subscribers/{subscriber(shop)['id']}"
    assert program(world, Scope.SUBSCRIBERS_WRITE)("DELETE", path).status_code == 403
    assert shop("DELETE", path).status_code == 204
    assert shop("DELETE", path).status_code == 404
    assert shop("POST", "/subscribers", {"email": ADA, "consent": {"basis": "x"}}).status_code == 409


@pytest.mark.parametrize("limit", ["mails_per_domain", "mails_per_minute"])
def test_programs_pass_the_gate_and_share_its_budgets(tmp_path: Path, limit: str) -> None:
    with websites.world(tmp_path, more=f"[signups]\n{limit} = 5") as world:
        shop = program(world)
        for number in range(8):
            shop.ok("POST", "/subscribers", {"email": f"r{number}@one.example.net"})
        assert len(world.rung) == 5


# -- lists and campaigns ---------------------------------------------------------------------------


def test_lists_come_with_their_readers(shop: Program) -> None:
    imported(shop, ADA)
    assert [(each["slug"], each["confirmed"]) for each in shop.ok("GET", "/lists")["data"]] == [
        ("steady-spine", 1),
        ("clinic-notes", 0),
    ]
    assert shop.ok("GET", "/lists/steady-spine")["is_default"]
    assert shop("GET", "/lists/nothing").status_code == 404


def test_issue_is_launched_only_to_the_number_that_was_agreed_to(world: World, shop: Program) -> None:
    imported(shop, ADA, "eve@example.net")
    assert shop.ok("POST", "/plans", {"issue": ISSUE})["audience"] == 2
    assert shop("POST", "/campaigns", {"issue": ISSUE}).status_code == 422
    refused = shop("POST", "/campaigns", {"issue": ISSUE, "expect": 3})
    assert (refused.status_code, refused.json["detail"]) == (409, "The audience is 2 now, not 3.")
    assert not world.rows("snapshots")
    launched = shop("POST", "/campaigns", {"issue": ISSUE, "expect": 2})
    assert launched.status_code == 201
    assert (launched.json["audience"], launched.json["deferred"], launched.json["sandbox"]) == (2, 2, True)
    assert shop.ok("GET", launched.headers["Location"]) == launched.json
    assert shop("POST", "/campaigns", {"issue": ISSUE, "expect": 2}).status_code == 200
    assert len(world.rows("snapshots")) == 1
    assert len(world.rung) == 2


def test_launch_can_wait_for_its_time(world: World, shop: Program) -> None:
    imported(shop, ADA)
    body = {"issue": ISSUE, "expect": 1}
    assert shop("POST", "/campaigns", {**body, "at": "2026-09-15T07:59:00Z"}).status_code == 409
    assert shop("POST", "/campaigns", {**body, "at": "9999-12-31T23:59:59-23:59"}).status_code == 409
    assert shop("POST", "/campaigns", {**body, "at": "2026-09-16T08:00:00"}).status_code == 422
    launched = shop.ok("POST", "/campaigns", {**body, "at": "2026-09-16T08:00:00+02:00"})
    assert (launched["status"], launched["scheduled_at"]) == ("scheduled", "2026-09-16T06:00:00+00:00")


def test_issue_with_errors_is_not_launched(world: World, shop: Program) -> None:
    imported(shop, ADA)
    issues = world.site.issues_dir
    issues.unlink()
    (issues / "bad").mkdir(parents=True)
    (issues / "bad" / "issue.md").write_text("---\nsubject: Bad\n---\nHello.\n", "utf-8")
    assert shop.ok("POST", "/plans", {"issue": "bad"})["errors"]
    answer = shop("POST", "/campaigns", {"issue": "bad", "expect": 1})
    assert answer.status_code == 409
    assert str(world.site.root) not in answer.json["detail"]
    missing = shop("POST", "/campaigns", {"issue": "nothing", "expect": 1})
    assert (missing.status_code, missing.json["detail"]) == (404, 'There is no issue "nothing".')


def test_campaign_is_paused_and_resumed(shop: Program) -> None:
    imported(shop, ADA)
    number = shop.ok("POST", "/campaigns", {"issue": ISSUE, "expect": 1})["campaign"]
    paused = shop.ok("POST", f"/campaigns/{number}/pause")
    assert (paused["status"], paused["pause_reason"]) == ("paused", "paused by shop")
    assert shop("POST", f"/campaigns/{number}/pause").status_code == 409
    assert shop.ok("POST", f"/campaigns/{number}/resume")["status"] == "sending"
    assert shop("POST", f"/campaigns/{number}/resume").status_code == 409
    assert shop("POST", "/campaigns/999/pause").status_code == 404


def test_mails_to_single_people_are_not_paused(world: World, shop: Program) -> None:
    world.subscribe(ADA)
    standing = shop.ok("GET", "/campaigns", limit=1)
    assert standing["data"][0]["kind"] == "welcome"
    assert standing["next"]
    assert shop("POST", f"/campaigns/{standing['data'][0]['campaign']}/pause").status_code == 409


# -- suppressions ----------------------------------------------------------------------------------


def test_suppressions_are_told_by_hash_and_lifted_by_address(world: World, shop: Program) -> None:
    first = shop("POST", "/suppressions", {"email": ADA, "note": "asked by phone"})
    assert (first.status_code, first.json["reason"]) == (201, "manual")
    assert shop("POST", "/suppressions", {"email": ADA.upper()}).status_code == 200
    shop.ok("POST", "/suppressions", {"email": "eve@example.net"})
    page = shop.ok("GET", "/suppressions", limit=1)
    rest = shop.ok("GET", "/suppressions", limit=1, cursor=page["next"])
    hashes = {each["hash"] for each in page["data"] + rest["data"]}
    assert hashes == {world.site.keys.address_hash(each).hex() for each in (ADA, "eve@example.net")}
    assert "@" not in json.dumps(page)
    assert shop("POST", "/suppressions/lift", {"email": ADA}).status_code == 204
    assert shop("POST", "/suppressions/lift", {"email": ADA}).status_code == 404


def test_complaint_is_not_lifted_by_a_program(world: World, shop: Program) -> None:
    with world.site.database.write() as connection:
        digest = world.site.keys.address_hash(ADA)
        suppression.suppress(connection, digest, SuppressionReason.COMPLAINT, world.clock())
    assert shop("POST", "/suppressions/lift", {"email": ADA}).status_code == 409
    assert len(world.rows("suppressions")) == 1


# -- the page --------------------------------------------------------------------------------------


def test_page_names_every_operation_and_needs_nobody_else(world: World) -> None:
    from newsletter.web.api.routes import OPERATIONS

    before = world.fingerprint()
    page = world.client.get("/api/v1/")
    assert all(f'data-name="{each.name}"' in page.text for each in OPERATIONS)
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "style=" not in page.text
    assert "`" not in page.text
    assert "<code>newsletter send</code>" in page.text
    assert 'src="http' not in page.text
    assert world.client.get("/api/v1/explorer.js").content_type.startswith("text/javascript")
    assert world.client.get("/api/v1/explorer.css").content_type.startswith("text/css")
    assert world.client.get("/api/v1/explorer.py").status_code == 404
    assert world.client.get("/api/v1/openapi.json").json["openapi"] == "3.1.0"
    assert world.fingerprint() == before


def test_script_keeps_the_key_in_memory_only(world: World) -> None:
    script = world.client.get("/api/v1/explorer.js").text
    for word in ("localStorage", "sessionStorage", "cookie", "innerHTML", "history.", "http:", "https:"):
        assert word not in script


def test_keys_are_made_listed_and_revoked_on_the_command_line(
    tmp_path: Path, site_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from commands import Commands

    run = Commands(site_folder, monkeypatch, capfd)
    made = run.ok("api-key", "create", "--name", "shop", "--scope", "lists:read", "--rate", "5", "--json").json
    assert made["key"].startswith(made["prefix"] + "_")
    assert made["scopes"] == ["lists:read"]
    listed = run.ok("api-key", "list", "--json")
    assert made["key"] not in listed.out
    assert [(each["name"], each["rate"], each["revoked_at"]) for each in listed.json] == [("shop", 5, None)]
    run.ok("api-key", "revoke", made["prefix"])
    assert run.ok("api-key", "list", "--json").json[0]["revoked_at"]
    assert run("api-key", "revoke", "nlk_nothing1").code == 1
    assert run("api-key", "create", "--name", "x", "--scope", "everything").code == 2
    assert run("api-key", "create", "--name", " ", "--scope", "lists:read").code == 1


def test_name_stands_for_one_live_key_and_the_list_of_keys_fits_a_terminal(
    site_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from commands import Commands

    run = Commands(site_folder, monkeypatch, capfd)
    scopes = [word for scope in Scope for word in ("--scope", scope)]
    made = run.ok("api-key", "create", "--name", "shop", *scopes, "--json").json
    again = run("api-key", "create", "--name", " shop ", "--scope", "lists:read")
    assert (again.code, made["prefix"] in again.err) == (1, True)
    run.ok("api-key", "revoke", made["prefix"])
    run.ok("api-key", "create", "--name", "shop", "--scope", "lists:read")
    run.ok("api-key", "create", "--name", "n" * 100, "--scope", "lists:read")
    table = run.ok("api-key", "list").out.splitlines()
    assert table[0].split()[-1] == "REVOKED"
    assert max(len(line) for line in table) <= 100
    assert all(f"{scope}" in "\n".join(table) for scope in Scope)


def test_key_counts_as_work_and_leaves_the_budget_of_those_who_wait_alone(world: World, shop: Program) -> None:
    for number in range(5):
        assert shop("POST", "/subscribers", {"email": f"reader{number}@mailinator.com"}).status_code == 202
    assert world.mails(CampaignKind.CONFIRM) == 5
    waiters = world.site.keys.address_hash("gate waiters all")
    assert all(row.key != waiters for row in world.rows("gate_hits"))


def test_attack_does_not_keep_programs_out_and_one_mailbox_is_spared(tmp_path: Path) -> None:
    with websites.world(tmp_path, more="[signups]\nattack = 3") as world:
        shop = program(world)
        for number in range(8):
            assert shop("POST", "/subscribers", {"email": f"reader{number}@example.net"}).status_code == 202
            assert shop("POST", "/subscribers", {"email": "victim@example.net"}).status_code == 202
        assert world.mails(CampaignKind.CONFIRM) == 9
