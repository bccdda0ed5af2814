"""Attack mode: on at once, off after an hour of quiet, and never flickering."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from newsletter.subscribers.gate import attack
from newsletter.subscribers.gate.attack import SLOT, Watch

START = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)
FLOOR = 20


def after(watch: Watch, posts: int, now: datetime) -> Watch:
    for _ in range(posts):
        watch = attack.counted(watch, now, FLOOR)
    return watch


def test_a_few_sign_ups_are_no_attack() -> None:
    assert not after(Watch(), FLOOR, START).is_attacked


def test_far_more_than_usual_is() -> None:
    watch = after(Watch(), FLOOR + 1, START)
    assert watch.is_attacked
    assert watch.since == START


def test_what_is_usual_is_learned() -> None:
    watch, now = Watch(), START
    for _ in range(1000):
        watch = after(watch, 10, now)
        now += SLOT
    assert 9 < watch.usual < 11
    assert not after(watch, 60, now).is_attacked
    assert after(watch, 120, now).is_attacked


def test_mode_ends_after_an_hour_of_quiet_and_not_before() -> None:
    watch = after(Watch(), 100, START)
    assert attack.settled(watch, START + 6 * SLOT, FLOOR).is_attacked
    assert not attack.settled(watch, START + 7 * SLOT, FLOOR).is_attacked


def test_moderate_traffic_keeps_the_mode_on() -> None:
    watch, now = after(Watch(), 100, START), START
    for _ in range(12):
        now += SLOT
        watch = after(watch, FLOOR // 2, now)
    assert watch.is_attacked


def test_an_attack_does_not_become_usual() -> None:
    watch, now = Watch(), START
    for _ in range(50):
        watch = after(watch, 100, now)
        now += SLOT
    assert watch.usual < 1


def test_owner_is_told_once_an_hour() -> None:
    watch = after(Watch(), 100, START)
    assert attack.wants_alert(watch, START)
    told = Watch(**{**watch.__dict__, "alerted_at": START})
    assert not attack.wants_alert(told, START + timedelta(minutes=59))
    assert attack.wants_alert(told, START + timedelta(minutes=60))
    assert not attack.wants_alert(Watch(), START)
