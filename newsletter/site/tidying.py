"""What time alone brings about: what is over ends, and what nobody needs any more goes.

`serve` and `worker` do it every few minutes; `newsletter db tidy` does it once, to the end, for hosts with cron.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from newsletter.access import answers
from newsletter.feedback import poll
from newsletter.subscribers import gate, lifecycle, unconfirmed

if TYPE_CHECKING:
    from newsletter.site.folder import Folder

BATCHES = 20
"""Transactions in which one round deletes sign-ups, so that after an attack it does not go on for hours."""


@dataclass(frozen=True)
class Tidied:
    """What became of what."""

    expired: int
    """Sign-ups whose link has run out."""
    deleted: int
    """Sign-ups deleted, because that was long ago."""
    reports: int
    """Bounces and complaints deleted; what was learned from them stays."""


def tidy(site: Folder, *, batches: int | None = BATCHES) -> Tidied:
    """One round; `batches` None goes on until nothing is left to delete. Counts go to their file."""
    now, consent = site.clock(), site.config.consent
    site.turnout.write()
    with site.database.write() as connection:
        expired = lifecycle.expire(connection, now)
        lifecycle.wake(connection, now)
        gate.sweep(connection, now)
        answers.forget_old(connection, now)
        reports = poll.expire(connection, timedelta(days=site.config.feedback.retention), now)
    deleted = 0
    while batches is None or batches > 0:
        with site.database.write() as connection:
            count = unconfirmed.drop(connection, timedelta(days=consent.unconfirmed), now)
        deleted += count
        if count < unconfirmed.BATCH:
            break
        batches = None if batches is None else batches - 1
    return Tidied(expired, deleted, reports)
