"""The gate from outside: victims are spared, work counts once, waiting helps without scripts, time tells nothing."""

from __future__ import annotations

import base64
import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import websites
from sqlalchemy import event
from websites import World, hidden_fields, solution
from werkzeug.test import TestResponse

from newsletter import addresses
from newsletter.store.schema import CampaignKind, SuppressionReason
from newsletter.subscribers import suppression
from newsletter.subscribers.consent import Evidence, Wording
from newsletter.subscribers.entrance import enter
from newsletter.subscribers.gate import PAUSE, Visit, allowed, memory
from newsletter.subscribers.signup import Request

CHEAP = 20


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with websites.world(tmp_path, more="[signups]\nattack = 1000000\nmails_per_minute = 1000000") as found:
        yield found


def cheap(world: World) -> None:
    """Challenges that a test can solve in no time."""
    door = world.app.extensions["newsletter"]
    door.gate.proofs._cost = CHEAP


def knock(world: World, email: str, ip: str = "198.51.100.7", **more: Any) -> TestResponse:
    """A sign-up through the form, from an address of the internet."""
    hidden = hidden_fields(world.client.get("/").text)
    world.clock.advance(timedelta(seconds=4))
    return post(world, {**hidden, "email": email, **more}, ip)


def post(world: World, data: dict[str, Any], ip: str = "198.51.100.7") -> TestResponse:
    return world.client.post("/subscribe", data=data, environ_base={"REMOTE_ADDR": ip})


def asks_for_work(answer: TestResponse) -> bool:
    return answer.status_code == 200 and "data-challenge" in answer.text


@pytest.mark.slow
def test_hostile_sign_ups_of_one_victim_send_three_mails_a_day_at_most(world: World) -> None:
    dice = random.Random(5)
    spellings = ("victim@gmail.com", "v.i.c.t.i.m@gmail.com", "Victim+{}@googlemail.com", "vic.tim+{}@gmail.com")
    for number in range(400):
        ip = f"{dice.randrange(11, 120)}.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"
        knock(world, spellings[number % 4].format(number), ip)
        world.clock.advance(timedelta(minutes=5))
    moments = sorted(row.at for row in world.rows("gate_hits") if row.key == _commonest(world))
    assert len(moments) == world.mails(CampaignKind.CONFIRM)
    assert all(later - earlier >= timedelta(days=1) for earlier, later in zip(moments, moments[3:], strict=False))


GMAIL = ("victim{}@gmail.com", "v.i.c.t.i.m{}@gmail.com", "VICTIM{}@GoogleMail.com", "vic.tim{}@googlemail.COM")
ABROAD = ("victim{}@m\u00fcller.example", "Victim{}@xn--mller-kva.example", "VICTIM{}@MU\u0308LLER.example")


@pytest.mark.slow
@pytest.mark.parametrize(("attempts", "spellings"), [(10_000, GMAIL), (1_000, ABROAD)], ids=["gmail", "idn"])
def test_ten_thousand_attempts_through_rotating_networks_mail_a_victim_three_times_a_day(
    tmp_path: Path, attempts: int, spellings: tuple[str, ...]
) -> None:
    """Nothing but the budgets stands in the way here: no proof of work, no attack mode, no form."""
    open_gate = (
        "[signups]\nproof = 'never'\nattack = 1000000000\nmails_per_minute = 1000000\nmails_per_domain = 1000000"
    )
    with websites.world(tmp_path, more=open_gate) as world:
        site, dice = world.site, random.Random(10_000)
        gate = world.app.extensions["newsletter"].gate
        list_ids = tuple(site.list_ids.values())
        for _ in range(attempts // 100):
            with site.database.write() as connection:
                for _ in range(100):
                    tag = dice.choice(("", f"+{dice.randrange(10_000)}"))
                    address = addresses.parse(dice.choice(spellings).format(tag))
                    asked = Request(address, list_ids, Evidence("form"), Wording("1", "en", "Yes"))
                    enter(connection, gate, Visit(address, network(dice)), asked, site.keys, world.clock())
                    world.clock.advance(timedelta(days=2.5) / attempts)
        moments = sorted(row.enrolled_at for row in world.rows("deliveries"))
        assert len(moments) >= 6
        assert all(later - earlier >= timedelta(days=1) for earlier, later in zip(moments, moments[3:], strict=False))


def network(dice: random.Random) -> str:
    """An address of the internet: IPv4, IPv6, or one written as the other."""
    four = f"{dice.randrange(11, 120)}.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"
    six = (
        f"2a{dice.randrange(256):02x}:{dice.randrange(65_536):x}:{dice.randrange(65_536):x}::{dice.randrange(65_536):x}"
    )
    return dice.choice((four, six, f"::ffff:{four}"))


def _commonest(world: World) -> bytes:
    """The key of the mailbox: the one that spends the whole day's budget."""
    day = [row for row in world.rows("gate_hits") if row.expires_at - row.at == timedelta(days=1)]
    return bytes(Counter(row.key for row in day).most_common(1)[0][0])


def test_busy_network_has_to_work_and_others_do_not(world: World) -> None:
    cheap(world)
    for number in range(5):
        assert knock(world, f"reader{number}@example{number}.net", f"198.51.100.{number}").status_code == 303
    assert asks_for_work(knock(world, "ada@example.net", "198.51.100.99"))
    assert knock(world, "ada@example.net", "203.0.113.9").status_code == 303


def test_solved_work_passes_once(world: World) -> None:
    cheap(world)
    page = knock(world, "ada@mailinator.com")
    assert asks_for_work(page)
    assert "script-src 'self'; worker-src 'self'" in page.headers["Content-Security-Policy"]
    data = {**hidden_fields(page.text), "altcha": solution(page.text)}
    assert post(world, data).status_code == 303
    assert world.status("ada@mailinator.com") == "pending"
    assert asks_for_work(post(world, {**data, "email": "eve@mailinator.com"}))
    assert world.status("eve@mailinator.com") is None


def test_work_runs_out(world: World) -> None:
    cheap(world)
    page = knock(world, "ada@mailinator.com")
    data = {**hidden_fields(page.text), "altcha": solution(page.text)}
    world.clock.advance(timedelta(minutes=31))
    data["form"] = ""
    assert post(world, data).status_code == 200
    assert world.status("ada@mailinator.com") is None


def test_forged_work_is_no_work_and_no_error(world: World) -> None:
    cheap(world)
    page = knock(world, "ada@mailinator.com")
    data = hidden_fields(page.text)
    genuine = solution(page.text)
    inner = json.loads(base64.b64decode(genuine))
    strange: list[Any] = [None, [], {}, 5, "x", {"challenge": None}, {"challenge": [], "solution": {}}]
    for key in ("counter", "derivedKey"):
        strange += [{**inner, "solution": {**inner["solution"], key: value}} for value in (None, -1, 2**70, [], "ff")]
    strange += [{**inner, "challenge": {**inner["challenge"], "signature": value}} for value in (None, 1, "", [])]
    cheaper = {**inner["challenge"]["parameters"], "cost": 1}
    strange.append({**inner, "challenge": {**inner["challenge"], "parameters": cheaper}})
    forged = [base64.b64encode(json.dumps(each).encode()).decode() for each in strange]
    changed = websites.mutated(genuine, 200)
    forged += ["%%%", "A" * 5000, genuine[:-9], *changed]
    for each in forged[: -len(changed)]:
        assert asks_for_work(post(world, {**data, "altcha": each}))
    for number, each in enumerate([*changed, genuine]):  # a change that base64 does not see is the solution itself
        assert post(world, {**data, "email": f"a{number}@mailinator.com", "altcha": each}).status_code in {200, 303}
    assert world.mails(CampaignKind.CONFIRM) == 1


def test_without_scripts_the_button_counts_after_a_pause(world: World) -> None:
    page = knock(world, "ada@mailinator.com")
    data = hidden_fields(page.text)
    again = post(world, data)
    assert asks_for_work(again)
    world.clock.advance(PAUSE)
    assert post(world, hidden_fields(again.text)).status_code == 303
    assert world.status("ada@mailinator.com") == "pending"


def test_those_who_wait_have_a_limit_of_their_own(world: World) -> None:
    for number in range(5):
        page = knock(world, f"reader{number}@mailinator.com")
        world.clock.advance(PAUSE)
        assert post(world, hidden_fields(page.text)).status_code == 303
    assert world.mails(CampaignKind.CONFIRM) == 3


def test_everybody_has_to_work_while_the_site_is_attacked(tmp_path: Path) -> None:
    with websites.world(tmp_path, more="[signups]\nattack = 20") as world:
        cheap(world)
        for number in range(21):
            knock(world, f"reader{number}@example{number}.net", f"198.51.{number}.1")
            world.clock.advance(timedelta(seconds=1))
        page = knock(world, "ada@example.net", "203.0.113.9")
        assert asks_for_work(page)
        assert (
            post(world, {**hidden_fields(page.text), "altcha": solution(page.text)}, "203.0.113.9").status_code == 303
        )
        with world.site.database.write() as connection:
            assert memory.take_alert(connection, world.clock(), 20) is not None
            assert memory.take_alert(connection, world.clock(), 20) is None
        world.clock.advance(timedelta(minutes=80))
        assert knock(world, "eve@example.org", "203.0.113.10").status_code == 303


def test_budget_of_everybody_holds_and_half_of_it_is_for_those_who_work(tmp_path: Path) -> None:
    with websites.world(tmp_path, more="[signups]\nmails_per_minute = 10") as world:
        cheap(world)
        token = hidden_fields(world.client.get("/").text)
        world.clock.advance(timedelta(seconds=4))
        answers = [post(world, {**token, "email": f"a{n}@example{n}.net"}, f"198.51.{n}.1") for n in range(8)]
        assert [answer.status_code for answer in answers] == [303] * 5 + [200] * 3
        for number in range(8):
            page = post(world, {**token, "email": f"b{number}@example{number}.org"}, f"192.0.{number}.1")
            post(world, {**hidden_fields(page.text), "altcha": solution(page.text)}, f"192.0.{number}.1")
        assert world.mails(CampaignKind.CONFIRM) == 10


def test_allowed_pass_where_others_have_to_work(world: World) -> None:
    with world.site.database.write() as connection:
        for entry in ("mailinator.com", "198.51.100.0/24"):
            allowed.add(connection, allowed.normalised(entry), "", world.clock())
    assert knock(world, "ada@mailinator.com", "203.0.113.9").status_code == 303
    assert knock(world, "ada@yopmail.com", "198.51.100.5").status_code == 303
    assert asks_for_work(knock(world, "eve@yopmail.com", "203.0.113.9"))


def test_spoofed_network_counts_for_nothing(world: World) -> None:
    """The header is believed from trusted proxies only, and the gate sees what the server made of it."""
    for number in range(5):
        knock(world, f"reader{number}@example{number}.net")
    hidden = hidden_fields(world.client.get("/").text)
    world.clock.advance(timedelta(seconds=4))
    answer = world.client.post(
        "/subscribe",
        data={**hidden, "email": "ada@example.net"},
        headers={"X-Forwarded-For": "203.0.113.9"},
        environ_base={"REMOTE_ADDR": "198.51.100.7"},
    )
    assert asks_for_work(answer)


def test_answer_runs_the_same_statements_whoever_has_the_address(tmp_path: Path) -> None:
    """Not one more or less, and in the same order: new, pending, confirmed, gone, suppressed, over a limit."""
    limits = "[signups]\nattack = 1000000\nmails_per_minute = 1000000\nmails_per_domain = 3"
    with websites.world(tmp_path, top='languages = ["en", "de"]', more=limits) as world:
        wanted = prepare_everybody(world)
        statements(world, "first@example.net", "203.0.113.9")  # after whom the wording is known
        shapes = {email: statements(world, email, f"198.51.{n}.7") for n, email in enumerate(wanted)}
        usual = shapes["new@example.net"]
        assert {email: found == usual for email, found in shapes.items()} == dict.fromkeys(wanted, True)
        assert sum(each.startswith("INSERT") for each in usual) > 5
        assert {email: world.status(email) for email in wanted} == wanted


def prepare_everybody(world: World) -> dict[str, str | None]:
    """Addresses in every state there is, and how each stands after one more sign-up."""
    with world.site.database.write() as connection:
        for reason in SuppressionReason:
            digest = world.site.keys.address_hash(f"{reason}@example.net")
            suppression.suppress(connection, digest, reason, world.clock())
    world.subscribe("confirmed@example.org")
    world.subscribe("left@example.org")
    world.client.post(world.leave_path("left@example.org"))
    world.sign_up("expired@example.org")
    world.clock.advance(timedelta(days=9))
    world.site.housekeeping()
    world.subscribe("other@example.com", "/lists/clinic-notes")
    world.sign_up("pending@example.de")
    world.clock.advance(timedelta(days=1, minutes=1))
    for _ in range(3):
        world.sign_up("victim@example.ch")
        world.clock.advance(timedelta(minutes=11))
    for number in range(3):
        world.sign_up(f"full{number}@example.info")
    return {
        "new@example.net": "pending",
        "confirmed@example.org": "confirmed",
        "left@example.org": "pending",
        "expired@example.org": "pending",
        "other@example.com": "pending",
        "pending@example.de": "pending",
        "victim@example.ch": "pending",
        "late@example.info": None,
        **{f"{reason}@example.net": None for reason in SuppressionReason},
    }


def statements(world: World, email: str, ip: str) -> list[str]:
    """What the database is asked while one sign-up is answered, and the answer. How a savepoint ends is no matter."""
    hidden = hidden_fields(world.client.get("/").text)
    world.clock.advance(timedelta(seconds=4))
    seen: list[str] = []

    def note(statement: str) -> None:
        seen.append(statement)

    engine = world.site.database.engine
    listeners: dict[str, Any] = {
        "before_cursor_execute": lambda _one, _two, statement, *_rest: note(statement),
        "savepoint": lambda _one, _name: note("SAVEPOINT"),
        "rollback_savepoint": lambda _one, _name, _context: note("END"),
        "release_savepoint": lambda _one, _name, _context: note("END"),
        "commit": lambda _one: note("COMMIT"),
        "rollback": lambda _one: note("ROLLBACK"),
    }
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    data = {**hidden, "email": email, "list": ["steady-spine", "clinic-notes"], "name": "Ada"}
    answer = post(world, data, ip)
    for name, listener in listeners.items():
        event.remove(engine, name, listener)
    assert answer.status_code == 303
    return [*(each for each in seen if "SAVEPOINT sa_" not in each), str(answer.headers), answer.text]
