"""What comes back becomes an event once, settles what was in doubt, and does to the address what the policy says."""

from __future__ import annotations

from dataclasses import replace

import factories
import pytest
from feedback_world import FeedbackWorld
from sqlalchemy import select, update

from newsletter.clock import FrozenClock
from newsletter.deliveries.claims import Delivery as Claimed
from newsletter.errors import TokenError
from newsletter.feedback.intake import Tally, from_smtp, without_addresses
from newsletter.feedback.verdict import Delivery, Kind
from newsletter.site import Site
from newsletter.store.feedback_schema import feedback_reports
from newsletter.store.schema import (
    CampaignKind,
    CampaignStatus,
    DeliveryStatus,
    SubscriptionStatus,
    SuppressionReason,
    campaigns,
    deliveries,
    subscribers,
)
from newsletter.subscribers import forget, lifecycle, suppression
from newsletter.transport.base import Outcome, Phase, Verdict

NOTHING = Tally(unmatched=1)
ONE = Tally(events=1)


@pytest.fixture
def world(site: Site, clock: FrozenClock) -> FeedbackWorld:
    found = FeedbackWorld(site, clock)
    found.sign_up()
    return found


# -- what it is about ------------------------------------------------------------------------------


def test_hard_bounce_to_our_envelope_sender_suppresses_at_once(world: FeedbackWorld) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    assert world.bounce(Kind.HARD, campaign, reader, code=550, enhanced="5.1.1", reason="No such user") == ONE
    assert world.suppressed(reader) == SuppressionReason.HARD_BOUNCE
    (event,) = world.events()
    assert (event.kind, event.matched, event.campaign_id, event.code, event.enhanced, event.reason) == (
        *("hard", "verp", campaign, 550, "5.1.1", "No such user"),
    )
    assert world.copy(campaign, reader) == DeliveryStatus.SENT  # the next hop did accept it


def test_forwarder_whose_target_is_dead_is_the_reader_not_the_target(world: FeedbackWorld) -> None:
    campaign, (reader, other, _) = world.send("spring"), world.readers
    named = Delivery(verp=(world.verp(campaign, reader).upper(),))
    assert world.intake.take([world.report(Kind.HARD, named, other.email)]) == ONE
    assert (world.suppressed(reader), world.suppressed(other)) == ("hard_bounce", None)


def test_same_report_counts_once_however_often_it_comes(world: FeedbackWorld) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    report = world.report(Kind.SOFT, Delivery(verp=(world.verp(campaign, reader),)))
    assert world.intake.take([report, report]) == Tally(events=1, repeated=1)
    assert world.intake.take([report]) == Tally(repeated=1)
    assert len(world.events()) == 1


def test_message_id_of_ours_names_the_copy_when_the_reader_is_named_too(world: FeedbackWorld) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    name = world.message_id(campaign, reader)
    by_address = world.report(Kind.COMPLAINT, Delivery(message_ids=(name,)), reader.email)
    assert world.intake.take([by_address]) == ONE
    by_link = Delivery(message_ids=(name,), unsubscribe=(world.leave_token(reader),))
    assert world.intake.take([world.report(Kind.DELIVERED, by_link)]) == ONE
    envelope_id = Delivery(envids=(name.strip("<>").partition("@")[0],))
    assert world.intake.take([world.report(Kind.DELIVERED, envelope_id, reader.email)]) == ONE
    assert [event.matched for event in world.events()] == ["message-id"] * 3


def test_unsubscribe_link_alone_names_reader_and_newest_issue(world: FeedbackWorld) -> None:
    world.send("winter")
    world.wait(days=30)
    newest, reader = world.send("spring"), world.readers[1]
    assert world.intake.take([world.report(Kind.COMPLAINT, Delivery(unsubscribe=(world.leave_token(reader),)))]) == ONE
    assert world.events()[0].campaign_id == newest
    assert world.suppressed(reader) == SuppressionReason.COMPLAINT


def test_address_alone_counts_only_within_sixty_days_of_a_mail(world: FeedbackWorld) -> None:
    reader = world.readers[0]
    assert world.intake.take([world.report(Kind.HARD, Delivery(), reader.email)]) == NOTHING
    world.send("spring")
    world.wait(days=61)
    assert world.intake.take([world.report(Kind.HARD, Delivery(), reader.email)]) == NOTHING
    world.send("summer")
    assert world.intake.take([world.report(Kind.HARD, Delivery(), "stranger@example.com")]) == NOTHING
    assert world.intake.take([world.report(Kind.HARD, Delivery(), reader.email.upper())]) == ONE


def test_forged_names_change_nothing_even_for_the_right_address(world: FeedbackWorld) -> None:
    campaign, (reader, other, _) = world.send("spring"), world.readers
    verp, name = world.verp(campaign, reader), world.message_id(campaign, other)
    forged = [
        Delivery(verp=(verp[:-1] + ("a" if verp[-1] != "a" else "b"),)),
        Delivery(verp=("b-" + "a" * 37,)),
        Delivery(message_ids=(name,)),  # of somebody else
        Delivery(message_ids=(f"<c{campaign}.{'0' * 32}@news.example.org>",)),
        Delivery(verp=(world.site.keys.leave_address(reader.uid, 1),)),
    ]
    reports = [world.report(Kind.HARD, named, reader.email) for named in forged]
    assert world.intake.take(reports) == Tally(unmatched=len(forged))
    assert world.events() == []
    assert world.suppressed(reader) is None


def test_bounce_of_a_mail_of_long_ago_is_not_believed_but_a_complaint_is(world: FeedbackWorld) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    world.wait(days=90)
    assert world.bounce(Kind.HARD, campaign, reader) == NOTHING
    assert world.bounce(Kind.COMPLAINT, campaign, reader) == ONE


def test_what_was_never_sent_cannot_come_back(world: FeedbackWorld) -> None:
    campaign, reader = world.send("spring", DeliveryStatus.PENDING), world.readers[0]
    assert world.bounce(Kind.HARD, campaign, reader) == NOTHING


def test_nothing_comes_back_for_who_was_forgotten(world: FeedbackWorld) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    with world.site.database.write() as connection:
        forget.forget(connection, reader, world.clock())
    assert world.bounce(Kind.COMPLAINT, campaign, reader) == NOTHING
    assert world.events() == []


# -- what follows ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "becomes"),
    [
        (Kind.HARD, DeliveryStatus.FAILED),
        (Kind.SOFT, DeliveryStatus.FAILED),
        (Kind.BLOCK, DeliveryStatus.FAILED),
        (Kind.COMPLAINT, DeliveryStatus.SENT),
        (Kind.AUTO_REPLY, DeliveryStatus.SENT),
        (Kind.DELIVERED, DeliveryStatus.SENT),
    ],
)
def test_copy_in_doubt_is_settled_by_what_comes_back(world: FeedbackWorld, kind: Kind, becomes: str) -> None:
    campaign, (reader, other, _) = world.send("spring", DeliveryStatus.AMBIGUOUS), world.readers
    assert world.bounce(kind, campaign, reader) == ONE
    assert world.copy(campaign, reader) == becomes
    assert world.copy(campaign, other) == DeliveryStatus.AMBIGUOUS


@pytest.mark.parametrize("kind", [Kind.SOFT, Kind.BLOCK, Kind.AUTO_REPLY, Kind.DELIVERED])
def test_one_event_of_these_kinds_leaves_the_address_alone(world: FeedbackWorld, kind: Kind) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    assert world.bounce(kind, campaign, reader) == ONE
    assert world.suppressed(reader) is None


def issues(world: FeedbackWorld, days: float, kinds: list[Kind | None]) -> str | None:
    """Send an issue every so many days; each comes back like that, or does not."""
    reader = world.readers[0]
    for kind in kinds:
        world.wait(days=days)
        campaign = world.send(f"issue-{world.said}-{world.clock():%m%d}")
        if kind is not None:
            world.wait(hours=1)
            world.bounce(kind, campaign, reader)
            world.bounce(kind, campaign, reader)  # a second report of the same issue
    return world.suppressed(reader)


def test_five_issues_in_a_row_over_fifteen_days_make_unreachable(world: FeedbackWorld) -> None:
    assert issues(world, 4, [Kind.SOFT] * 4) is None
    assert issues(world, 4, [Kind.SOFT]) == SuppressionReason.UNREACHABLE


@pytest.mark.parametrize(
    ("days", "kinds"),
    [
        (3, [Kind.SOFT] * 5),  # within twelve days
        (7, [Kind.SOFT] * 3 + [None] + [Kind.SOFT] * 2),  # one got through
        (7, [Kind.BLOCK] * 12),
        (7, [Kind.SOFT] * 4 + [Kind.BLOCK] * 3),
    ],
)
def test_shorter_trouble_or_trouble_of_ours_does_not(
    world: FeedbackWorld, days: float, kinds: list[Kind | None]
) -> None:
    assert issues(world, days, kinds) is None


def test_refusals_because_of_us_between_count_neither_way(world: FeedbackWorld) -> None:
    assert issues(world, 7, [Kind.SOFT, Kind.SOFT, Kind.BLOCK, Kind.SOFT, Kind.SOFT, Kind.SOFT]) == "unreachable"


def test_complaint_beats_bounce_and_nothing_weakens_it(world: FeedbackWorld) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    world.bounce(Kind.HARD, campaign, reader)
    world.bounce(Kind.COMPLAINT, campaign, reader)
    assert world.suppressed(reader) == SuppressionReason.COMPLAINT
    world.bounce(Kind.HARD, campaign, reader)
    with world.site.database.write() as connection:
        suppression.suppress(connection, reader.address_hash, SuppressionReason.MANUAL, world.clock())
    assert world.suppressed(reader) == SuppressionReason.COMPLAINT


def test_erasure_stays_when_a_complaint_is_replayed(world: FeedbackWorld) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    with world.site.database.write() as connection:
        suppression.suppress(connection, reader.address_hash, SuppressionReason.ERASED, world.clock())
    world.bounce(Kind.COMPLAINT, campaign, reader)
    assert world.suppressed(reader) == SuppressionReason.ERASED


def status(world: FeedbackWorld, slug: str = "steady-spine") -> str | None:
    with world.site.database.read() as connection:
        return lifecycle.status_of(connection, world.readers[0].id, world.site.list_ids[slug])


def test_opt_out_leaves_that_list_and_suppresses_nobody(world: FeedbackWorld) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    with world.site.database.write() as connection:
        factories.subscribed(connection, world.site.keys, reader.email, slug="clinic-notes")
    assert world.bounce(Kind.COMPLAINT, campaign, reader, opt_out=True) == ONE
    assert (status(world), status(world, "clinic-notes")) == ("unsubscribed", "confirmed")
    assert world.suppressed(reader) is None
    assert world.events()[0].kind == "unsubscribed"


def test_complaint_leaves_an_unsubscription_as_it_is(world: FeedbackWorld) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    with world.site.database.write() as connection:
        lifecycle.move(connection, reader.id, 1, SubscriptionStatus.UNSUBSCRIBED, world.clock())
    world.bounce(Kind.COMPLAINT, campaign, reader)
    assert status(world) == "unsubscribed"


def test_mail_to_another_address_says_nothing_of_the_one_on_file(world: FeedbackWorld) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    with world.site.database.write() as connection:
        connection.execute(
            update(campaigns).where(campaigns.c.id == campaign).values(kind=CampaignKind.MOVED, list_id=None)
        )
    assert world.bounce(Kind.HARD, campaign, reader) == ONE
    assert world.suppressed(reader) is None


def test_bounce_of_the_old_address_leaves_the_new_one_alone(world: FeedbackWorld) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    world.wait(days=1)
    with world.site.database.write() as connection:
        connection.execute(
            update(subscribers)
            .where(subscribers.c.id == reader.id)
            .values(address_hash=b"new", email="new@example.net")
        )
        notice = factories.issue_campaign(connection, slug="notice", now=world.clock())
        connection.execute(update(campaigns).where(campaigns.c.id == notice).values(kind=CampaignKind.MOVED))
        connection.execute(
            update(deliveries).where(deliveries.c.campaign_id == notice).values(enrolled_at=world.clock())
        )
    world.bounce(Kind.HARD, campaign, reader)
    assert world.suppressed(reader) is None


def test_trial_in_the_sandbox_suppresses_nobody(world: FeedbackWorld) -> None:
    campaign, reader = world.send("spring", trial=True), world.readers[0]
    for kind in (Kind.HARD, Kind.COMPLAINT):
        world.bounce(kind, campaign, reader)
    assert world.suppressed(reader) is None


# -- leaving by mail -------------------------------------------------------------------------------


def test_mail_to_the_leaving_address_ends_that_subscription_once(world: FeedbackWorld) -> None:
    world.send("spring")
    local = world.site.keys.leave_address(world.readers[0].uid, world.site.list_ids["steady-spine"])
    assert world.intake.leave(local.upper(), "mail:a") == ONE
    assert status(world) == "unsubscribed"
    assert world.intake.leave(local, "mail:a") == Tally(repeated=1)
    with pytest.raises(TokenError):
        world.intake.leave(local[:-1] + ("2" if local[-1] != "2" else "3"), "mail:b")


def test_leaving_address_works_for_who_was_never_mailed(world: FeedbackWorld) -> None:
    local = world.site.keys.leave_address(world.readers[0].uid, world.site.list_ids["steady-spine"])
    assert world.intake.leave(local, "mail:a") == ONE
    assert status(world) == "unsubscribed"


# -- when a campaign stops -------------------------------------------------------------------------


def test_campaign_pauses_when_too_many_complain_and_not_again_at_once(world: FeedbackWorld) -> None:
    readers = world.sign_up_more(997)
    campaign = world.send("spring")
    for reader in readers[:3]:
        world.bounce(Kind.COMPLAINT, campaign, reader)
    assert world.campaign(campaign)[0] is CampaignStatus.SENDING  # 3 of 1,000 are 0.3 %, not more
    world.bounce(Kind.COMPLAINT, campaign, readers[3])
    standing, why = world.campaign(campaign)
    assert standing is CampaignStatus.PAUSED
    assert "4 readers called this issue spam" in why
    world.resume(campaign)
    for reader in readers[4:7]:
        world.bounce(Kind.COMPLAINT, campaign, reader)
    assert world.campaign(campaign)[0] is CampaignStatus.SENDING
    world.bounce(Kind.COMPLAINT, campaign, readers[7])
    assert world.campaign(campaign)[0] is CampaignStatus.PAUSED


def test_campaign_pauses_when_too_many_mailboxes_are_dead(world: FeedbackWorld) -> None:
    readers = world.sign_up_more(60)
    campaign = world.send("spring")
    for reader in readers[:10]:
        world.bounce(Kind.HARD, campaign, reader)
    assert world.campaign(campaign)[0] is CampaignStatus.SENDING
    world.bounce(Kind.HARD, campaign, readers[10])
    assert world.campaign(campaign)[0] is CampaignStatus.PAUSED


def test_campaign_pauses_when_one_provider_sends_everything_back(world: FeedbackWorld) -> None:
    readers = world.sign_up_more(60)
    campaign = world.send("spring")
    for reader in readers[:20]:
        world.bounce(Kind.BLOCK, campaign, reader, reason="550 5.7.1 Your network is on our list")
    standing, why = world.campaign(campaign)
    assert standing is CampaignStatus.PAUSED
    assert "example.net sent 20 copies in a row back" in why
    assert "on our list" in why
    assert all(world.suppressed(reader) is None for reader in readers[:20])


def test_finished_campaign_stays_finished(world: FeedbackWorld) -> None:
    readers = world.sign_up_more(10)
    campaign = world.send("spring", finished=True)
    for reader in readers[:6]:
        world.bounce(Kind.COMPLAINT, campaign, reader)
    assert world.campaign(campaign)[0] is CampaignStatus.FINISHED


# -- what is kept ----------------------------------------------------------------------------------


def test_report_is_kept_and_the_fact_has_no_address(world: FeedbackWorld) -> None:
    campaign, reader = world.send("spring"), world.readers[0]
    reason = f"550 5.1.1 <{reader.email}>: user unknown, ask\tpostmaster@mx.example"
    world.bounce(Kind.HARD, campaign, reader, reason=reason, raw=b"x" * 300_000)
    (event,) = world.events()
    assert event.reason == "550 5.1.1 <…>: user unknown, ask …"
    with world.site.database.read() as connection:
        (kept,) = connection.execute(select(feedback_reports))
        assert reader.email not in str(suppression.page(connection)[0].note)
    assert kept.hash == event.report_hash
    assert len(kept.raw) < 300_000


@pytest.mark.parametrize("text", ["a@b", "x <a.b+c@d.example>; y", "用户@例子.公司 gone", "rfc822;a@b.example"])
def test_words_are_kept_without_addresses(text: str) -> None:
    assert "@" not in without_addresses(text)


def test_tallies_add_up() -> None:
    assert Tally(1, 2, 3) + Tally(1) == Tally(2, 2, 3)
    assert replace(Tally(), events=1) == ONE


# -- what servers say while we are sending ---------------------------------------------------------


def told(world: FeedbackWorld, outcome: Outcome, *, tries: int = 0) -> None:
    """The first reader's copy ended like that."""
    campaign, reader = world.send(f"issue-{world.clock():%m%d%H%M}", DeliveryStatus.FAILED), world.readers[0]
    named = (campaign, reader.id, 0, CampaignKind.ISSUE, 1, tries, reader.uid, reader.email, "", {}, "", None, None)
    with world.site.database.write() as connection:
        from_smtp(connection, Claimed(*named), outcome, world.clock())


@pytest.mark.parametrize(
    ("outcome", "kind", "suppressed"),
    [
        (factories.REFUSED, "hard", "hard_bounce"),
        (Outcome(Verdict.REJECTED, Phase.DOT, 550, "5.1.1", "odd place to say so"), "soft", None),
        (Outcome(Verdict.REJECTED, Phase.DOT, 550, "5.1.1", "<r0@example.net>: user unknown"), "hard", "hard_bounce"),
        (Outcome(Verdict.REJECTED, Phase.RCPT, 554, "5.7.1", "blocked for policy reasons"), "block", None),
        (Outcome(Verdict.REJECTED, Phase.RCPT, 552, "5.2.2", "mailbox full"), "soft", None),
    ],
)
def test_refusals_while_sending_go_through_the_same_table_and_policy(
    world: FeedbackWorld, outcome: Outcome, kind: str, suppressed: str | None
) -> None:
    told(world, outcome)
    (event,) = world.events()
    assert (event.kind, event.source, event.code) == (kind, "smtp", outcome.code)
    assert world.suppressed(world.readers[0]) == suppressed


def test_deferral_is_no_event_until_the_copy_is_given_up(world: FeedbackWorld) -> None:
    told(world, factories.GREYLISTED)
    assert world.events() == []
    world.wait(hours=1)
    told(world, factories.GREYLISTED, tries=20)
    assert [event.kind for event in world.events()] == ["soft"]


def test_silence_and_trouble_of_the_line_are_no_events(world: FeedbackWorld) -> None:
    for outcome in (factories.SILENCE, factories.LOST, Outcome(Verdict.REJECTED, Phase.CONNECT, text="not composed")):
        world.wait(hours=1)
        told(world, outcome, tries=20)
    assert world.events() == []


def test_five_issues_given_up_over_weeks_make_unreachable(world: FeedbackWorld) -> None:
    full = Outcome(Verdict.REJECTED, Phase.RCPT, 552, "5.2.2", "mailbox full")
    for _ in range(5):
        assert world.suppressed(world.readers[0]) is None
        world.wait(days=4)
        told(world, full)
    assert world.suppressed(world.readers[0]) == SuppressionReason.UNREACHABLE
