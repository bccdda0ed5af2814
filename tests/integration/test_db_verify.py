"""`db verify`: whatever is not as it should be in the database is found and said in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import factories
import pytest
import websites
from commands import Commands
from sqlalchemy import text
from websites import World

from newsletter import starter
from newsletter.deliveries import invariants
from newsletter.transport.memory import MemoryTransport

ISSUE = "001-why-your-back-hurts"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "issues").symlink_to(starter.issues())
    with websites.world(tmp_path, more='[smtp]\nhost = "relay.example.org"\n') as found:
        found.site.fence.settle_in(is_new=True, now=found.clock())
        found.subscribe("ada@example.net")
        found.launch(ISSUE)
        found.site.sender(transport=MemoryTransport()).drain()
        yield found


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    return Commands(world.site.root, monkeypatch, capfd)


def spoil(world: World, *statements: str) -> None:
    with world.site.database.write() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_what_has_lived_an_ordinary_life_is_sound(world: World, run: Commands) -> None:
    world.client.post(world.leave_path("ada@example.net"))
    world.site.forget(world.person("first@example.net"))
    done = run.ok("db", "verify", "--json").json
    assert (done["ok"], done["faults"], done["people"], done["records"]) == (True, [], 1, 5)
    assert f"The chain ends with {done['last_hash']}." in run.ok("db", "verify", "--holds", done["last_hash"]).out


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "UPDATE campaigns SET audience = audience + 1 WHERE kind = 'issue'",
            "was launched to 3 readers and has 2 copies",
        ),
        ("UPDATE deliveries SET status = 'claimed'", "in the hands of no worker"),
        ("UPDATE deliveries SET worker_id = 7", "still in the hands of a worker"),
        (
            "UPDATE subscribers SET address_hash = (SELECT max(address_hash) FROM subscribers)",
            "1 addresses were hashed with another key",
        ),
        ("UPDATE subscriptions SET list_id = 2", "2 confirmed readers of the list clinic-notes have no record"),
        ("UPDATE wordings SET text = 'x'", "refers to a wording that was changed"),
        ("UPDATE journals SET position = 1", "does not know all of"),
    ],
)
def test_fault_is_found_and_said(world: World, run: Commands, statement: str, said: str) -> None:
    if "journals" in statement:
        world.client.post(world.leave_path("ada@example.net"))
    spoil(world, statement)
    done = run("db", "verify")
    assert done.code == 1
    assert said in done.err


def test_finished_campaign_with_open_copies_is_found(world: World) -> None:
    with world.site.database.write() as connection:
        campaign = factories.issue_campaign(connection, slug="other")
        over = text("UPDATE campaigns SET status = 'finished', audience = 2 WHERE id = :id")
        connection.execute(over, {"id": campaign})
        assert list(invariants.broken(connection)) == [f"campaign {campaign} is finished, but 2 of its copies are not"]


def test_issue_that_went_twice_is_found(world: World) -> None:
    with world.site.database.write() as connection:
        campaign = factories.issue_campaign(connection, slug="other")
        again = text("UPDATE campaigns SET slug = :slug, audience = 2, list_id = 2 WHERE id = :id")
        connection.execute(again, {"id": campaign, "slug": ISSUE})
        connection.execute(text("UPDATE deliveries SET status = 'sent' WHERE campaign_id = :id"), {"id": campaign})
        assert list(invariants.broken(connection)) == [f"issue {ISSUE} was sent twice to 2 readers"]


def test_chain_that_was_cut_short_is_found_by_a_hash_seen_before(world: World, run: Commands) -> None:
    seen = run.ok("db", "verify", "--json").json["last_hash"]
    with world.site.database.write() as connection:
        factories.unguard_evidence(connection)
    spoil(world, "DELETE FROM consent_records WHERE id = (SELECT max(id) FROM consent_records)")
    assert "holds it no more" in run("db", "verify", "--holds", seen).err
