"""Sending: the relay or the sandbox, and senders that know what may leave and what an answer means."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from newsletter.deliveries.claims import Delivery, Scope
from newsletter.deliveries.pacing import Limits
from newsletter.deliveries.sender import Policies, Progress, Sender
from newsletter.feedback import intake
from newsletter.feedback.policy import ELSEWHERE
from newsletter.site.folder import Folder
from newsletter.site.tidying import tidy
from newsletter.store.schema import CampaignKind
from newsletter.subscribers.wanted import still_wanted
from newsletter.transport.base import Envelope, Outcome, Transport

if TYPE_CHECKING:
    from pathlib import Path

    from dns.asyncresolver import Resolver

    from newsletter.transport.sandbox import Sandbox
    from newsletter.transport.settings import SmtpSettings
    from newsletter.transport.smtp import SmtpTransport

ISSUES = frozenset({CampaignKind.ISSUE, CampaignKind.SERIES})
"""Kinds of campaign whose mails are issues."""

MOST_SIGNERS = 4
"""Threads that compose and sign: more than these are not kept busy by one sender."""


class Sending(Folder):
    """How mail leaves a Site."""

    def transport(self, *, impatient: bool = False) -> SmtpTransport:
        """The configured relay; without one the sandbox, started when none listens yet.

        `impatient` waits 30 seconds at most for anything, because somebody sits in front of it.
        """
        from newsletter.transport.smtp import SmtpTransport

        return SmtpTransport(self.relay(30.0 if impatient else None) or self.sandbox().settings)

    def relay(self, seconds: float | None = None) -> SmtpSettings | None:
        """How to reach the configured relay, None without one; `seconds` is the patience where none is configured."""
        from newsletter.transport.settings import SmtpSettings, Timeouts

        smtp = self.config.smtp
        if smtp is None:
            return None
        seconds = smtp.timeout or seconds
        return SmtpSettings(
            host=smtp.host,
            port=smtp.port,
            security=smtp.security,
            username=smtp.username or None,
            password=smtp.password.get_secret_value() if smtp.password else None,
            connections=smtp.connections,
            timeouts=Timeouts() if seconds is None else Timeouts(*[seconds] * 6),
            ca_file=self.root / smtp.ca_file if smtp.ca_file else None,
        )

    def sandbox(self) -> Sandbox:
        """The sandbox inbox of this Site: the one that runs already, or one of ours until `close`."""
        from newsletter.transport.sandbox import Sandbox

        if self._sandbox is None or Sandbox.running(self.sandbox_folder) is None:
            self._sandbox = Sandbox.start_or_join(self.sandbox_folder)
        return self._sandbox

    @property
    def sandbox_folder(self) -> Path:
        """Where the sandbox keeps its mails."""
        return self.var / "sandbox"

    def sender(
        self, *, campaign_id: int | None = None, progress: Progress | None = None, transport: Transport | None = None
    ) -> Sender:
        """A sender for one campaign, or for everything that is due."""
        if not self.config.is_local:
            self.catch_up()
        smtp, pacing = self.config.smtp, self.config.pacing
        policies = Policies(
            compose=self._compose(),
            still_wanted=still_wanted(),
            on_outcome=self._on_outcome,
            limits=Limits(pacing.rate, smtp.rate, pacing.providers) if smtp else None,
            fence=self.fence,
            compose_threads=min(MOST_SIGNERS, os.cpu_count() or 1) if self.signer else 0,
        )
        return Sender(
            self.database,
            transport or self.transport(),
            policies,
            self.clock,
            scope=Scope(trial=self.config.uses_sandbox, campaign_id=campaign_id),
            progress=progress,
        )

    def look_up_domains(self) -> None:
        """Ask the DNS about confirmations that wait for it, and let them go or leave them out.

        Nothing waits where mail reaches this machine only.
        """
        from newsletter.subscribers.gate import held

        if not self.config.is_local:
            held.settle(self.database, self.keys, self.resolver, self.clock)

    @cached_property
    def resolver(self) -> Resolver | None:
        """Who asks the DNS; None on a machine without."""
        from newsletter.subscribers.gate import mx

        return mx.resolver()

    def housekeeping(self) -> None:
        """What time alone brings about: sign-ups expire and go, pauses end, gate and API forget."""
        tidy(self)

    def _compose(self) -> Any:
        from newsletter.campaigns.compose import IssueComposer
        from newsletter.subscribers.compose import MailComposer

        issues = IssueComposer(self.config, self.letterhead, self.lists_by_id, self.database, self.signer)
        mails = MailComposer(self.config, self.environment_in, self.letterhead, self.lists_by_id, self.signer)

        def compose(delivery: Delivery) -> Envelope:
            return issues.compose(delivery) if delivery.kind in ISSUES else mails.compose(delivery)

        return compose

    def _on_outcome(self, connection: Connection, delivery: Delivery, outcome: Outcome) -> None:
        """What a server refuses for good is feedback; the sandbox and mail to other addresses say nothing."""
        if not self.config.uses_sandbox and delivery.kind not in ELSEWHERE:
            intake.from_smtp(connection, delivery, outcome, self.clock())
