"""A Site with readers and issues that were sent, and reports about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import factories
from sqlalchemy import select, update

from newsletter.clock import FrozenClock
from newsletter.deliveries import lifecycle
from newsletter.feedback.intake import Intake, Report, Tally
from newsletter.feedback.verdict import Delivery, Kind, Verdict
from newsletter.site import Site
from newsletter.store.feedback_schema import feedback_events
from newsletter.store.schema import CampaignStatus, DeliveryStatus, campaigns, deliveries
from newsletter.subscribers import people, suppression
from newsletter.subscribers.people import Subscriber
from newsletter.tokens import Verp


@dataclass
class FeedbackWorld:
    """What the tests of feedback do and look at."""

    site: Site
    clock: FrozenClock
    readers: list[Subscriber] = field(default_factory=list)
    said: int = 0

    @property
    def intake(self) -> Intake:
        return Intake(self.site.database, self.site.keys, self.clock)

    def sign_up(self, count: int = 3) -> list[Subscriber]:
        """So many confirmed readers."""
        with self.site.database.write() as connection:
            self.readers = factories.readers(connection, self.site.keys, count)
        return self.readers

    def sign_up_more(self, count: int) -> list[Subscriber]:
        """Many more, on the same list; returns everybody."""
        with self.site.database.write() as connection:
            for number in range(count):
                reader = factories.subscribed(connection, self.site.keys, f"more{number}@example.net")
                self.readers.append(reader)
        return self.readers

    def send(
        self, slug: str, status: DeliveryStatus = DeliveryStatus.SENT, *, finished: bool = False, **options: Any
    ) -> int:
        """An issue that went to everybody a moment ago; returns its campaign."""
        now = self.clock()
        if finished:
            options["status"] = CampaignStatus.FINISHED
        with self.site.database.write() as connection:
            campaign_id = factories.issue_campaign(connection, slug=slug, now=now, **options)
            connection.execute(
                update(deliveries).where(deliveries.c.campaign_id == campaign_id).values(status=status, changed_at=now)
            )
        return campaign_id

    def verp(self, campaign_id: int, reader: Subscriber, seq: int = 0) -> str:
        return self.site.keys.verp(Verp(campaign_id, reader.uid, seq))

    def message_id(self, campaign_id: int, reader: Subscriber, seq: int = 0) -> str:
        digest = self.site.keys.digest("message-id", campaign_id, reader.uid, seq)
        return f"<c{campaign_id}.{digest}@news.example.org>"

    def leave_token(self, reader: Subscriber, slug: str = "steady-spine") -> str:
        return self.site.keys.sign("unsubscribe", reader.uid, self.site.list_ids[slug])

    def report(self, kind: Kind, named: Delivery, recipient: str = "", **more: Any) -> Report:
        """A report of its own that names a mail like that."""
        self.said += 1
        about = {key: more.pop(key) for key in ("origin", "source", "raw") if key in more}
        verdict = Verdict(recipient, kind, delivery=named, **more)
        return Report(about.pop("origin", f"mail:{self.said}"), about.pop("source", "mail"), verdict, **about)

    def bounce(self, kind: Kind, campaign_id: int, reader: Subscriber, **more: Any) -> Tally:
        """Take in a report with the right envelope sender."""
        named = Delivery(verp=(self.verp(campaign_id, reader),))
        return self.intake.take([self.report(kind, named, reader.email, **more)])

    def resume(self, campaign_id: int) -> None:
        """The operator says: go on."""
        with self.site.database.write() as connection:
            lifecycle.move_campaign(connection, campaign_id, CampaignStatus.SENDING, now=self.clock())

    # -- looking ---------------------------------------------------------------------------------

    def events(self) -> list[Any]:
        with self.site.database.read() as connection:
            return list(connection.execute(select(feedback_events).order_by(feedback_events.c.id)))

    def suppressed(self, reader: Subscriber) -> str | None:
        with self.site.database.read() as connection:
            found = people.by_uid(connection, reader.uid)
            return suppression.reason_for(connection, found.address_hash if found else reader.address_hash)

    def copy(self, campaign_id: int, reader: Subscriber) -> str:
        with self.site.database.read() as connection:
            return str(
                connection.execute(
                    select(deliveries.c.status).where(
                        deliveries.c.campaign_id == campaign_id, deliveries.c.subscriber_id == reader.id
                    )
                ).scalar_one()
            )

    def campaign(self, campaign_id: int) -> tuple[CampaignStatus, str]:
        with self.site.database.read() as connection:
            row = connection.execute(select(campaigns).where(campaigns.c.id == campaign_id)).one()
        return CampaignStatus(row.status), row.pause_reason

    def wait(self, **span: float) -> datetime:
        self.clock.advance(timedelta(**span))
        return self.clock()
