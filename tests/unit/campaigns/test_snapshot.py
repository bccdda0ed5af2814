"""What was launched stays as it was, and the archive shows it to anybody."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import factories
import pytest

from newsletter.campaigns import launch, snapshot
from newsletter.content.values import Fitted
from newsletter.deliveries.lifecycle import move_campaign, start_scheduled
from newsletter.rendering.variants import Edition
from newsletter.store.schema import CampaignStatus, media, snapshots

if TYPE_CHECKING:
    from .conftest import Editor

NOW = factories.START


def picture(folder: Path, data: bytes = b"\x89PNG picture") -> Fitted:
    path = folder / "a.png"
    path.write_bytes(data)
    return Fitted(path, 10, 10, "image/png", hashlib.sha256(data).hexdigest(), "png", data)


def test_equal_renderings_share_a_row_and_different_ones_do_not(editor: Editor) -> None:
    take = snapshot.take
    first = take(editor.connection, factories.issue(), factories.edition(), NOW)
    assert take(editor.connection, factories.issue(), factories.edition(), NOW + timedelta(days=1)) == first
    assert take(editor.connection, factories.issue(), factories.edition("edited"), NOW) != first
    assert take(editor.connection, factories.issue("summer"), factories.edition(), NOW) != first
    assert editor.rows(snapshots) == 3


def test_snapshot_comes_back_as_it_was_taken(editor: Editor) -> None:
    rendered = factories.rendered("Zoë & <b>{{ x }}</b> \u2028")
    taken = snapshot.take(editor.connection, factories.issue(), Edition.of(rendered), NOW)
    kept = snapshot.load(editor.connection, taken)
    assert kept.rendered == rendered
    assert kept.content_hash == snapshot.content_hash(Edition.of(rendered))
    assert (kept.slug, kept.issue_date, kept.created_at) == ("spring", date(2026, 9, 15), NOW)


def test_pictures_are_kept_with_it_and_outlive_the_file(editor: Editor, tmp_path: Path) -> None:
    image = picture(tmp_path)
    content = (factories.issue(), Edition.of(replace(factories.rendered(), pictures=(image,))))
    factories.readers(editor.connection, editor.keys, 1)
    editor.launch(content=content)
    image.path.unlink()
    assert snapshot.picture(editor.connection, image.media_name) == ("image/png", b"\x89PNG picture")
    assert snapshot.picture(editor.connection, "nothing.png") is None
    assert editor.rows(media) == 1


def test_archive_prefers_a_real_send_to_a_later_trial(editor: Editor) -> None:
    factories.readers(editor.connection, editor.keys, 1)
    assert snapshot.newest(editor.connection, "spring") is None
    trial = editor.launch(word="first trial", is_trial=True)
    shown = snapshot.newest(editor.connection, "spring")
    assert shown is not None
    assert "first trial" in shown.rendered.html
    editor.launch(word="real")
    move_campaign(editor.connection, trial.campaign_id, CampaignStatus.CANCELLED, now=NOW)
    editor.launch(word="second trial", is_trial=True)
    shown = snapshot.newest(editor.connection, "spring")
    assert shown is not None
    assert "real" in shown.rendered.html


def test_archive_lists_every_issue_once_newest_first_as_anybody_may_read_it(editor: Editor) -> None:
    for slug in ("steady-spine", "clinic-notes"):
        factories.subscribed(editor.connection, editor.keys, f"{slug}@example.net", slug=slug)
    for slug, on in (("winter", date(2026, 1, 1)), ("spring", date(2026, 4, 1))):
        for to in ("steady-spine", "clinic-notes"):
            editor.launch(slug, to=to, content=(factories.issue(slug, on=on), factories.edition()))
    found = snapshot.published(editor.connection)
    assert [(each.slug, each.issue_date.month) for each in found] == [("spring", 4), ("winter", 1)]
    assert found[0].subject == "Spring for friend"


@pytest.mark.parametrize("then", ["", "paused"])
def test_issue_is_not_public_before_its_time(editor: Editor, then: str) -> None:
    factories.readers(editor.connection, editor.keys, 1)
    at = NOW + timedelta(days=1)
    launched = editor.launch(at=at)
    if then:
        move_campaign(editor.connection, launched.campaign_id, CampaignStatus.PAUSED, now=NOW)
    assert snapshot.newest(editor.connection, "spring") is None
    assert snapshot.published(editor.connection) == []
    if then:
        resumed = launch.resumed_status(editor.connection, launched.campaign_id, NOW)
        move_campaign(editor.connection, launched.campaign_id, resumed, now=NOW)
    assert start_scheduled(editor.connection, at) == 1
    assert snapshot.newest(editor.connection, "spring") is not None


def test_campaign_paused_while_sending_stays_public(editor: Editor) -> None:
    factories.readers(editor.connection, editor.keys, 1)
    launched = editor.launch()
    move_campaign(editor.connection, launched.campaign_id, CampaignStatus.PAUSED, now=NOW)
    assert snapshot.newest(editor.connection, "spring") is not None


def test_cancelled_issue_is_not_shown(editor: Editor) -> None:
    factories.readers(editor.connection, editor.keys, 1)
    launch.cancel(editor.connection, editor.launch().campaign_id, NOW)
    assert snapshot.newest(editor.connection, "spring") is None
