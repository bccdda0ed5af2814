"""The archive as files: complete, the same every time, and linked so that nothing leads nowhere."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import lxml.html
import pytest
import websites
from commands import Commands
from websites import World

from newsletter import starter
from newsletter.errors import RefusedError
from newsletter.web import shelf
from newsletter.web.build import Links, archive_files

SLUG = "001-why-your-back-hurts"
SECOND = "002-the-side-you-favour"
HOME = "https://news.example.org"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two issues launched; nothing here changes what is public."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(starter.issues(), folder / "issues")
    with websites.world(folder) as found:
        found.launch(SLUG)
        found.launch(SECOND)
        yield found


def build(world: World, links: Links = Links.RELATIVE) -> dict[str, bytes]:
    with world.site.database.read() as connection:
        return dict(archive_files(world.site, connection, links))


def addresses(page: str) -> list[str]:
    root = lxml.html.fromstring(page)
    found = [each for name in ("href", "src", "action", "poster") for each in root.xpath(f"//@{name}")]
    return found + [part.split()[0] for each in root.xpath("//@srcset") for part in each.split(",")]


def test_folder_holds_pages_feeds_pictures_and_styles(world: World) -> None:
    files = build(world)
    assert {"archive/index.html", f"archive/{SLUG}/index.html", f"archive/{SECOND}/index.html"} <= set(files)
    assert {"feed.xml", "feed.atom", "feed.json"} <= set(files)
    assert {"static/site.css", "static/theme.css", "static/issue.css"} <= set(files)
    assert any(path.startswith("media/") for path in files)


def test_every_link_leads_somewhere(world: World, tmp_path: Path) -> None:
    """A walker that knows nothing of the builder: from page to page on the disk, to the anchor and back."""
    out = tmp_path / "out"
    shelf.put(out, build(world).items(), lambda _done: None)
    waiting, seen = [out / "archive" / "index.html"], set()
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        text = page.read_text("utf-8")
        for address in addresses(text):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            assert not address.startswith("/"), f"{page}: {address}"
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert target.is_file(), f"{page}: {address}"
            assert target.is_relative_to(out.resolve())
            if parts.fragment and target.suffix == ".html":
                ids = lxml.html.fromstring(target.read_text("utf-8")).xpath("//@id")
                assert parts.fragment in ids, f"{page}: {address}"
            if target.suffix == ".html":
                waiting.append(target)
    assert len(seen) == 3


def test_nothing_is_in_the_folder_that_no_page_shows(world: World, tmp_path: Path) -> None:
    files = build(world)
    pages = [text.decode() for path, text in files.items() if path.endswith(".html")]
    linked = {address.rpartition("/")[2] for page in pages for address in addresses(page)}
    assert {path for path in files if path.rpartition("/")[2] not in linked} == set()


def test_what_needs_a_server_is_linked_where_the_site_answers(world: World) -> None:
    page = build(world)[f"archive/{SLUG}/index.html"].decode()
    assert "<form" not in page
    assert f'href="{HOME}/"' in page
    assert "Yes, I want a steadier back" in page


def test_links_by_base_url_fit_the_served_pages(world: World) -> None:
    files = build(world, Links.BASE_URL)
    for path, data in files.items():
        if not path.endswith(".html"):
            continue
        for address in addresses(data.decode()):
            if address.startswith(HOME):
                assert world.client.get(address.removeprefix(HOME)).status_code == 200, address
            else:
                assert address.startswith(("#", "data:", "http://", "https://", "mailto:")), address


def test_canonical_address_and_shared_picture_stay_where_the_site_is(world: World) -> None:
    page = lxml.html.fromstring(build(world)[f"archive/{SLUG}/index.html"].decode())
    assert page.xpath("//link[@rel='canonical']/@href") == [f"{HOME}/archive/{SLUG}/"]
    assert page.xpath("//meta[@property='og:image']/@content")[0].startswith(f"{HOME}/media/")


def test_same_archive_makes_the_same_bytes(world: World) -> None:
    before = build(world)
    world.clock.advance(websites.timedelta(days=400))
    world.subscribe("zoe@example.net", name="Zoë")
    assert build(world) == before


def test_files_say_the_same_as_the_served_pages(world: World) -> None:
    files = build(world)
    for name in ("feed.xml", "feed.atom", "feed.json"):
        assert world.client.get(f"/{name}").data == files[name]
    served = lxml.html.fromstring(world.client.get(f"/archive/{SLUG}/").text)
    built = lxml.html.fromstring(files[f"archive/{SLUG}/index.html"].decode())
    one, two = (root.xpath("//main//article")[0] for root in (served, built))
    assert one.text_content() == two.text_content()


def test_private_archive_is_not_built(tmp_path: Path) -> None:
    (tmp_path / "issues").symlink_to(starter.issues())
    with websites.world(tmp_path, more='[archive]\nvisibility = "private"') as world:
        world.launch(SLUG)
        with pytest.raises(RefusedError, match="private"):
            build(world)


def test_empty_archive_is_a_page_that_says_so(tmp_path: Path) -> None:
    with websites.world(tmp_path) as world:
        assert "still being written" in build(world)["archive/index.html"].decode()


# -- as a command ------------------------------------------------------------------------------------


@pytest.fixture
def run(site_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    for name in list(os.environ):
        if name.startswith("NEWSLETTER_") and not name.startswith("NEWSLETTER_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    commands = Commands(site_folder, monkeypatch, capfd)
    commands.ok("subscriber", "add", "ada@example.net", "--confirmed", "--basis", "asked at the desk")
    commands.ok("send", SLUG, "--yes", "--expect", 1, "--detach")
    return commands


def test_command_says_what_it_did_and_does_nothing_twice(run: Commands, tmp_path: Path) -> None:
    out = tmp_path / "public"
    first = run.ok("archive", "build", "--out", out)
    assert str(out / "archive" / "index.html") in first.out
    assert (out / "archive" / SLUG / "index.html").is_file()
    again = run.ok("archive", "build", "--out", out, "--json").json
    assert again["files"] > 10
    assert (again["written"], again["removed"], again["kept"]) == (0, [], [])


def test_command_follows_the_archive_and_spares_what_is_not_its_own(run: Commands, tmp_path: Path) -> None:
    out = tmp_path / "public"
    run.ok("archive", "build", "--out", out)
    (out / "CNAME").write_text("news.example.org")
    (out / "feed.xml").write_text("mine")  # ours by name, so it is made again
    with sqlite3.connect(run.folder / "var" / "newsletter.db") as connection:
        connection.execute("UPDATE campaigns SET status = 'cancelled' WHERE kind = 'issue'")
    done = run.ok("archive", "build", "--out", out, "--json").json
    assert f"archive/{SLUG}/index.html" in done["removed"]
    assert not (out / "archive" / SLUG).exists()
    assert not (out / "media").exists()
    assert (out / "CNAME").exists()
    assert "<rss" in (out / "feed.xml").read_text("utf-8")


def test_command_refuses_a_folder_with_anything_else_in_it(run: Commands, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = run("archive", "build", "--out", tmp_path)
    assert done.code == 4
    assert "not empty" in done.err
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "site") == ["thesis.txt"]


def test_command_leaves_no_folder_behind_when_the_archive_is_private(
    run: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_ARCHIVE__VISIBILITY", "private")
    done = run("archive", "build", "--out", tmp_path / "public")
    assert done.code == 4
    assert "private" in done.err
    assert not (tmp_path / "public").exists()
