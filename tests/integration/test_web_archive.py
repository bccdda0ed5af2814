"""Past issues on the web: as launched, for nobody in particular, with their pictures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import websites
from websites import World

from newsletter import starter

SLUG = "001-why-your-back-hurts"
ADA = "ada@example.net"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "issues").symlink_to(starter.issues())
    with websites.world(tmp_path) as found:
        yield found


@pytest.fixture
def private_world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "issues").symlink_to(starter.issues())
    with websites.world(tmp_path, more='[archive]\nvisibility = "private"') as found:
        yield found


def test_issue_appears_with_its_launch(world: World) -> None:
    assert world.client.get(f"/archive/{SLUG}/").status_code == 404
    assert "still being written" in world.client.get("/archive/").text
    world.subscribe(ADA, name="Ada Lovelace")
    world.launch(SLUG)
    listing = world.client.get("/archive/").text
    assert f'href="/archive/{SLUG}/"' in listing
    assert "2026" in listing


def test_page_holds_every_article_and_a_form(world: World) -> None:
    world.launch(SLUG)
    page = world.client.get(f"/archive/{SLUG}/").text
    for article in world.site.load(SLUG).articles:
        assert article.title.replace("'", "&#39;") in page or article.title in page
    assert 'action="/subscribe"' in page
    assert "NLSLOT" not in page


def test_page_knows_no_reader(world: World) -> None:
    world.subscribe(ADA, name="Ada Lovelace")
    world.launch(SLUG)
    page = world.client.get(f"/archive/{SLUG}/").text
    assert ADA not in page
    assert "Lovelace" not in page
    assert "/u/" not in page


def test_sign_up_from_the_page_of_an_issue_names_it_as_origin(world: World) -> None:
    world.launch(SLUG)
    world.fill_in(f"/archive/{SLUG}/", email=ADA)
    assert world.rows("consent_records")[-1].personal["origin"] == f"/archive/{SLUG}/"


def test_newest_issue_stands_first(world: World) -> None:
    for slug in world.site.issues():
        world.launch(slug)
        world.clock.advance(timedelta(days=28))
    listing = world.client.get("/archive/").text
    assert listing.index("002-the-side-you-favour") < listing.index(SLUG)


def test_pictures_are_immutable_and_strictly_typed(world: World) -> None:
    world.launch(SLUG)
    page = world.client.get(f"/archive/{SLUG}/").text
    row = world.rows("media")[0]
    assert f'src="/media/{row.name}"' in page
    answer = world.client.get(f"/media/{row.name}")
    assert answer.data == row.data
    assert answer.content_type == row.media_type
    assert "immutable" in answer.headers["Cache-Control"]
    again = world.client.get(f"/media/{row.name}", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_private_archive_has_no_pages_but_keeps_the_pictures_of_its_mails(private_world: World) -> None:
    world = private_world
    world.launch(SLUG)
    assert world.client.get("/archive/").status_code == 404
    assert world.client.get(f"/archive/{SLUG}/").status_code == 404
    assert "/archive/" not in world.client.get("/").text
    assert world.client.get("/media/" + world.rows("media")[0].name).status_code == 200
