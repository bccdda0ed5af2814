"""What time alone brings about: what is over ends, and what nobody needs any more goes.

`serve` and `worker` do it every few minutes; `newsletter db tidy` does it once, to the end, for hosts with cron.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, exists, select

from newsletter.access import answers
from newsletter.feedback import poll
from newsletter.store.schema import SuppressionReason, suppressions
from newsletter.subscribers import forget, gate, lifecycle, retention, unconfirmed
from newsletter.subscribers.importing import runs

if TYPE_CHECKING:
    from newsletter.site.folder import Folder

JUST = timedelta(days=1)
"""How long after somebody was forgotten a mail to them may still come off the wire."""
BATCHES = 40
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
    evidence: int
    """Records of consent that have lost their personal part, because their people left long ago."""


def tidy(site: Folder, *, batches: int | None = BATCHES) -> Tidied:
    """One round; `batches` None goes on until nothing is left to delete. Counts go to their file."""
    now, consent = site.clock(), site.config.consent
    site.turnout.write()
    with site.database.write() as connection:
        expired = lifecycle.expire(connection, now)
        lifecycle.wake(connection, now)
        gate.sweep(connection, now)
        answers.forget_old(connection, now)
        if _somebody_was_erased(connection, now - JUST):
            forget.sweep(connection)  # a long look, for which there is hardly ever a reason
        reports = poll.expire(connection, timedelta(days=site.config.feedback.retention), now)
    deleted = _in_batches(batches, unconfirmed.BATCH, lambda: _drop_unconfirmed(site, now))
    kept = timedelta(days=consent.retention)
    evidence = _in_batches(batches, retention.BATCH, lambda: retention.expire(site.database, kept, now))
    _in_batches(batches, runs.SWEEP, lambda: runs.let_go(site.database, now))
    return Tidied(expired, deleted, reports, evidence)


def _somebody_was_erased(connection: Connection, since: datetime) -> bool:
    erased = suppressions.c.reason == SuppressionReason.ERASED
    return connection.execute(select(exists().where(erased, suppressions.c.created_at > since))).scalar_one()


def _drop_unconfirmed(site: Folder, now: datetime) -> int:
    with site.database.write() as connection:
        return unconfirmed.drop(connection, timedelta(days=site.config.consent.unconfirmed), now)


def _in_batches(most: int | None, size: int, step: Callable[[], int]) -> int:
    """Do `step` until it comes to less than a batch, `most` times at the most; returns how many it was in all."""
    together = 0
    for _number in itertools.count() if most is None else range(most):
        done = step()
        together += done
        if done < size:
            break
    return together
