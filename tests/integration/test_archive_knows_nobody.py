"""The archive's promise: whatever readers are called, and wherever slots stand, nothing of them is ever public."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import websites
from websites import World

from newsletter import starter
from newsletter.rendering.slots import TOKEN
from newsletter.web.build import Links, archive_files

SLUG = "001-why-your-back-hurts"

FIELDS = """
[[fields]]
name = "city"
label = "Your town"
"""

READERS = [
    ("qzx-ada@example.net", "Qzxada O’Lovelace", "Qzxtown"),
    ("qzx+tag@example.net", '<b>Qzxbob</b> "Quoted" & Co', "</p>Qzxville"),
    ("qzx'zoe@example.net", "Qzxzoë Ünïcode", "קזקס"),
    ("qzx-null@example.net", "", ""),
    ("qzx-token@example.net", "NLSLOTdeadbeef0000X Qzxtoken", "{{ subscriber.email }} Qzxcity"),
]

TAGS = (
    '{{ subscriber.first_name | default("friend") }} {{ subscriber.name | default("dear reader") }} '
    '{{ subscriber.email }} {{ subscriber.city | default("your town") }} '
    "[leave]({{ unsubscribe_url }}) [look]({{ view_url }}) {{ unsubscribe_url }}"
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    tmp_path = tmp_path_factory.mktemp("public")
    shutil.copytree(starter.issues(), tmp_path / "issues")
    folder = tmp_path / "issues" / SLUG
    for path in sorted(folder.glob("*.md")):
        path.write_text(path.read_text("utf-8") + f"\n\n## For {TAGS}\n\n> {TAGS}\n\n- {TAGS}\n", "utf-8")
    letter = folder / "issue.md"
    text = re.sub(
        "^subject: .*$", f"subject: 'Hello {plain()}'", letter.read_text("utf-8"), count=1, flags=re.MULTILINE
    )
    text = re.sub("^preheader: .*$", f"preheader: 'For {plain()}'", text, count=1, flags=re.MULTILINE)
    letter.write_text(text, "utf-8")
    article = next(folder.glob("01-*.md"))
    text = re.sub("^title: .*$", f"title: 'Dear {plain()}'", article.read_text("utf-8"), count=1, flags=re.MULTILINE)
    article.write_text(re.sub("^category: .*$", f"category: '{plain()}'", text, count=1, flags=re.MULTILINE), "utf-8")
    with websites.world(tmp_path, more=FIELDS) as found:
        for email, name, city in READERS:
            found.subscribe(email, name=name, city=city)
        found.launch(SLUG)
        yield found


def plain() -> str:
    """Tags as they may stand in front matter."""
    return '{{ subscriber.first_name | default("friend") }} {{ subscriber.email }} {{ subscriber.city | default("x") }}'


def everything_public(world: World) -> dict[str, str]:
    """Every page and feed as served, and every file as built."""
    found = {path: world.client.get(path).text for path in ("/archive/", f"/archive/{SLUG}/")}
    found |= {f"/{name}": world.client.get(f"/{name}").text for name in ("feed.xml", "feed.atom", "feed.json")}
    for links in Links:
        with world.site.database.read() as connection:
            for path, data in archive_files(world.site, connection, links):
                found[f"{links}: {path}"] = data.decode("utf-8", "replace")
    return found


def personal(world: World) -> set[str]:
    """Whatever belongs to a reader: what they typed, what they are called in links, and each way to write it."""
    found: set[str] = set()
    for row in world.rows("subscribers"):
        words = {row.email, row.email_key, row.name, *row.name.split(), *map(str, row.fields.values()), str(row.uid)}
        found |= {word for word in words if len(word) > 3 and word != '"Quoted"'}
        for list_id in world.site.list_ids.values():
            found.add(world.site.keys.sign("unsubscribe", row.uid, list_id))
        for delivery in world.rows("deliveries"):
            found |= {world.site.keys.sign(purpose, row.uid, delivery.seq) for purpose in ("confirm", "disown")}
    return found


def test_no_reader_is_in_anything_public(world: World) -> None:
    secrets = personal(world)
    assert any("Qzx" in secret for secret in secrets)
    public = everything_public(world)
    assert len(public) > 15
    for place, text in public.items():
        for secret in secrets:
            for written in {secret, html.escape(secret), quote(secret), secret.encode("unicode_escape").decode()}:
                assert written not in text, f"{place}: {secret}"
        assert not re.search("qzx", text, re.IGNORECASE), place
        assert "/u/" not in text, place
        assert "/confirm/" not in text, place
        assert not TOKEN.search(text), place


def test_fallbacks_stand_where_readers_would(world: World) -> None:
    page = world.client.get(f"/archive/{SLUG}/").text
    assert "Hello friend you x" in page
    assert f'href="/archive/{SLUG}/"' in page  # the link to the web version leads to this page
    assert "For friend dear reader you your town" in page


def test_only_what_a_form_needs_differs_between_visitors(world: World) -> None:
    one = world.client.get(f"/archive/{SLUG}/").text
    two = world.client.get(
        f"/archive/{SLUG}/", headers={"Cookie": "reader=qzx-ada", "From": "qzx-ada@example.net"}
    ).text
    assert one == two


def test_settings_that_are_secret_are_not_public(world: World) -> None:
    ring = (world.site.root / "var" / "keys.toml").read_text("utf-8")
    for secret in re.findall(r'secret = "([^"]+)"', ring):
        for place, text in everything_public(world).items():
            assert secret not in text, place
