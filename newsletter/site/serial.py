"""Series on their way: the issue of a step is frozen when its first copy is due.

Not earlier, so that an issue can be written when the series is already declared; not again, so that an edit on disk
never reaches readers by itself. It has to pass what `send` asks for: the checks, and an approval where one is required.
"""

from __future__ import annotations

from newsletter.errors import NewsletterError
from newsletter.site.authoring import Authoring
from newsletter.site.sending import Sending
from newsletter.subscribers import series
from newsletter.subscribers.series import Step


class Serial(Authoring, Sending):
    """What keeps the series of a Site going."""

    def housekeeping(self) -> None:
        """What time alone brings about, steps of series that have become due included."""
        super().housekeeping()
        self.freeze_series()

    def freeze_series(self) -> None:
        """Freeze the issue of every step that is due, or write down why that cannot be."""
        with self.database.read() as connection:
            due = series.to_freeze(connection, self.clock())
        for campaign_id, step in due:
            try:
                self._freeze(campaign_id, step)
            except NewsletterError as error:
                with self.database.write() as connection:
                    series.hold(connection, campaign_id, str(error))

    def _freeze(self, campaign_id: int, step: Step) -> None:
        from newsletter.campaigns import launch, snapshot
        from newsletter.checks.findings import errors

        target = self.lists_by_id[step.list_id]
        checked = self.check(step.slug)
        faults = errors(checked.findings)
        if faults or checked.issue is None:
            launch.refuse_faults(step.slug, faults)
        edition = checked.editions[target.slug]
        if self.config.require_approval:
            self.require_approval(checked.issue, {target.slug: edition})
        with self.database.write() as connection:
            frozen = snapshot.take(connection, checked.issue, edition, self.clock())
            series.freeze(connection, campaign_id, frozen, self.clock())
