"""Past issues as anybody may read them: the newest Snapshot of each slug, read by nobody in particular.

Pages, feeds and the archive as files all show what comes from here, so that there is one place where personal
content ends: a Snapshot has slots instead of readers, and here they are filled for the null reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import lxml.html
from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select

from newsletter.campaigns import snapshot
from newsletter.rendering.slots import as_html, as_text, fill_text, null_reader
from newsletter.store.schema import CampaignKind, CampaignStatus, campaigns, deliveries, snapshots
from newsletter.subscribers import replies
from newsletter.subscribers.replies import PublicReply

HOME = "/"
"""Where links lead that are a reader's own in the mail."""
WIDE = 200
"""CSS pixels from which a picture is more than a face or a badge."""
PICTURE_TYPES = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})


@dataclass(frozen=True)
class Head:
    """Which Snapshot is shown of a slug, and since when there is one."""

    snapshot_id: int
    slug: str
    issue_date: date
    published_at: datetime
    """When its first campaign began."""
    updated_at: datetime
    """When it was last launched with other words."""
    replies: tuple[PublicReply, ...] = ()
    """What readers said under it, as far as an editor approved."""

    @property
    def changed_at(self) -> datetime:
        """When anything of its page last became different."""
        return max([self.updated_at, *(each.approved_at for each in self.replies)])


@dataclass(frozen=True)
class LeadPicture:
    """The picture that stands for an issue where a link to it is shown."""

    path: str
    """On our own pages: `/media/…`."""
    width: int
    height: int
    alt: str


@dataclass(frozen=True)
class PublicIssue:
    """One past issue, without anything personal."""

    slug: str
    subject: str
    preheader: str
    issue_date: date
    published_at: datetime
    updated_at: datetime
    page: str
    """The whole issue as an HTML fragment; links to our own pages begin with `/`."""
    replies: tuple[PublicReply, ...] = ()

    @property
    def path(self) -> str:
        """Where its page is."""
        return f"/archive/{self.slug}/"

    @property
    def picture(self) -> LeadPicture | None:
        """The first picture that is more than a face."""
        root = lxml.html.fragment_fromstring(self.page, create_parent="div")
        return next((found for each in root.iter("img") if (found := _lead(each)) is not None), None)


def heads(connection: Connection) -> list[Head]:
    """What was published, the newest issue first."""
    return sorted(_heads(connection), key=lambda head: (head.issue_date, head.slug), reverse=True)


def issue(connection: Connection, slug: str) -> PublicIssue | None:
    """One issue; None when it was not published."""
    return next((read(connection, head) for head in _heads(connection, slug)), None)


def is_public(connection: Connection, slug: str) -> bool:
    """Whether an issue was published."""
    return any(True for _ in _heads(connection, slug))


def read(connection: Connection, head: Head) -> PublicIssue:
    """The whole issue; the same for the same head, for a Snapshot never changes."""
    rendered = snapshot.load(connection, head.snapshot_id).rendered
    nobody = null_reader(rendered.slots, HOME)
    if "view_url" in nobody:
        nobody["view_url"] = f"/archive/{head.slug}/"
    return PublicIssue(
        slug=head.slug,
        subject=fill_text(rendered.subject, rendered.slots, nobody, as_text),
        preheader=fill_text(rendered.preheader, rendered.slots, nobody, as_text),
        issue_date=head.issue_date,
        published_at=head.published_at,
        updated_at=head.updated_at,
        page=fill_text(rendered.page, rendered.slots, nobody, as_html),
        replies=head.replies,
    )


def picture(connection: Connection, name: str) -> tuple[str, bytes] | None:
    """Media type and bytes of `/media/<name>`, for types that browsers show as pictures and nothing else."""
    found = snapshot.picture(connection, name)
    return found if found is not None and found[0] in PICTURE_TYPES else None


def _heads(connection: Connection, slug: str | None = None) -> Iterator[Head]:
    began = func.coalesce(campaigns.c.scheduled_at, campaigns.c.created_at).label("began_at")
    columns = (*(snapshots.c[name] for name in ("id", "slug", "issue_date", "created_at")), campaigns.c.is_trial, began)
    query = _launched(*columns)
    if slug is not None:
        query = query.where(snapshots.c.slug == slug)
    else:  # steps of a series have a page that their copies link to, and are no news
        query = query.where(campaigns.c.kind == CampaignKind.ISSUE)
    campaigns_of: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        campaigns_of.setdefault(row.slug, []).append(row)
    said = replies.approved(connection, slug)
    for rows in campaigns_of.values():
        shown = rows[0]  # the newest real one, else the newest into the sandbox
        first = min(row.began_at for row in rows if row.is_trial == shown.is_trial)
        updated_at = max(shown.created_at, first)
        on = date.fromisoformat(shown.issue_date)
        yield Head(shown.id, shown.slug, on, first, updated_at, said.get(shown.slug, ()))


def _launched(*columns: ColumnElement[Any]) -> Select[Any]:
    """Columns of the Snapshots anybody may see and of their campaigns: real ones first, of either the newest first."""
    tried = exists().where(deliveries.c.campaign_id == campaigns.c.id, deliveries.c.tries > 0)
    # Paused while it waited for its time: as little public as when it was only scheduled.
    before_its_time = and_(campaigns.c.status == CampaignStatus.PAUSED, campaigns.c.scheduled_at.is_not(None), ~tried)
    return (
        select(*columns)
        .select_from(snapshots)
        .join(campaigns, campaigns.c.snapshot_id == snapshots.c.id)
        .where(
            campaigns.c.status != CampaignStatus.SCHEDULED,
            # Whoever had a copy before it was cancelled may still want to view it in the browser.
            or_(campaigns.c.status != CampaignStatus.CANCELLED, tried),
            ~before_its_time,
        )
        .order_by(campaigns.c.is_trial, campaigns.c.id.desc())
    )


def _lead(image: Any) -> LeadPicture | None:
    path, width, height = image.get("src", ""), image.get("width", ""), image.get("height", "")
    is_ours = path.startswith("/media/") and width.isdecimal() and height.isdecimal() and int(width) >= WIDE
    return LeadPicture(path, int(width), int(height), image.get("alt", "")) if is_ours else None
