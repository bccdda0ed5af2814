"""A thousand almost-right tokens of every kind that is not a link: forms, keys and cursors. Links are tried beside
their pages.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import websites
from programs import Program, program
from websites import World, hidden_fields, mutated

from newsletter import starter

SLUG = "001-why-your-back-hurts"
ADA = {"email": "ada@example.net", "name": "Ada", "words": "It helped."}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "issues").symlink_to(starter.issues())
    with websites.world(tmp_path, more="[archive]\nreplies = true\n[signups]\nattack = 1000000") as found:
        found.launch(SLUG)
        yield found


FORMS = {
    "sign-up": ("signup /", "/subscribe"),
    "one more click": ("again signup /", "/subscribe"),
    "pause": ("wait signup /", "/subscribe"),
    "reply": (f"reply {SLUG}", f"/archive/{SLUG}/reply"),
    "reply once more": (f"again reply {SLUG}", f"/archive/{SLUG}/reply"),
    "reply after a pause": (f"wait reply {SLUG}", f"/archive/{SLUG}/reply"),
}


@pytest.mark.parametrize("kind", FORMS)
def test_mutated_form_token_is_none(world: World, kind: str) -> None:
    name, path = FORMS[kind]
    forms = world.app.extensions["newsletter"].forms
    token = forms.issue(name, world.clock())
    world.clock.advance(timedelta(seconds=30))
    assert forms.age(token, name, world.clock()) == timedelta(seconds=30)
    candidates = [each.replace("%25", "%") for each in mutated(token, 1000)]
    accepted = {each for each in candidates if forms.age(each, name, world.clock()) is not None}
    assert all(octets(each) == octets(token) for each in accepted)  # base64 does not see every change
    before = world.fingerprint()
    for each in [each for each in candidates if each not in accepted][:40]:
        answer = world.client.post(path, data={**ADA, "form": each, "page": "/"})
        assert answer.status_code == 200
        assert hidden_fields(answer.text)["form"] not in {token, each}
    assert world.fingerprint() == before


def octets(token: str) -> list[bytes]:
    """What is really in a token."""
    return [urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split(".")]


@pytest.mark.parametrize("kind", FORMS)
def test_form_token_of_one_kind_is_none_of_another(world: World, kind: str) -> None:
    forms = world.app.extensions["newsletter"].forms
    token = forms.issue(FORMS[kind][0], world.clock() - timedelta(seconds=30))
    others = [name for name, _ in FORMS.values() if name != FORMS[kind][0]]
    assert [forms.age(token, name, world.clock()) for name in others] == [None] * len(others)


def test_mutated_key_opens_nothing_and_writes_nothing(world: World) -> None:
    shop = program(world)
    before = world.fingerprint()
    for each in mutated(shop.text, 1000):
        answer = Program(world, each)("POST", "/subscribers", {"email": "ada@example.net"})
        assert answer.status_code == 401
    assert world.fingerprint() == before


def test_mutated_cursor_leads_nowhere(world: World) -> None:
    shop = program(world, rate=60_000)
    for number in range(3):
        world.sign_up(f"reader{number}@example.net")
    cursor = shop.ok("GET", "/subscribers", limit=1)["next"]
    for each in mutated(cursor, 1000):
        assert shop("GET", "/subscribers", cursor=each.replace("%25", "%")).status_code == 422
    assert shop.ok("GET", "/subscribers", cursor=cursor)["data"]
