"""Attack mode: switches itself on when far more sign-ups come than usual, and off when it has been quiet.

Posts are counted in slots of ten minutes. What is usual is learned slowly, over about a day, and not while an
attack runs; on and off have different thresholds, so that the mode does not flicker.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from newsletter.store.types import to_millis

SLOT = timedelta(minutes=10)
TIMES_USUAL = 10
"""An attack is so many times what is usual, and at least what the configuration says."""
CALM = 6
"""Slots in a row that must be quiet before the mode ends: an hour."""
ALERT_EVERY = timedelta(hours=1)
_LEARNING = 1 / 144


@dataclass(frozen=True)
class Watch:
    """What is remembered between two sign-ups."""

    slot: int = 0
    """Number of the ten minutes since 1970."""
    posts: int = 0
    """Sign-ups in that slot so far."""
    usual: float = 0.0
    """Sign-ups in a usual slot."""
    since: datetime | None = None
    """Since when the Site is attacked."""
    calm: int = 0
    """Quiet slots in a row since then."""
    alerted_at: datetime | None = None

    @property
    def is_attacked(self) -> bool:
        """Whether the mode is on."""
        return self.since is not None


def slot_of(now: datetime) -> int:
    """The number of the present slot."""
    return to_millis(now) // (1000 * int(SLOT.total_seconds()))


def counted(watch: Watch, now: datetime, floor: int) -> Watch:
    """`watch` after one more sign-up; `floor` posts in a slot are never an attack."""
    watch = settled(watch, now, floor)
    posts = watch.posts + 1
    if watch.since is None and posts > max(floor, TIMES_USUAL * watch.usual):
        return replace(watch, posts=posts, since=now, calm=0)
    return replace(watch, posts=posts)


def settled(watch: Watch, now: datetime, floor: int) -> Watch:
    """`watch` with every slot that is over taken into account."""
    passed = slot_of(now) - watch.slot
    if passed <= 0:
        return watch
    if watch.slot == 0:
        return replace(watch, slot=slot_of(now), posts=0)
    usual, since, calm = watch.usual, watch.since, watch.calm
    if since is None:
        usual = (usual + (watch.posts - usual) * _LEARNING) * (1 - _LEARNING) ** (passed - 1)
    else:
        is_quiet = watch.posts <= max(floor, TIMES_USUAL * usual) / 4
        calm = (calm + passed) if is_quiet else passed - 1
        if calm >= CALM:
            since, calm = None, 0
    return replace(watch, slot=slot_of(now), posts=0, usual=usual, since=since, calm=calm)


def wants_alert(watch: Watch, now: datetime) -> bool:
    """Whether the owner is to be told: while attacked, once an hour at most."""
    return watch.is_attacked and (watch.alerted_at is None or now - watch.alerted_at >= ALERT_EVERY)
