"""Verifying a campaign: is its Snapshot whole, and does the issue on disk still make the same?

The first question is about the database: the rendering fits its hash, and every picture the hash it is named
by. The second is about the folder: content, templates, configuration or program may have moved on since.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from newsletter.campaigns.difference import legible, markup_lines, short_diff
from newsletter.errors import NotFoundError, RenderError
from newsletter.rendering.slots import Rendered
from newsletter.rendering.variants import Edition, edition_from_json
from newsletter.store.schema import CampaignKind, campaigns, media, snapshots
from newsletter.tokens import sha256_hex

TEXTS = {
    "subject": "subject",
    "preheader": "preview text",
    "text": "plain text",
    "html": "HTML",
    "page": "archive page",
}
"""Parts of a rendering, as people call them."""
MARKUP = frozenset({"html", "page"})

_PICTURE = re.compile(r"/media/(([0-9a-f]{64})\.[a-z]+)")


@dataclass(frozen=True)
class Frozen:
    """What a campaign sends, as the database has it."""

    slug: str
    list_id: int
    content_hash: str
    """SHA-256 of the rendering, as it was noted at launch."""
    edition: Edition | None
    """None when what is stored cannot be read any more."""
    faults: tuple[str, ...]
    """What is damaged; whole sentences."""


@dataclass(frozen=True)
class Difference:
    """A part of the rendering that would be different today."""

    part: str
    """One of `TEXTS`, and for whom; or `variants`, when readers are told apart in another way."""
    diff: tuple[str, ...]


def frozen(connection: Connection, campaign_id: int) -> Frozen:
    """The Snapshot of a campaign, its bytes held against its hashes. Raises `NotFoundError`."""
    query = (
        select(snapshots, campaigns.c.list_id)
        .join(campaigns, campaigns.c.snapshot_id == snapshots.c.id)
        .where(campaigns.c.id == campaign_id, campaigns.c.kind == CampaignKind.ISSUE)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(
            f"There is no campaign {campaign_id} of an issue.", hint="`newsletter campaign list` shows all."
        )
    faults = []
    if sha256_hex(row.rendered.encode("utf-8")) != row.content_hash:
        faults.append("The stored rendering does not fit its hash.")
    try:
        edition = edition_from_json(row.rendered)
    except RenderError as error:
        return Frozen(row.slug, row.list_id, row.content_hash, None, (*faults, error.message))
    faults += _damaged_pictures(connection, edition)
    return Frozen(row.slug, row.list_id, row.content_hash, edition, tuple(faults))


def differences(before: Edition, after: Edition) -> list[Difference]:
    """What is not the same, part by part; slots are compared as the merge tags they came from."""
    if before.names != after.names:
        return [
            Difference(
                "variants", short_diff(_listed(before.names), _listed(after.names), ("variants, sent", "variants, now"))
            )
        ]
    pairs = zip(before.names, before.renderings, after.renderings, strict=True)
    return [found for tags, old, new in pairs for found in _between(old, new, ", ".join(tags))]


def _between(old: Rendered, new: Rendered, tags: str) -> Iterator[Difference]:
    readers = f" for readers tagged {tags}" if tags else ""
    for name, called in TEXTS.items():
        texts = legible(old, getattr(old, name)), legible(new, getattr(new, name))
        if name in MARKUP:
            texts = markup_lines(texts[0]), markup_lines(texts[1])
        if texts[0] != texts[1]:
            yield Difference(f"{called}{readers}", short_diff(*texts, (f"{called}, sent", f"{called}, now")))


def _listed(names: tuple[tuple[str, ...], ...]) -> str:
    return "\n".join(", ".join(tags) or "(no tags)" for tags in names)


def _damaged_pictures(connection: Connection, edition: Edition) -> list[str]:
    """One sentence for every picture of the issue that is not what it is named by."""
    faults = []
    shown = {found for each in edition.renderings for found in _PICTURE.findall(each.html + each.page)}
    shown |= {(name, name.partition(".")[0]) for each in edition.renderings for name in each.media}
    for name, digest in sorted(shown):
        data = connection.execute(select(media.c.data).where(media.c.name == name)).scalar()
        if data is None:
            faults.append(f"The picture {name} is missing.")
        elif sha256_hex(data) != digest:
            faults.append(f"The picture {name} does not fit its hash.")
    return faults
