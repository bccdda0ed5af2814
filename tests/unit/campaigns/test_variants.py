"""Which copy a reader gets follows from their tags, in the dry fill as on the wire."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import factories
import pytest
from sqlalchemy import select

from newsletter.campaigns import dryfill, snapshot
from newsletter.campaigns.compose import IssueComposer
from newsletter.campaigns.launch import Order, launch
from newsletter.deliveries import claims
from newsletter.deliveries.claims import Scope
from newsletter.errors import RefusedError
from newsletter.rendering.slots import Slot
from newsletter.rendering.variants import Edition
from newsletter.site import Site
from newsletter.store.schema import snapshots
from newsletter.subscribers import people

if TYPE_CHECKING:
    from .conftest import Editor

NOW = factories.START
CITY = Slot("NLSLOTabcd0002X", "subscriber.city", None)
EDITION = Edition(
    renderings=(factories.rendered("for all"), factories.rendered("for members"), factories.rendered("for the board")),
    names=((), ("member",), ("board",)),
    questions=(("friend", "member"), ("board",)),
    answers={"00": 0, "10": 1, "01": 2, "11": 2},
)
TAGS = {
    "nobody@example.net": (),
    "other@example.net": ("other",),
    "friend@example.net": ("friend", "other"),
    "member@example.net": ("member",),
    "board@example.net": ("board", "member"),
}
GETS = {
    "nobody@example.net": b"for all",
    "other@example.net": b"for all",
    "friend@example.net": b"for members",
    "member@example.net": b"for members",
    "board@example.net": b"for the board",
}


def test_every_reader_gets_the_variant_of_their_tags(site: Site) -> None:
    with site.database.write() as connection:
        for email, tags in TAGS.items():
            people.amend(connection, factories.subscribed(connection, site.keys, email).id, tags=tags)
        order = Order("spring", (factories.issue(), EDITION), 1, "steady-spine", is_trial=False)
        launch(connection, order, errors=(), expect=len(TAGS), now=NOW)
        taken = claims.claim(connection, 1, Scope(trial=False), now=NOW, limit=99)
    composer = IssueComposer(site.config, site.letterhead, site.lists_by_id, site.database)
    for delivery in taken:
        message = composer.compose(delivery).message
        assert [word for word in sorted(set(GETS.values())) if word in message] == [GETS[delivery.email]]
        assert composer.compose(delivery).message == message


def test_snapshot_holds_all_variants_and_shows_one(editor: Editor) -> None:
    found = snapshot.load(editor.connection, snapshot.take(editor.connection, factories.issue(), EDITION, NOW))
    assert found.edition == EDITION
    assert found.rendered == EDITION.public
    assert found.content_hash == snapshot.content_hash(EDITION) != snapshot.content_hash(Edition.of(EDITION.public))


def test_snapshot_of_an_earlier_release_is_read(editor: Editor) -> None:
    taken = snapshot.take(editor.connection, factories.issue(), factories.edition(), NOW)
    stored = editor.connection.execute(select(snapshots.c.rendered).where(snapshots.c.id == taken)).scalar_one()
    earlier = stored.replace(',"media":[]', "").replace('"media":[],', "")
    editor.connection.execute(snapshots.update().values(rendered=earlier))
    assert snapshot.load(editor.connection, taken).edition == factories.edition()


def test_dry_fill_asks_of_a_reader_what_their_own_variant_needs(editor: Editor) -> None:
    members = EDITION.renderings[1]
    members = replace(members, slots=(*members.slots, CITY), text=f"{members.text}{CITY.token}\n")
    edition = replace(EDITION, renderings=(EDITION.renderings[0], members, EDITION.renderings[2]))
    order = editor.order(content=(factories.issue(), edition))
    for email, tags in TAGS.items():
        fields = {"city": "Bonn"} if email == "friend@example.net" else {}
        person = factories.subscribed(editor.connection, editor.keys, email)
        people.amend(editor.connection, person.id, tags=tags, fields=fields)
    with pytest.raises(RefusedError, match=r"member@example\.net.*subscriber\.city"):
        dryfill.require_complete(editor.connection, order, "")
    people.amend(editor.connection, people.find(editor.connection, "member@example.net").id, tags=("board",))  # type: ignore[union-attr]
    dryfill.require_complete(editor.connection, order, "")
