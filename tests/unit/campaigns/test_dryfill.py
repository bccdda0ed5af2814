"""Every copy is filled once before the first one leaves: one reader without a value stops the launch for all."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING

import factories
import pytest
from sqlalchemy import insert, update

from newsletter.campaigns import dryfill
from newsletter.errors import RefusedError
from newsletter.rendering.slots import Slot
from newsletter.rendering.variants import Edition
from newsletter.site import Site
from newsletter.store.schema import (
    SubscriptionStatus,
    SuppressionReason,
    campaigns,
    deliveries,
    snapshots,
    subscribers,
    subscriptions,
)
from newsletter.subscribers import suppression

if TYPE_CHECKING:
    from newsletter.campaigns.launch import Order

    from .conftest import Editor

CITY = Slot("NLSLOTabcd0002X", "subscriber.city", None)


def order(editor: Editor, *, place: str = "text", slot: Slot = CITY) -> Order:
    """An issue that names the reader's city, a required field, without a fallback."""
    rendered = factories.rendered()
    rendered = replace(rendered, slots=(*rendered.slots, slot), **{place: f"{getattr(rendered, place)} {slot.token}"})
    return editor.order(content=(factories.issue(), Edition.of(rendered)))


def lives_in(editor: Editor, email: str, **fields: str) -> None:
    factories.subscribed(editor.connection, editor.keys, email)
    editor.connection.execute(update(subscribers).where(subscribers.c.email == email).values(fields=fields))


@pytest.mark.parametrize("place", ["subject", "html", "text"])
@pytest.mark.parametrize("fields", [{}, {"city": ""}, {"city": " \u00a0"}])
def test_reader_without_a_value_is_named_with_the_field(editor: Editor, place: str, fields: dict[str, str]) -> None:
    lives_in(editor, "has@example.net", city="Bonn")
    lives_in(editor, "has-not@example.net", **fields)
    with pytest.raises(RefusedError, match=r"cannot be sent to has-not@example.net.*subscriber\.city") as refused:
        dryfill.require_complete(editor.connection, order(editor, place=place), "")
    assert refused.value.exit_code == 4


def test_everybody_with_a_value_passes(editor: Editor) -> None:
    lives_in(editor, "has@example.net", city="Bonn")
    dryfill.require_complete(editor.connection, order(editor), "")


def test_fallback_or_a_place_only_on_the_archive_page_is_enough(editor: Editor) -> None:
    lives_in(editor, "has-not@example.net")
    dryfill.require_complete(editor.connection, order(editor, slot=replace(CITY, fallback="town")), "")
    dryfill.require_complete(editor.connection, order(editor, place="page"), "")


def test_whoever_is_not_in_the_audience_does_not_count(editor: Editor) -> None:
    factories.subscribed(editor.connection, editor.keys, "left@example.net", SubscriptionStatus.UNSUBSCRIBED)
    bounced = factories.subscribed(editor.connection, editor.keys, "bounced@example.net")
    suppression.suppress(editor.connection, bounced.address_hash, SuppressionReason.HARD_BOUNCE, factories.START)
    dryfill.require_complete(editor.connection, order(editor), "")


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [("name", "Ada\r\nBcc: all@example.net", "To contains a line break"), ("email", "a b@example.net", "cannot stand")],
)
def test_what_cannot_stand_in_the_header_is_found(editor: Editor, column: str, value: str, what: str) -> None:
    lives_in(editor, "ada@example.net", city="Bonn")
    editor.connection.execute(update(subscribers).values({column: value}))
    with pytest.raises(RefusedError, match=what):
        dryfill.require_complete(editor.connection, order(editor), "")


def test_names_and_addresses_of_the_world_pass(editor: Editor) -> None:
    for email in ("o'brien+news@example.net", "hallo@bücher.example.net", "a.b-c_d@sub.example.org"):
        lives_in(editor, email, city="Zürich")
    editor.connection.execute(update(subscribers).values(name="Łukasz “Ü” Ōe, “Dr.”"))
    dryfill.require_complete(editor.connection, order(editor), "")


def test_last_reader_of_many_pages_is_reached(editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dryfill, "PAGE", 4)
    for number in range(9):
        lives_in(editor, f"r{number}@example.net", city="Bonn")
    dryfill.require_complete(editor.connection, order(editor), "")
    lives_in(editor, "last@example.net")
    with pytest.raises(RefusedError, match=r"last@example\.net"):
        dryfill.require_complete(editor.connection, order(editor), "")


def test_memory_does_not_grow_with_the_audience(editor: Editor) -> None:
    def peak(first: int, count: int) -> int:
        numbers = range(first, first + count)
        people = [
            {
                "id": n,
                "uid": n,
                "email": f"m{n}@example.net",
                "email_key": f"m{n}@example.net",
                "address_hash": n.to_bytes(32),
                "fields": {"city": "Bonn"},
                "created_at": factories.START,
            }
            for n in numbers
        ]
        list_id = factories.list_id(editor.connection)
        editor.connection.execute(insert(subscribers), people)
        stands = {"list_id": list_id, "status": "confirmed", "source": "form"}
        when = {"created_at": factories.START, "changed_at": factories.START}
        editor.connection.execute(insert(subscriptions), [{"subscriber_id": n, **stands, **when} for n in numbers])
        del people
        wanted = order(editor)
        tracemalloc.start()
        try:
            dryfill.require_complete(editor.connection, wanted, "")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1, 10)
    small = peak(100, 2 * dryfill.PAGE)
    assert peak(100_000, 6 * dryfill.PAGE) < 1.25 * small


def test_launch_of_the_site_refuses_and_writes_nothing(site: Site) -> None:
    with site.database.write() as connection:
        found = factories.subscribed(connection, site.keys, "ada@example.net")
        list_id = factories.list_id(connection)
        connection.execute(update(subscribers).where(subscribers.c.id == found.id).values(fields={"town": "Bonn"}))
    checked = site.check(site.issues()[0])
    assert checked.issue is not None
    assert checked.rendered is not None
    rendered = replace(
        checked.rendered, slots=(*checked.rendered.slots, CITY), text=f"{checked.rendered.text}{CITY.token}\n"
    )
    wanted = replace(site.order(checked, None), content=(checked.issue, Edition.of(rendered)), list_id=list_id)
    with pytest.raises(RefusedError, match=r"ada@example.net.*subscriber\.city"):
        site.launch(wanted, errors=(), expect=1)
    with site.database.read() as connection:
        for table in (campaigns, deliveries, snapshots):
            assert connection.execute(table.select()).all() == []
    with site.database.write() as connection:
        connection.execute(update(subscribers).values(fields=json.loads('{"city": "Bonn"}')))
    assert site.launch(wanted, errors=(), expect=1).audience == 1
