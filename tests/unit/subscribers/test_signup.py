"""Asking, confirming, disowning, leaving: what a visitor is told never depends on who is on file."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import factories
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from newsletter.errors import TokenError
from newsletter.store.schema import (
    CampaignKind,
    SubscriptionStatus,
    SuppressionReason,
    campaigns,
    deliveries,
    subscriptions,
)
from newsletter.subscribers import consent, lifecycle, people, signup, suppression
from newsletter.subscribers.letterhead import reader_values
from newsletter.subscribers.signup import Answer

if TYPE_CHECKING:
    from .conftest import Desk

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def test_asking_makes_a_pending_subscription_evidence_and_one_mail(desk: Desk) -> None:
    assert desk.subscribe()
    assert desk.status() == "pending"
    assert desk.mails() == 1
    assert desk.acts() == ["requested"]
    record = desk.evidence()[0]
    assert record.wording_hash == factories.WORDING.hash
    assert record.personal["email"] == "ada@example.net"
    assert record.personal["network"] == "203.0.113.0/24"


def test_confirming_makes_a_reader_and_enrols_the_welcome(desk: Desk) -> None:
    desk.subscribe()
    assert desk.confirm() is Answer.DONE
    assert desk.status() == "confirmed"
    assert desk.acts() == ["requested", "confirmed"]
    assert desk.mails(CampaignKind.WELCOME) == 1


def test_confirming_twice_is_one_event(desk: Desk) -> None:
    desk.subscribe()
    desk.confirm()
    assert desk.confirm() is Answer.ALREADY
    assert desk.acts() == ["requested", "confirmed"]
    assert desk.mails(CampaignKind.WELCOME) == 1


def test_looking_at_the_confirmation_page_changes_nothing(desk: Desk) -> None:
    desk.subscribe()
    for _ in range(3):
        outcome = signup.preview_confirmation(desk.connection, desk.person().uid, 0, desk.clock())
        assert (outcome.answer, outcome.list_ids) == (Answer.DONE, (1,))
    assert desk.status() == "pending"


def test_two_lists_are_asked_for_with_one_mail_and_confirmed_with_one_link(desk: Desk) -> None:
    desk.subscribe("ada@example.net", 1, 2)
    assert desk.mails() == 1
    desk.confirm()
    assert [desk.status(list_id=number) for number in (1, 2)] == ["confirmed", "confirmed"]
    assert desk.acts() == ["requested"] * 2 + ["confirmed"] * 2
    assert desk.mails(CampaignKind.WELCOME) == 2


def test_link_confirms_only_the_lists_it_was_mailed_for(desk: Desk) -> None:
    desk.subscribe("ada@example.net", 1)
    desk.clock.advance(11 * MINUTE)
    desk.subscribe("ada@example.net", 2)
    desk.confirm(seq=1)
    assert [desk.status(list_id=number) for number in (1, 2)] == ["pending", "confirmed"]


def test_request_that_does_not_exist_is_no_valid_link(desk: Desk) -> None:
    desk.subscribe()
    uid = desk.person().uid
    for wrong_uid, seq in ((uid, 1), (uid + 1, 0), (0, 0)):
        with pytest.raises(TokenError):
            signup.confirm(desk.connection, wrong_uid, seq, factories.PAGE, desk.clock())
        with pytest.raises(TokenError):
            signup.disown(desk.connection, wrong_uid, seq, factories.PAGE, desk.clock())


# -- who is known already ----------------------------------------------------------------------------


def test_suppressed_address_leaves_no_trace(desk: Desk) -> None:
    key = desk.keys.address_hash("ada@example.net")
    suppression.suppress(desk.connection, key, SuppressionReason.COMPLAINT, desk.clock())
    assert not desk.subscribe("ADA@example.net")
    assert not desk.is_known()
    assert desk.mails() == 0
    assert desk.acts() == []


def test_confirmed_reader_stays_so_and_gets_no_mail(desk: Desk) -> None:
    desk.subscribe()
    desk.confirm()
    desk.clock.advance(DAY)
    assert not desk.subscribe(name="Mallory")
    assert desk.status() == "confirmed"
    assert desk.person().name == ""
    assert desk.mails() == 1


def test_confirmed_reader_is_asked_about_the_other_list_only(desk: Desk) -> None:
    desk.subscribe()
    desk.confirm()
    desk.clock.advance(DAY)
    assert desk.subscribe("ada@example.net", 1, 2)
    row = desk.connection.execute(select(deliveries.c.scope).where(deliveries.c.seq == 1)).scalar_one()
    assert row["lists"] == [2]


def test_two_spellings_are_one_person(desk: Desk) -> None:
    desk.subscribe("Ada@Example.NET")
    desk.clock.advance(DAY)
    desk.subscribe("ada@example.net")
    assert desk.mails() == 2
    assert desk.person("ada@example.net").email == "Ada@example.net"


def test_stranger_cannot_rename_anybody(desk: Desk) -> None:
    desk.subscribe(name="Ada Reader", fields={"city": "Vienna"})
    assert desk.person().name == ""
    desk.confirm()
    assert desk.person().name == "Ada Reader"
    assert desk.person().first_name == "Ada"
    assert desk.person().fields == {"city": "Vienna"}
    desk.unsubscribe()
    desk.clock.advance(DAY)
    desk.subscribe(name="<b>Mallory</b>")
    assert desk.person().name == "Ada Reader"
    desk.confirm(seq=1)
    assert desk.person().name == "<b>Mallory</b>"


def test_request_without_a_name_keeps_the_old_one(desk: Desk) -> None:
    desk.subscribe(name="Ada")
    desk.confirm()
    desk.clock.advance(DAY)
    desk.subscribe("ada@example.net", 2)
    desk.confirm(seq=1)
    assert desk.person().name == "Ada"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Ada \r\nBcc: x@example.net ", "Ada Bcc: x@example.net"),
        ("Ada\0\x0b\u2028\u200b\u202eReader", "Ada Reader"),
        ("{{ ''.__class__ }} <img onerror=x>", "{{ ''.__class__ }} <img onerror=x>"),
        ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
        ("x" * 10_000_000, "x" * people.MAX_NAME),
        ("\ud800Ada", "Ada"),
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("क्\u200dष", "क्\u200dष"),
        ("👩\u200d⚕\ufe0f Ada ❤\ufe0f", "👩\u200d⚕\ufe0f Ada ❤\ufe0f"),
        ("\u200dAda\u200c \u200d\ufe0f Reader\u200d", "Ada Reader"),
        ("A\u200d\u200d\u200cda\ufe0f\ufe0f", "A\u200dda\ufe0f"),
        ("A\u00ad\u2060\u202e\ufeffda", "A da"),
        ("x" * (people.MAX_NAME - 1) + "\u200dx", "x" * (people.MAX_NAME - 1)),
    ],
)
def test_name_is_data_on_one_line(typed: str, kept: str) -> None:
    assert people.clean_name(typed) == kept


@given(st.text(st.sampled_from("aé \u200c\u200d\ufe0f\u200b👩"), max_size=12))
def test_cleaning_a_name_twice_changes_nothing(typed: str) -> None:
    kept = people.clean_name(typed)
    assert people.clean_name(kept) == kept
    assert not kept.startswith(("\u200c", "\u200d", "\ufe0f"))
    assert not kept.endswith(("\u200c", "\u200d"))


@pytest.mark.parametrize(
    ("name", "greeted"),
    [
        ("Ada Reader", "Ada"),
        ('O\'Brien, "Ann"', "O'Brien"),
        ("Reader; Ada", "Reader"),
        (", Ada", "Ada"),
        ("J. R. Reader", "J."),
        (" ,;", ""),
        ("", ""),
    ],
)
def test_greeting_is_the_first_word_and_no_comma_behind_it(name: str, greeted: str) -> None:
    assert people.first_name(name) == greeted
    assert reader_values("ada@example.net", name, {})["subscriber.first_name"] == greeted


def test_two_lists_confirmed_at_once_are_welcomed_each_for_itself(desk: Desk) -> None:
    desk.subscribe("ada@example.net", 1, 2)
    desk.confirm()
    rows = desk.connection.execute(
        select(campaigns.c.list_id)
        .join(deliveries, deliveries.c.campaign_id == campaigns.c.id)
        .where(campaigns.c.kind == CampaignKind.WELCOME)
        .order_by(campaigns.c.list_id)
    )
    assert list(rows.scalars()) == [1, 2]


# -- budgets -----------------------------------------------------------------------------------------


def test_one_address_gets_one_mail_in_ten_minutes(desk: Desk) -> None:
    assert desk.subscribe()
    desk.clock.advance(10 * MINUTE - timedelta(milliseconds=1))
    assert not desk.subscribe()
    desk.clock.advance(timedelta(milliseconds=1))
    assert desk.subscribe()
    assert desk.mails() == 2


def test_one_address_gets_three_mails_a_day_whatever_the_lists(desk: Desk) -> None:
    sent = 0
    for number in range(100):
        sent += desk.subscribe("ada@example.net", 1 + number % 2)
        desk.clock.advance(14 * MINUTE)
    assert sent == desk.mails() == 3
    desk.clock.advance(60 * MINUTE)
    assert desk.subscribe()


def test_budget_of_one_address_is_not_anothers(desk: Desk) -> None:
    assert desk.subscribe()
    assert desk.subscribe("bob@example.net")


def test_request_without_a_mail_is_no_evidence(desk: Desk) -> None:
    desk.subscribe()
    desk.subscribe()
    assert desk.acts() == ["requested"]


# -- coming back -------------------------------------------------------------------------------------


def test_renewed_sign_up_after_leaving_starts_over_and_remembers_the_leaving_until_confirmed(desk: Desk) -> None:
    desk.subscribe()
    desk.confirm()
    assert desk.unsubscribe()
    desk.clock.advance(DAY)
    assert desk.subscribe()
    assert desk.status() == "pending"
    left = select(subscriptions.c.unsubscribed_at)
    assert desk.connection.execute(left).scalar() is not None
    assert desk.confirm(seq=1) is Answer.DONE
    assert desk.connection.execute(left).scalar() is None


def test_replayed_old_link_does_not_bring_back_who_left(desk: Desk) -> None:
    desk.subscribe()
    desk.confirm()
    desk.unsubscribe()
    assert desk.confirm() is Answer.EXPIRED
    assert desk.status() == "unsubscribed"
    assert desk.acts() == ["requested", "confirmed", "unsubscribed"]


def test_link_expires_after_seven_days_and_a_new_request_helps(desk: Desk) -> None:
    desk.subscribe()
    desk.clock.advance(7 * DAY - MINUTE)
    assert signup.preview_confirmation(desk.connection, desk.person().uid, 0, desk.clock()).answer is Answer.DONE
    desk.clock.advance(MINUTE)
    assert desk.confirm() is Answer.EXPIRED
    assert desk.status() == "pending"
    assert desk.subscribe()
    assert desk.confirm(seq=1) is Answer.DONE


def test_unconfirmed_request_expires_and_can_be_renewed(desk: Desk) -> None:
    desk.subscribe()
    desk.clock.advance(7 * DAY)
    assert lifecycle.expire(desk.connection, desk.clock()) == 0
    desk.clock.advance(MINUTE)
    assert lifecycle.expire(desk.connection, desk.clock()) == 1
    assert desk.status() == "expired"
    assert lifecycle.expire(desk.connection, desk.clock()) == 0
    assert desk.confirm() is Answer.EXPIRED
    assert desk.subscribe()
    assert desk.status() == "pending"
    assert desk.confirm(seq=1) is Answer.DONE


def test_request_with_a_younger_link_does_not_expire(desk: Desk) -> None:
    desk.subscribe()
    desk.clock.advance(4 * DAY)
    desk.subscribe()
    desk.clock.advance(4 * DAY)
    assert lifecycle.expire(desk.connection, desk.clock()) == 0
    assert desk.confirm(seq=1) is Answer.DONE


def test_imported_pending_row_nobody_was_asked_about_does_not_expire(desk: Desk) -> None:
    factories.subscribed(desk.connection, desk.keys, "bob@example.net", SubscriptionStatus.PENDING)
    desk.clock.advance(100 * DAY)
    assert lifecycle.expire(desk.connection, desk.clock()) == 0


def test_confirmed_reader_never_expires(desk: Desk) -> None:
    desk.subscribe()
    desk.confirm()
    desk.clock.advance(1000 * DAY)
    assert lifecycle.expire(desk.connection, desk.clock()) == 0


# -- leaving -----------------------------------------------------------------------------------------


def test_leaving_is_one_event_however_often_it_is_said(desk: Desk) -> None:
    desk.subscribe()
    desk.confirm()
    assert desk.unsubscribe()
    assert not desk.unsubscribe()
    assert desk.acts() == ["requested", "confirmed", "unsubscribed"]
    assert desk.mails(CampaignKind.GOODBYE) == 0


def test_leaving_one_list_is_not_leaving_the_other(desk: Desk) -> None:
    desk.subscribe("ada@example.net", 1, 2)
    desk.confirm()
    desk.unsubscribe(list_id=1, farewell=True)
    assert desk.status(list_id=2) == "confirmed"
    assert signup.subscribed_lists(desk.connection, desk.person()) == [2]
    assert desk.mails(CampaignKind.GOODBYE) == 1


def test_leaving_a_list_one_was_never_on_changes_nothing(desk: Desk) -> None:
    desk.subscribe()
    assert not desk.unsubscribe(list_id=2)
    assert desk.acts() == ["requested"]


def test_pending_request_can_be_taken_back(desk: Desk) -> None:
    desk.subscribe()
    assert desk.unsubscribe()
    assert desk.confirm() is Answer.EXPIRED


def test_who_says_it_was_not_me_is_left_alone_for_good(desk: Desk) -> None:
    desk.subscribe(name="Mallory")
    signup.disown(desk.connection, desk.person().uid, 0, factories.PAGE, desk.clock())
    assert desk.status() == "unsubscribed"
    assert suppression.reason_for(desk.connection, desk.person().address_hash) is SuppressionReason.MANUAL
    assert desk.acts() == ["requested", "disowned"]
    assert desk.confirm() is Answer.WITHDRAWN
    desk.clock.advance(DAY)
    assert not desk.subscribe()
    signup.disown(desk.connection, desk.person().uid, 0, factories.PAGE, desk.clock())
    assert desk.acts() == ["requested", "disowned"]


def test_chain_of_evidence_is_whole_after_all_of_this(desk: Desk) -> None:
    desk.subscribe("ada@example.net", 1, 2)
    desk.confirm()
    desk.unsubscribe()
    desk.subscribe("bob@example.net")
    signup.disown(desk.connection, desk.person("bob@example.net").uid, 0, factories.PAGE, desk.clock())
    assert list(consent.broken(desk.connection)) == []


# -- describing --------------------------------------------------------------------------------------


def test_person_is_described_with_every_list_and_suppression(desk: Desk) -> None:
    desk.subscribe("ada@example.net", 1, 2, name="Ada")
    desk.confirm()
    desk.unsubscribe(list_id=2)
    suppression.suppress(desk.connection, desk.person().address_hash, SuppressionReason.HARD_BOUNCE, desk.clock())
    shown = people.describe(desk.connection, desk.person())
    assert (shown["email"], shown["name"]) == ("ada@example.net", "Ada")
    assert (shown["suppressed"], shown["suppression_reason"]) == (True, "hard_bounce")
    assert [(each["list"], each["status"]) for each in shown["subscriptions"]] == [
        ("steady-spine", "confirmed"),
        ("clinic-notes", "unsubscribed"),
    ]
    assert people.count(desk.connection) == 2
    assert people.count(desk.connection, list_id=1, status="confirmed") == 1
    assert [row["list"] for row in people.page(desk.connection, status="unsubscribed")] == ["clinic-notes"]


def test_stronger_reason_replaces_a_weaker_one_and_never_the_reverse(desk: Desk) -> None:
    key = desk.keys.address_hash("ada@example.net")
    for reason, standing in (
        ("unreachable", "unreachable"),
        ("complaint", "complaint"),
        ("hard_bounce", "complaint"),
        ("manual", "complaint"),
        ("erased", "erased"),
        ("complaint", "erased"),
    ):
        suppression.suppress(desk.connection, key, SuppressionReason(reason), desk.clock())
        assert suppression.reason_for(desk.connection, key) == standing
    assert suppression.release(desk.connection, key, desk.clock())
    assert not suppression.release(desk.connection, key, desk.clock())


def test_suppressions_are_listed_a_page_at_a_time_with_addresses_still_on_file(desk: Desk) -> None:
    desk.subscribe()
    for email in ("ada@example.net", "gone@example.net", "also-gone@example.net"):
        suppression.suppress(desk.connection, desk.keys.address_hash(email), SuppressionReason.MANUAL, desk.clock())
    first = suppression.page(desk.connection, limit=2)
    rest = suppression.page(desk.connection, after=first[-1].address_hash, limit=2)
    assert len(first) + len(rest) == 3
    assert sorted(str(row.email) for row in (*first, *rest)) == ["None", "None", "ada@example.net"]
