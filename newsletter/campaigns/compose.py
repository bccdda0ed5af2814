"""Copies of an issue: one compiled message per variant of a campaign, filled for each reader."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import select

from newsletter.campaigns import snapshot
from newsletter.config import Config, ListConfig
from newsletter.deliveries.claims import Delivery
from newsletter.errors import RenderError
from newsletter.rendering import headers
from newsletter.rendering.compiled import CompiledMessage, compile_message
from newsletter.rendering.headers import Header
from newsletter.rendering.related import Media
from newsletter.rendering.slots import Rendered
from newsletter.rendering.variants import Edition
from newsletter.store.engine import Database
from newsletter.store.schema import CampaignKind, campaigns
from newsletter.store.types import to_millis
from newsletter.subscribers import series
from newsletter.subscribers.letterhead import INERT, Letterhead, reader_values
from newsletter.transport.base import Envelope
from newsletter.transport.dkim import Signer


class _Campaign:
    """What the copies of one campaign have in common; a variant is compiled when its first reader comes."""

    def __init__(self, edition: Edition, shared: Sequence[Header], view_url: str, media: Media) -> None:
        self.view_url = view_url
        self._compiled = cache(lambda number: compile_message(edition.renderings[number], shared, media))
        self._number = lru_cache(maxsize=4096)(lambda tags: edition.number(json.loads(tags)))
        self._only = self._compiled(0) if len(edition.renderings) == 1 else None

    def message_for(self, tags: str) -> CompiledMessage:
        """The variant of a reader with these tags, a JSON list; when it is one for all nobody looks at them."""
        return self._only or self._compiled(self._number(tags))


class IssueComposer:
    """Turns rows of issue campaigns into envelopes."""

    def __init__(
        self,
        config: Config,
        letterhead: Letterhead,
        lists: Mapping[int, ListConfig],
        database: Database,
        signer: Signer | None = None,
    ) -> None:
        self._config = config
        self._letterhead = letterhead
        self._lists = lists
        self._database = database
        self._signer = signer
        self._campaign = lru_cache(maxsize=8)(self._open)

    def compose(self, delivery: Delivery) -> Envelope:
        """The copy of one reader: bytes that follow from (campaign, subscriber, seq) alone."""
        campaign = self._campaign(delivery.campaign_id)
        if delivery.list_id is None:
            raise RenderError(f"Campaign {delivery.campaign_id} has no list.")
        letterhead = self._letterhead
        url = letterhead.unsubscribe_url(delivery.uid, delivery.list_id)
        values = reader_values(delivery.email, delivery.name, delivery.fields)
        values |= {"unsubscribe_url": url, "view_url": campaign.view_url}
        values["preferences_url"] = letterhead.preferences_url(delivery.uid)
        message_id = letterhead.message_id(delivery)
        copy = [
            *letterhead.personal_headers(delivery.email, delivery.name, message_id),
            letterhead.unsubscribe_header(url, letterhead.leave_address(delivery.uid, delivery.list_id)),
        ]
        if delivery.kind is CampaignKind.SERIES:
            copy.append(headers.date(series.due_of(delivery.scope)))
        message = campaign.message_for(delivery.tags).fill(values, copy, self._signer)
        return letterhead.envelope(delivery, message_id, message)

    def _open(self, campaign_id: int) -> _Campaign:
        with self._database.read() as connection:
            campaign = connection.execute(select(campaigns).where(campaigns.c.id == campaign_id)).one()
            frozen = snapshot.load(connection, campaign.snapshot_id)
            media = snapshot.embedded(connection, frozen.edition)
        mailing_list = self._lists.get(campaign.list_id)
        if mailing_list is None:
            raise RenderError(f"The list of campaign {campaign_id} is no longer in newsletter.toml.")
        # A step of a series has as many dates as readers.
        moment = None if campaign.kind == CampaignKind.SERIES else campaign.scheduled_at or campaign.created_at
        shared = shared_headers(self._letterhead, mailing_list, moment)
        return _Campaign(frozen.edition, shared, self._letterhead.view_url(frozen.slug) or "", media)


def shared_headers(letterhead: Letterhead, mailing_list: ListConfig, moment: datetime | None) -> list[Header]:
    """The fields that every copy of an issue has in common; Date is when the campaign starts, if that is one moment."""
    return [
        *letterhead.from_headers(),
        *([headers.date(moment)] if moment else []),
        *letterhead.list_headers(mailing_list.slug, mailing_list.title),
        letterhead.one_click(),
    ]


def sample_copy(  # noqa: PLR0917
    letterhead: Letterhead,
    mailing_list: ListConfig,
    slug: str,
    rendered: Rendered,
    reader: Mapping[str, Any],
    moment: datetime,
    mark: str = "",
    signer: Signer | None = None,
) -> bytes:
    """One copy outside the ledger, for preview and test: the same bytes as a real one, but for inert links.

    `reader` has `email`, `name` and `fields`; `mark` goes before the subject.
    """
    if mark:
        rendered = Rendered(**{**vars(rendered), "subject": f"{mark} {rendered.subject}"})
    url = letterhead.link(f"u/{INERT}")
    values = reader_values(reader["email"], reader["name"], reader["fields"])
    values |= {"unsubscribe_url": url, "view_url": letterhead.view_url(slug) or ""}
    values["preferences_url"] = letterhead.link(f"preferences/{INERT}")
    copy = [
        # A name of its own for every copy: mail programs fold those of one name into one.
        *letterhead.personal_headers(reader["email"], reader["name"], f"test.{to_millis(moment)}.{slug}"),
        letterhead.unsubscribe_header(url),
    ]
    compiled = compile_message(rendered, shared_headers(letterhead, mailing_list, moment), rendered.files)
    return compiled.fill(values, copy, signer)
