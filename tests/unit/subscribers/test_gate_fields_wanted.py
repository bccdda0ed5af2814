"""Forms that come back, values of declared fields, and whether a message is still wanted when it leaves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import factories
import pytest

from newsletter.config import FieldConfig
from newsletter.deliveries import claims, ledger, standing, workers
from newsletter.deliveries.claims import Scope
from newsletter.store.schema import CampaignKind, SubscriptionStatus, SuppressionReason
from newsletter.subscribers import fields, lifecycle, people, suppression
from newsletter.subscribers.fields import FieldError
from newsletter.subscribers.gate import FormTokens
from newsletter.subscribers.wanted import still_wanted
from newsletter.tokens import KeyRing, SigningKey

if TYPE_CHECKING:
    from .conftest import Desk

NOW = factories.START
RING = KeyRing([SigningKey(1, b"k" * 32, "")], b"s" * 32)


# -- form tokens -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "is_fresh"),
    [
        (timedelta(0), False),
        (timedelta(seconds=2.9), False),
        (timedelta(seconds=3), True),
        (timedelta(hours=2), True),
        (timedelta(hours=2, seconds=1), False),
        (timedelta(seconds=-5), False),
    ],
)
def test_form_is_fresh_between_three_seconds_and_two_hours(age: timedelta, is_fresh: bool) -> None:
    tokens = FormTokens(RING)
    assert tokens.is_fresh(tokens.issue("signup", NOW), "signup", NOW + age) is is_fresh


def test_form_token_is_good_for_its_form_and_its_site_and_survives_rotation() -> None:
    later = NOW + timedelta(minutes=1)
    token = FormTokens(RING).issue("signup", NOW)
    assert not FormTokens(RING).is_fresh(token, "embed", later)
    assert FormTokens(RING.rotated(NOW)).is_fresh(token, "signup", later)
    other = KeyRing([SigningKey(1, b"o" * 32, "")], b"s" * 32)
    assert not FormTokens(other).is_fresh(token, "signup", later)


@pytest.mark.parametrize("token", ["", "x", "W10.x", "....", "é", "\0", "A" * 100_000])
def test_anything_else_is_not_fresh(token: str) -> None:
    assert not FormTokens(RING).is_fresh(token, "signup", NOW)


# -- fields ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "typed", "kept"),
    [
        ("text", "  Wien\r\n ", "Wien"),
        ("text", "", ""),
        ("number", "42", "42"),
        ("number", "-1.5", "-1.5"),
        ("date", "2026-09-15", "2026-09-15"),
        ("boolean", "TRUE", "yes"),
        ("boolean", "on", "yes"),
        ("boolean", "0", "no"),
        ("number", " ", ""),
    ],
)
def test_value_is_kept_as_text_that_reads_well(kind: str, typed: str, kept: str) -> None:
    assert fields.check(FieldConfig(name="value", type=kind), typed) == kept  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("number", "many"),
        ("number", "nan"),
        ("number", "inf"),
        ("date", "15.9.2026"),
        ("date", "2026-02-30"),
        ("boolean", "maybe"),
    ],
)
def test_value_that_does_not_fit_names_the_field(kind: str, typed: str) -> None:
    with pytest.raises(FieldError, match="Your value"):
        fields.check(FieldConfig(name="value", label="Your value", type=kind), typed)  # type: ignore[arg-type]


def test_required_field_is_asked_for() -> None:
    with pytest.raises(FieldError, match=r"city is needed\."):
        fields.check(FieldConfig(name="city", required=True), " \u200b ")


# -- still wanted ------------------------------------------------------------------------------------

KINDS = list(CampaignKind)


def outcome(
    desk: Desk, kind: CampaignKind, status: SubscriptionStatus, *, suppressed: bool = False, paused: bool = False
) -> str:
    """What arming says about a row of that kind to somebody who stands like that when it leaves."""
    person = factories.subscribed(desk.connection, desk.keys, "ada@example.net", status)
    if kind is CampaignKind.ISSUE:
        campaign_id = factories.issue_campaign(desk.connection)
        if status is not SubscriptionStatus.CONFIRMED:
            standing.enrol(desk.connection, campaign_id, person.id, now=NOW)
    else:
        on_list = 1 if kind in {CampaignKind.WELCOME, CampaignKind.GOODBYE, CampaignKind.SERIES} else None
        campaign_id = standing.get_or_create(desk.connection, kind, on_list, NOW)
        standing.enrol(desk.connection, campaign_id, person.id, now=NOW, scope={"lists": [1]})
    if suppressed:
        suppression.suppress(desk.connection, person.address_hash, SuppressionReason.MANUAL, NOW)
    if paused:
        people.amend(desk.connection, person.id, paused_until=NOW)
    worker = workers.register(desk.connection, "send", NOW)
    row = claims.claim(desk.connection, worker, Scope(trial=False), now=NOW, limit=1)[0]
    ledger.arm(desk.connection, row, worker, still_wanted(), NOW)
    return factories.statuses(desk.connection, campaign_id)["ada@example.net"]


@pytest.mark.parametrize("status", SubscriptionStatus)
@pytest.mark.parametrize("kind", KINDS)
def test_message_leaves_only_to_whom_it_still_concerns(
    desk: Desk, kind: CampaignKind, status: SubscriptionStatus
) -> None:
    wanted = {
        CampaignKind.ISSUE: {"confirmed"},
        CampaignKind.WELCOME: {"confirmed"},
        CampaignKind.SERIES: {"confirmed"},
        CampaignKind.CONFIRM: {"pending"},
    }.get(kind, set(SubscriptionStatus))
    assert outcome(desk, kind, status) == ("inflight" if status in wanted else "skipped")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_at_all_leaves_to_a_suppressed_address(desk: Desk, kind: CampaignKind) -> None:
    status = SubscriptionStatus.PENDING if kind is CampaignKind.CONFIRM else SubscriptionStatus.CONFIRMED
    assert outcome(desk, kind, status, suppressed=True) == "skipped"


@pytest.mark.parametrize(("kind", "leaves"), [(CampaignKind.ISSUE, "skipped"), (CampaignKind.WELCOME, "inflight")])
def test_no_issue_leaves_to_who_has_begun_a_pause_but_other_mail_does(
    desk: Desk, kind: CampaignKind, leaves: str
) -> None:
    assert outcome(desk, kind, SubscriptionStatus.CONFIRMED, paused=True) == leaves


def test_being_confirmed_on_another_list_is_not_enough(desk: Desk) -> None:
    factories.subscribed(desk.connection, desk.keys, "ada@example.net", slug="clinic-notes")
    assert outcome(desk, CampaignKind.ISSUE, SubscriptionStatus.UNSUBSCRIBED) == "skipped"


@pytest.mark.parametrize("start", SubscriptionStatus)
@pytest.mark.parametrize("target", SubscriptionStatus)
def test_subscription_takes_the_steps_of_the_table_and_no_other(
    desk: Desk, start: SubscriptionStatus, target: SubscriptionStatus
) -> None:
    person = factories.subscribed(desk.connection, desk.keys, "ada@example.net", start)
    allowed = target in lifecycle.SUBSCRIPTION[start]
    assert lifecycle.move(desk.connection, person.id, 1, target, NOW) is allowed
    assert lifecycle.status_of(desk.connection, person.id, 1) == (target if allowed else start)


def test_way_back_from_unsubscribed_leads_through_pending_only() -> None:
    assert lifecycle.SUBSCRIPTION[SubscriptionStatus.UNSUBSCRIBED] == {SubscriptionStatus.PENDING}
    assert SubscriptionStatus.CONFIRMED not in lifecycle.SUBSCRIPTION[SubscriptionStatus.EXPIRED]


def test_list_removed_from_the_configuration_keeps_its_row(desk: Desk) -> None:
    lifecycle.mirror_lists(desk.connection, ("clinic-notes", "brand-new"))
    assert lifecycle.list_ids(desk.connection) == {"steady-spine": 1, "clinic-notes": 2, "brand-new": 3}
