"""What came back, as programs see it: filtered, page by page, without an address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import websites
from feedback_world import FeedbackWorld
from programs import program
from websites import World

from newsletter.access.scopes import Scope
from newsletter.feedback.verdict import Kind
from newsletter.subscribers import forget


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with websites.world(tmp_path) as found:
        yield found


@pytest.fixture
def feedback(world: World) -> FeedbackWorld:
    """Two readers, one issue, and five events about it."""
    found = FeedbackWorld(world.site, world.clock)
    ada, eve = found.sign_up(2)
    campaign = found.send("spring")
    for kind, reader in (
        (Kind.SOFT, ada),
        (Kind.BLOCK, eve),
        (Kind.AUTO_REPLY, ada),
        (Kind.HARD, eve),
        (Kind.HARD, ada),
    ):
        found.bounce(kind, campaign, reader, code=550, enhanced="5.1.1", reason=f"<{reader.email}> is gone")
    return found


def test_events_are_told_newest_first_in_pages(world: World, feedback: FeedbackWorld) -> None:
    shop = program(world, Scope.FEEDBACK_READ)
    page = shop.ok("GET", "/feedback-events", limit=3)
    rest = shop.ok("GET", "/feedback-events", limit=3, cursor=page["next"])
    assert [each["kind"] for each in page["data"] + rest["data"]] == ["hard", "hard", "auto_reply", "block", "soft"]
    assert rest["next"] is None
    newest = page["data"][0]
    ada = feedback.readers[0]
    assert newest == {
        "id": newest["id"],
        "at": "2026-09-15T08:00:00+00:00",
        "kind": "hard",
        "source": "mail",
        "matched": "verp",
        "subscriber": str(ada.uid),
        "campaign": 1,
        "issue": "spring",
        "seq": 0,
        "provider": "example.net",
        "code": 550,
        "enhanced": "5.1.1",
        "reason": "<…> is gone",
    }


def test_events_are_filtered_by_kind_and_person(world: World, feedback: FeedbackWorld) -> None:
    shop, eve = program(world), feedback.readers[1]

    def kinds(**query: str) -> list[str]:
        return [each["kind"] for each in shop.ok("GET", "/feedback-events", **query)["data"]]

    assert kinds(kind="hard") == ["hard", "hard"]
    assert kinds(subscriber=str(eve.uid)) == ["hard", "block"]
    assert kinds(subscriber=str(eve.uid), kind="block") == ["block"]
    assert kinds(subscriber="77") == kinds(subscriber="9" * 19) == []
    assert shop("GET", "/feedback-events", kind="odd").status_code == 422
    assert shop("GET", "/feedback-events", subscriber="0").status_code == 422
    link = shop("GET", "/feedback-events", kind="hard", limit=1).headers["Link"]
    assert "kind=hard" in link


def test_events_outlive_the_person_without_saying_who(world: World, feedback: FeedbackWorld) -> None:
    shop, ada = program(world), feedback.readers[0]
    with world.site.database.write() as connection:
        forget.forget(connection, ada, world.clock())
    said = shop.ok("GET", "/feedback-events")
    assert ada.email not in str(said)
    assert all(each["subscriber"] != str(ada.uid) for each in said["data"])


def test_other_scopes_do_not_open_it(world: World) -> None:
    assert program(world, Scope.SUPPRESSIONS_READ)("GET", "/feedback-events").status_code == 403
