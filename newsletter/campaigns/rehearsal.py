"""The rehearsal of a send: what it needs beside the real machinery, and what is read off afterwards.

Everything that matters is the real thing: composer, ledger, sender, transport. What differs stands here:
the database is a copy, the relay a stand-in on this machine, and nobody is hurried or spared by limits,
so that the figures say what the program can do and the receivers' limits can be reckoned with apart.
"""

from __future__ import annotations

import resource
import sqlite3
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, delete, func, select

from newsletter.campaigns import report
from newsletter.campaigns.launch import Order
from newsletter.config import Config, SmtpConfig
from newsletter.deliveries.pacing import ALL, RELAY, ROUND, Limits
from newsletter.deliveries.providers import provider_of
from newsletter.deliveries.throttles import SECOND
from newsletter.errors import StoreError
from newsletter.store.engine import Database
from newsletter.store.schema import CampaignKind, DeliveryStatus, campaigns, deliveries, subscribers, throttles

CONNECTIONS = 4
"""Sessions with the stand-in where no relay says how many it takes."""


@dataclass(frozen=True)
class Review:
    """What became of the copies of a rehearsed campaign, and who would have received them."""

    audience: int
    sent: int
    failed: int
    ambiguous: int
    skipped: int
    deferred: int
    """Tried once at least; a send would try them again later."""
    untried: int
    """Left when the campaign paused itself, or the sender gave up."""
    pause_reason: str
    providers: Mapping[str, int]
    """Messages by receiving provider, most first."""


@dataclass(frozen=True)
class Least:
    """How long a real send takes at least, because a limit of the configuration says so."""

    seconds: float
    limit: str
    """Which one, as an operator knows it."""


def copy_database(database: Database, path: Path) -> None:
    """Write a consistent copy to `path`, whatever is written beside it; the original is only read."""
    with database.read() as connection:
        source = connection.connection.driver_connection
        try:
            if not isinstance(source, sqlite3.Connection):
                from newsletter.store import copying  # brings Alembic along

                copying.into_file(database, path)
                return
            with closing(sqlite3.connect(path)) as copy:
                # In one go: copied in steps, a database that is written to makes the copying begin again.
                source.backup(copy)
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"The database could not be copied to {path}: {error}.",
                hint="Nothing has changed. A rehearsal needs room for a second database there.",
            ) from error


def settings(config: Config, database_url: str, port: int) -> Config:
    """The configuration of the rehearsal: the real one, but for database, relay, limits and approval."""
    connections = config.smtp.connections if config.smtp else CONNECTIONS
    changed = {
        "database": config.database.model_copy(update={"url": database_url}),
        "smtp": SmtpConfig(host="127.0.0.1", port=port, security="none", connections=connections),
        "pacing": type(config.pacing)(),
        "require_approval": False,
    }
    return config.model_copy(update=changed)


def forget_earlier(connection: Connection, order: Order) -> int | None:
    """In the copy, undo every launch of this issue to this list, so that the whole audience is rehearsed.

    Learned limits go as well. Returns the newest of those campaigns, if there was one.
    """
    ids = (
        connection.execute(
            select(campaigns.c.id)
            .where(
                campaigns.c.kind == CampaignKind.ISSUE,
                campaigns.c.slug == order.slug,
                campaigns.c.list_id == order.list_id,
                campaigns.c.is_trial == order.is_trial,
            )
            .order_by(campaigns.c.id)
        )
        .scalars()
        .all()
    )
    connection.execute(delete(deliveries).where(deliveries.c.campaign_id.in_(ids)))
    connection.execute(delete(campaigns).where(campaigns.c.id.in_(ids)))
    connection.execute(delete(throttles))
    return ids[-1] if ids else None


def review(connection: Connection, campaign_id: int) -> Review:
    """Read off what became of the campaign."""
    found = report.summary(connection, campaign_id)
    untried = connection.execute(
        select(func.count())
        .select_from(deliveries)
        .where(
            deliveries.c.campaign_id == campaign_id,
            deliveries.c.status == DeliveryStatus.PENDING,
            deliveries.c.tries == 0,
        )
    ).scalar_one()
    return Review(
        **{key: found[key] for key in ("audience", "sent", "failed", "ambiguous", "skipped")},
        deferred=found["deferred"] - untried,
        untried=untried,
        pause_reason=found["pause_reason"] or "",
        providers=_by_provider(connection, campaign_id),
    )


def least(providers: Mapping[str, int], limits: Limits) -> Least | None:
    """The longest that any configured limit makes a send of so many messages take; None without limits."""
    names = {ALL: "[pacing] rate", RELAY: "[smtp] rate"}
    found = []
    for key, interval in limits.intervals().items():
        count = sum(providers.values()) if key in names else providers.get(key, 0)
        # What is due in a round may go at its beginning.
        seconds = max(0, count * interval - ROUND) / SECOND
        found.append(Least(seconds, names.get(key, f"{key} in [pacing] providers")))
    return max(found, key=lambda each: each.seconds, default=None)


def peak_memory() -> int:
    """The most this process has held in memory so far, in bytes (getrusage(2))."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _by_provider(connection: Connection, campaign_id: int) -> dict[str, int]:
    people = (
        select(subscribers.c.email)
        .join(deliveries, deliveries.c.subscriber_id == subscribers.c.id)
        .where(deliveries.c.campaign_id == campaign_id)
        .execution_options(yield_per=2000)
    )
    counts = Counter(provider_of(email) for email in connection.execute(people).scalars())
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
