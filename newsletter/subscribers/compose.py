"""The mails around a subscription, as envelopes: confirm, welcome, goodbye, and those about preferences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache

from jinja2 import Environment

from newsletter.config import Config, ListConfig
from newsletter.deliveries.claims import Delivery
from newsletter.errors import RenderError
from newsletter.rendering import headers
from newsletter.rendering.compiled import CompiledMessage, compile_message
from newsletter.rendering.environment import long_date, words
from newsletter.rendering.mail import render_mail
from newsletter.store.schema import CampaignKind
from newsletter.subscribers.letterhead import INERT, Letterhead, reader_values
from newsletter.transport.base import Envelope
from newsletter.transport.dkim import Signer

_NAMED = frozenset({CampaignKind.WELCOME, CampaignKind.GOODBYE})
"""Mails about one list to somebody who has confirmed; the others name neither."""


class MailComposer:
    """Turns rows of standing campaigns into envelopes; a mail is rendered once for all who get the same."""

    def __init__(
        self,
        config: Config,
        environment_in: Callable[[str], Environment],
        letterhead: Letterhead,
        lists: Mapping[int, ListConfig],
        signer: Signer | None = None,
    ) -> None:
        self._config = config
        self._environment_in = environment_in
        self._letterhead = letterhead
        self._lists = lists
        self._signer = signer
        self._compiled = lru_cache(maxsize=64)(self._compile)

    def compose(self, delivery: Delivery) -> Envelope:
        """The mail of one row; `RenderError` when its list is no longer configured."""
        scope = delivery.scope or {}
        if "email" in scope:  # to the new address before it is theirs, or to the old one afterwards
            delivery = delivery._replace(email=scope["email"], name="")
        if delivery.enrolled_at is None:
            raise RenderError("This row of a standing campaign has no date.")
        list_ids = tuple(scope.get("lists", ())) or ((delivery.list_id,) if delivery.list_id is not None else ())
        unknown = [list_id for list_id in list_ids if list_id not in self._lists]
        if unknown:
            raise RenderError(
                "The list of this mail is no longer in newsletter.toml.", hint="Put it back, or leave the mail unsent."
            )
        letterhead = self._letterhead
        values = reader_values(delivery.email, delivery.name, delivery.fields)
        message_id = letterhead.message_id(delivery)
        copy = letterhead.personal_headers(
            # Deliberately no name: until the owner of the address confirms, it is a stranger's text.
            delivery.email,
            delivery.name if delivery.kind in _NAMED else "",
            message_id,
        )
        copy.append(headers.date(delivery.enrolled_at))
        if delivery.kind is CampaignKind.CONFIRM:
            values["confirm_url"] = letterhead.confirm_url(delivery.uid, delivery.seq)
            values["not_me_url"] = letterhead.disown_url(delivery.uid, delivery.seq)
        elif delivery.kind is CampaignKind.WELCOME and delivery.list_id is not None:
            url = letterhead.unsubscribe_url(delivery.uid, delivery.list_id)
            values["unsubscribe_url"] = url
            mailto = letterhead.leave_address(delivery.uid, delivery.list_id)
            values["preferences_url"] = letterhead.preferences_url(delivery.uid)
            copy += [letterhead.unsubscribe_header(url, mailto), letterhead.one_click()]
        elif delivery.kind is CampaignKind.ACCESS:
            values["access_url"] = letterhead.access_url(delivery.uid, delivery.seq)
        elif delivery.kind is CampaignKind.ADDRESS:
            values["new_address_url"] = letterhead.new_address_url(delivery.uid, delivery.seq)
        elif delivery.kind is CampaignKind.MOVED:
            values["new_address"] = scope["masked"]
        language = scope.get("language") or delivery.language
        compiled = self._compiled(delivery.kind, list_ids, delivery.enrolled_at.date(), language)
        return letterhead.envelope(delivery, message_id, compiled.fill(values, copy, self._signer))

    def sample(self, kind: CampaignKind, list_id: int, moment: datetime) -> bytes:
        """A mail as a preview, with links that do nothing."""
        letterhead = self._letterhead
        values = reader_values("reader@example.net", "Ada Reader", {})
        values |= {
            "confirm_url": letterhead.link(f"confirm/{INERT}"),
            "not_me_url": letterhead.link(f"not-me/{INERT}"),
            "unsubscribe_url": letterhead.link(f"u/{INERT}"),
            "preferences_url": letterhead.link(f"preferences/{INERT}"),
        }
        copy = letterhead.personal_headers("reader@example.net", "", f"sample.{kind.value}")
        copy.append(headers.date(moment))
        return self._compiled(kind, (list_id,), moment.date(), self._config.language).fill(values, copy, self._signer)

    def _compile(
        self, kind: CampaignKind, list_ids: tuple[int, ...], requested_on: date, language: str
    ) -> CompiledMessage:
        environment = self._environment_in(language)
        catalogue = words(environment)
        lists = [catalogue.listing(self._lists[list_id]) for list_id in list_ids]
        context: dict[str, object]
        if kind in {CampaignKind.CONFIRM, CampaignKind.ACCESS, CampaignKind.ADDRESS}:
            context = {"requested_on": long_date(catalogue, requested_on)}
        elif kind is CampaignKind.MOVED:
            context = {}
        elif kind is CampaignKind.WELCOME:
            is_public = self._config.archive.visibility == "public"
            context = {"archive_url": self._letterhead.link("archive/") if is_public else None}
        else:
            spoken = f"?lang={language}" if language and len(self._config.offered_languages) > 1 else ""
            context = {"signup_url": self._letterhead.link(f"lists/{lists[0].slug}{spoken}")}
        rendered = render_mail(environment, kind.value, self._config, lists=[each.title for each in lists], **context)
        shared = [*self._letterhead.from_headers(), headers.structured("Auto-Submitted", "auto-generated")]
        if kind in _NAMED:
            shared += self._letterhead.list_headers(lists[0].slug, lists[0].title)
        return compile_message(rendered, shared)
