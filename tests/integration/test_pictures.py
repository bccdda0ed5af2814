"""From the camera into the mail: what an editor drops into the folder, and what a reader's program gets."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import PIL.Image
import pytest
import websites
from sqlalchemy import select
from unit.content.photographs import CAMERA, encoded, grainy, where_it_was
from websites import World

from newsletter import starter
from newsletter.campaigns.compose import IssueComposer
from newsletter.content.fitting import BUDGET, ISSUE_BUDGET
from newsletter.deliveries.claims import Delivery
from newsletter.store.schema import CampaignKind, campaigns
from newsletter.web.inbox import create_inbox

SLUG = "001-why-your-back-hurts"
_ADDRESS = re.compile(r'src="https://news\.example\.org/media/([0-9a-f]{64}\.[a-z]+)"')
_WIDTH = re.compile(r'<img [^>]*src="([^"]+)"[^>]* width="(\d+)" height="(\d+)"')


@pytest.fixture(scope="module")
def photographs() -> list[bytes]:
    """Four of six megabytes, as a camera makes them: lying on their side, with the place in them."""
    found = [encoded(grainy((4000, 3000), seed), "JPEG", quality=93, exif=where_it_was(6)) for seed in range(4)]
    assert min(map(len, found)) > 5_500_000
    return found


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only the first test waits for the pictures."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def folder(tmp_path: Path, photographs: list[bytes], cache: Path) -> Path:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "cache").symlink_to(cache)
    shutil.copytree(starter.issues(), tmp_path / "issues")
    issue = tmp_path / "issues" / SLUG
    for name, data in zip(("path.jpg", "moonlight.jpg", "four-treatments.jpg"), photographs, strict=False):
        (issue / name).write_bytes(data)
    (issue / "letter.jpg").write_bytes(photographs[3])
    with (issue / "issue.md").open("a", encoding="utf-8") as file:
        file.write("\n![What the photographer saw](letter.jpg)\n")
    return tmp_path


@pytest.fixture
def world(folder: Path) -> Iterator[World]:
    with websites.world(folder) as found:
        yield found


@pytest.fixture
def world_of_embedded(folder: Path) -> Iterator[World]:
    with websites.world(folder, more="[images]\nembed = true") as found:
        yield found


def test_issue_of_four_camera_pictures_is_light_and_tells_nothing(world: World) -> None:
    world.launch(SLUG)
    rendered = world.site.render(world.site.load(SLUG))
    names = set(_ADDRESS.findall(rendered.html))
    assert names
    sizes = []
    for name in names:
        answer = world.client.get(f"/media/{name}")
        assert answer.status_code == 200
        assert answer.data == rendered.files[name][1]
        assert CAMERA.encode() not in answer.data
        picture = PIL.Image.open(io.BytesIO(answer.data))
        assert not dict(picture.getexif())
        sizes.append(len(answer.data))
    assert max(sizes) <= BUDGET
    assert sum(sizes) <= ISSUE_BUDGET
    assert not [found for found in world.site.check(SLUG).findings if found.rule.startswith("img.weight")]


def test_attributes_fit_the_files_in_mail_and_page(world: World) -> None:
    rendered = world.site.render(world.site.load(SLUG))
    for html in (rendered.html, rendered.page):
        found = _WIDTH.findall(html)
        assert len(found) >= 4
        for address, width, height in found:
            picture = PIL.Image.open(io.BytesIO(rendered.files[address.rpartition("/")[2]][1]))
            assert abs(int(height) - int(width) * picture.height / picture.width) <= 1
            assert picture.width <= 1200
            assert picture.width >= min(2 * int(width), 1200) or picture.width == 3000


def test_nothing_but_what_is_shown_is_kept(world: World) -> None:
    world.launch(SLUG)
    rendered = world.site.render(world.site.load(SLUG))
    kept = {row.name for row in world.rows("media")}
    assert kept == set(rendered.media)
    page = world.client.get(f"/archive/{SLUG}/").text
    assert set(re.findall(r"/media/([0-9a-f]{64}\.[a-z]+)", page + rendered.html)) <= kept


def test_second_rendering_needs_no_original(world: World) -> None:
    issue = world.site.load(SLUG)
    first = world.site.render(issue)
    for name in ("path.jpg", "letter.jpg"):
        (issue.path / name).unlink()
    assert world.site.render(issue) == first


def test_embedded_pictures_travel_with_every_copy(world_of_embedded: World) -> None:
    world = world_of_embedded
    world.launch(SLUG)
    site = world.site
    checked = site.check(SLUG)
    assert not [found for found in checked.findings if found.rule == "img.https"]
    sample = message_from_bytes(checked.message, policy=default)
    with site.database.read() as connection:
        campaign = connection.execute(select(campaigns.c.id).where(campaigns.c.kind == CampaignKind.ISSUE)).scalar_one()
    person = world.person("first@example.net")
    composer = IssueComposer(site.config, site.letterhead, site.lists_by_id, site.database)
    target = site.list_ids["steady-spine"]
    row = (campaign, person.id, 0, CampaignKind.ISSUE, target, 0, person.uid, person.email, "", {}, "en", None, None)
    delivery = Delivery(*row)
    copy = message_from_bytes(composer.compose(delivery).message, policy=default)
    for message in (sample, copy):
        html = message.get_body(("html",))
        assert html is not None
        shown = set(re.findall(r'src="cid:([^"]+)"', html.get_content()))
        carried = {part["Content-ID"].strip("<>"): part.get_content() for part in _pictures(message)}
        assert shown == carried.keys()
        assert "/media/" not in html.get_content()
        for data in carried.values():
            PIL.Image.open(io.BytesIO(data)).load()
        text = message.get_body(("plain",))
        assert text is not None
        assert "cid:" not in text.get_content()
    assert len(checked.message) < 1.4 * ISSUE_BUDGET
    (told,) = [found for found in checked.findings if found.rule == "size.message"]
    assert "embed" in told.remedy
    assert "cid:" not in world.client.get(f"/archive/{SLUG}/").text


def test_sandbox_shows_embedded_pictures(world_of_embedded: World, tmp_path: Path) -> None:
    from newsletter.transport.inbox import stamp
    from newsletter.transport.maildrop import Maildrop

    message = world_of_embedded.site.check(SLUG).message
    number = Maildrop(tmp_path / "box").add(stamp("b@example.org", ["ada@example.net"], message)).stem
    client = create_inbox(tmp_path / "box").test_client(use_cookies=False)
    frame = client.get(f"/mail/{number}/html").text
    assert "cid:" not in frame
    addresses = re.findall(r'src="(/mail/\d+/picture/[^"]+)"', frame)
    assert addresses
    for address in addresses:
        answer = client.get(address)
        assert answer.content_type == "image/jpeg"
        PIL.Image.open(io.BytesIO(answer.data)).load()
    assert client.get(f"/mail/{number}/picture/other").status_code == 404


def _pictures(message: EmailMessage) -> list[EmailMessage]:
    return [part for part in message.walk() if part.get_content_maintype() == "image"]  # type: ignore[misc]
