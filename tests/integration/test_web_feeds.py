"""Feeds and what links to them: three formats with one content, for programs as strict as their standards."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import lxml.html
import pytest
import websites
from lxml import etree
from websites import World

from newsletter import starter
from newsletter.web import feeds

SLUG = "001-why-your-back-hurts"
SECOND = "002-the-side-you-favour"
HOME = "https://news.example.org"
KINDS = tuple(feeds.KINDS)
NAMES = {"a": feeds.ATOM, "c": feeds.CONTENT}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "issues").symlink_to(starter.issues())
    with websites.world(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One issue launched, for tests that only look."""
    folder = tmp_path_factory.mktemp("shown")
    (folder / "issues").symlink_to(starter.issues())
    with websites.world(folder) as found:
        found.launch(SLUG)
        yield found


def texts(root: Any, path: str) -> list[str]:
    return [each if isinstance(each, str) else each.text for each in root.xpath(path, namespaces=NAMES)]


def get(world: World, name: str) -> Any:
    answer = world.client.get(f"/{name}")
    assert answer.status_code == 200
    return json.loads(answer.data) if name == "feed.json" else etree.fromstring(answer.data)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("feed.xml", "application/rss+xml; charset=utf-8"),
        ("feed.atom", "application/atom+xml; charset=utf-8"),
        ("feed.json", "application/feed+json"),
    ],
)
def test_feed_says_what_it_is(shown: World, name: str, media_type: str) -> None:
    answer = shown.client.get(f"/{name}")
    assert answer.content_type == media_type
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_feed_is_sound_before_the_first_issue(world: World) -> None:
    assert texts(get(world, "feed.xml"), "/rss/channel/item") == []
    assert texts(get(world, "feed.atom"), "/a:feed/a:updated") == ["1970-01-01T00:00:00Z"]
    assert get(world, "feed.json")["items"] == []


def test_rss_has_what_the_standard_asks_for(shown: World) -> None:
    root = get(shown, "feed.xml")
    assert root.tag == "rss"
    assert root.get("version") == "2.0"
    for required in ("title", "link", "description"):
        assert len(texts(root, f"/rss/channel/{required}")) == 1
    assert texts(root, "/rss/channel/a:link/@href") == [f"{HOME}/feed.xml"]
    assert texts(root, "/rss/channel/language") == ["en"]
    page = f"{HOME}/archive/{SLUG}/"
    assert texts(root, "/rss/channel/item/link") == texts(root, "/rss/channel/item/guid") == [page]
    assert texts(root, "/rss/channel/item/guid/@isPermaLink") == ["true"]
    (date,) = texts(root, "/rss/channel/item/pubDate")
    assert parsedate_to_datetime(date) == shown.clock()
    assert date.endswith(" GMT")


def test_atom_has_what_the_standard_asks_for(shown: World) -> None:
    root = get(shown, "feed.atom")
    assert root.tag == f"{{{feeds.ATOM}}}feed"
    for parent in ("/a:feed", "/a:feed/a:entry"):
        for required in ("id", "title", "updated"):
            assert len(texts(root, f"{parent}/a:{required}")) == 1
    assert texts(root, "/a:feed/a:author/a:name") == ["The Steady Spine"]
    assert texts(root, "/a:feed/a:link[@rel='self']/@href") == [f"{HOME}/feed.atom"]
    assert texts(root, "/a:feed/a:entry/a:content/@type") == ["html"]
    for moment in texts(root, "//a:updated | //a:published"):
        assert datetime.fromisoformat(moment).tzinfo is not None


def test_json_feed_has_what_the_standard_asks_for(shown: World) -> None:
    document = get(shown, "feed.json")
    assert document["version"] == "https://jsonfeed.org/version/1.1"
    assert document["title"] == "The Steady Spine"
    assert document["feed_url"] == f"{HOME}/feed.json"
    assert set(document) <= {
        *("version", "title", "home_page_url", "feed_url", "description", "language", "authors", "items")
    }
    (item,) = document["items"]
    assert item["id"] == item["url"] == f"{HOME}/archive/{SLUG}/"
    assert item["content_html"]
    assert re.fullmatch(re.escape(HOME) + r"/media/[0-9a-f]{64}\.(jpg|png|webp)", item["image"])
    datetime.fromisoformat(item["date_published"])
    datetime.fromisoformat(item["date_modified"])


def test_three_feeds_hold_the_same_whole_issue(shown: World) -> None:
    (one,) = texts(get(shown, "feed.xml"), "//c:encoded")
    (two,) = texts(get(shown, "feed.atom"), "//a:content")
    three = get(shown, "feed.json")["items"][0]["content_html"]
    assert one == two == three
    for article in shown.site.load(SLUG).articles:
        assert article.title in lxml.html.fromstring(one).text_content()


def test_every_address_in_a_feed_is_absolute(shown: World) -> None:
    content = lxml.html.fromstring(get(shown, "feed.json")["items"][0]["content_html"])
    found = [each for name in ("href", "src") for each in content.xpath(f"//@{name}")]
    assert found
    assert [each for each in found if not each.startswith(("https://", "http://", "mailto:"))] == []
    assert any(each.startswith(f"{HOME}/archive/{SLUG}/#") for each in found)
    assert any(each.startswith(f"{HOME}/media/") for each in found)


def test_newest_issue_stands_first_and_ids_stay(world: World) -> None:
    world.launch(SLUG)
    before = get(world, "feed.json")["items"][0]
    world.clock.advance(timedelta(days=28))
    world.launch(SECOND)
    items = get(world, "feed.json")["items"]
    assert [each["url"] for each in items] == [f"{HOME}/archive/{slug}/" for slug in (SECOND, SLUG)]
    assert items[1] == before


def test_mended_issue_keeps_its_date_and_is_updated(tmp_path: Path) -> None:
    import shutil

    shutil.copytree(starter.issues(), tmp_path / "issues")
    with websites.world(tmp_path) as world:
        world.launch(SLUG)
        began = world.clock()
        world.clock.advance(timedelta(days=3))
        letter = tmp_path / "issues" / SLUG / "issue.md"
        letter.write_text(letter.read_text("utf-8") + "\nP.S. Mended.\n", "utf-8")
        world.subscribe("second@example.net", "/lists/clinic-notes")
        world.launch(SLUG, "clinic-notes")
        (item,) = get(world, "feed.json")["items"]
        assert datetime.fromisoformat(item["date_published"]) == began
        assert datetime.fromisoformat(item["date_modified"]) == world.clock()
        assert "Mended." in item["content_html"]


@pytest.mark.parametrize("name", KINDS)
def test_who_has_it_already_gets_no_copy(world: World, name: str) -> None:
    world.launch(SLUG)
    first = world.client.get(f"/{name}")
    assert first.headers["ETag"]
    world.clock.advance(timedelta(hours=1))
    by_tag = world.client.get(f"/{name}", headers={"If-None-Match": first.headers["ETag"]})
    by_date = world.client.get(f"/{name}", headers={"If-Modified-Since": first.headers["Last-Modified"]})
    assert (by_tag.status_code, by_tag.data) == (by_date.status_code, by_date.data) == (304, b"")
    head = world.client.head(f"/{name}")
    assert (head.status_code, head.data) == (200, b"")
    world.launch(SECOND)
    again = world.client.get(f"/{name}", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 200
    later = world.client.get(f"/{name}", headers={"If-Modified-Since": first.headers["Last-Modified"]})
    assert later.status_code == 200


@pytest.mark.parametrize("name", KINDS)
def test_private_archive_has_no_feed(tmp_path: Path, name: str) -> None:
    (tmp_path / "issues").symlink_to(starter.issues())
    with websites.world(tmp_path, more='[archive]\nvisibility = "private"') as world:
        world.launch(SLUG)
        assert world.client.get(f"/{name}").status_code == 404
        assert name not in world.client.get("/").text


def test_feed_ends_with_the_twentieth_issue() -> None:
    assert feeds.MOST == 20


AWKWARD = "A <b>bold</b> & “odd” subject ]]> \x00\x0b\ufffe\U0001f642 &amp; \ud800"


def issue(**changed: Any) -> feeds.PublicIssue:
    moment = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)
    known = {
        "slug": "spring",
        "subject": AWKWARD,
        "preheader": AWKWARD,
        "issue_date": moment.date(),
        "published_at": moment,
        "updated_at": moment,
        "page": f'<p title="a &amp; b">{AWKWARD}<a href="/">home</a> <a href="?x">here</a> <img src="//else/x"></p>',
    }
    return feeds.PublicIssue(**{**known, **changed})


ABOUT = feeds.Channel("Tom & Jerry <3", "Odd \x01 things", "en", HOME)


def test_awkward_words_make_no_broken_feed() -> None:
    for write in (feeds.rss, feeds.atom):
        root = etree.fromstring(write(ABOUT, [issue()]))
        assert "Tom & Jerry <3" in "".join(root.itertext())
        titles = texts(root, "//item/title | //a:entry/a:title")
        assert titles == ["A <b>bold</b> & “odd” subject ]]> \U0001f642 &amp; \ufffd"]
    (item,) = json.loads(feeds.json_feed(ABOUT, [issue()]))["items"]
    assert "\x00" not in item["title"] + item["content_html"]
    assert f'href="{HOME}/"' in item["content_html"]
    assert f'href="{HOME}/archive/spring/?x"' in item["content_html"]
    assert 'src="https://else/x"' in item["content_html"]


def test_feed_without_preview_text_or_picture_has_none() -> None:
    bare = issue(preheader="", page="<p>Words.</p>")
    (item,) = json.loads(feeds.json_feed(ABOUT, [bare]))["items"]
    assert "summary" not in item
    assert "image" not in item
    assert texts(etree.fromstring(feeds.rss(ABOUT, [bare])), "//item/description") == []


# -- what pages say about themselves -----------------------------------------------------------------


def test_pages_announce_the_feeds(shown: World) -> None:
    for path in ("/", "/archive/", f"/archive/{SLUG}/"):
        page = lxml.html.fromstring(shown.client.get(path).text)
        found = page.xpath("//link[@rel='alternate']/@href")
        assert sorted(found) == sorted(f"/{name}" for name in KINDS)
        for each in found:
            assert shown.client.get(each).status_code == 200


def test_page_of_an_issue_can_be_shared(shown: World) -> None:
    page = lxml.html.fromstring(shown.client.get(f"/archive/{SLUG}/").text)
    said = {each.get("property") or each.get("name"): each.get("content") for each in page.iter("meta")}
    found = shown.site.load(SLUG)
    assert said["og:type"] == "article"
    assert said["og:title"] == found.subject
    assert said["og:description"] == said["description"] == found.preheader
    assert said["og:url"] == page.xpath("//link[@rel='canonical']/@href")[0] == f"{HOME}/archive/{SLUG}/"
    assert said["twitter:card"] == "summary_large_image"
    assert said["og:image"].startswith(f"{HOME}/media/")
    assert shown.client.get(said["og:image"].removeprefix(HOME)).status_code == 200
    assert int(said["og:image:width"]) >= 200
    assert said["og:image:alt"]
    assert datetime.fromisoformat(said["article:published_time"]) == shown.clock()


def test_table_of_contents_has_a_canonical_address(shown: World) -> None:
    page = lxml.html.fromstring(shown.client.get("/archive/?from=mail").text)
    assert page.xpath("//link[@rel='canonical']/@href") == [f"{HOME}/archive/"]
