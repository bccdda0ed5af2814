"""What was launched stays as it was, with its pictures."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import factories

from newsletter.campaigns import snapshot
from newsletter.content.values import Fitted
from newsletter.rendering.variants import Edition
from newsletter.store.schema import media, snapshots

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
