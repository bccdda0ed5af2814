"""Every copy is a function of campaign, subscriber and seq: the same bytes on every try, and nothing of a stranger."""

from __future__ import annotations

import email
import email.policy
from datetime import timedelta
from email.message import EmailMessage

import factories
import pytest
from sqlalchemy import select, update

from newsletter.campaigns.compose import IssueComposer, sample_copy
from newsletter.campaigns.launch import Order, launch
from newsletter.config import Config
from newsletter.deliveries import claims, standing
from newsletter.deliveries.claims import Delivery, Scope
from newsletter.errors import RenderError
from newsletter.site import Site
from newsletter.store.schema import CampaignKind, campaigns, deliveries
from newsletter.subscribers import people
from newsletter.subscribers.compose import MailComposer
from newsletter.subscribers.letterhead import INERT, Letterhead
from newsletter.tokens import Verp

NOW = factories.START


def parsed(message: bytes) -> EmailMessage:
    found = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def body(message: bytes, kind: str) -> str:
    part = parsed(message).get_body((kind,))
    assert part is not None
    return str(part.get_content())


class Studio:
    """A launched issue, its one reader, and both composers of a Site on the web."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.config = site.config.model_copy(update={"base_url": "https://news.example.org"})
        with site.database.write() as connection:
            self.person = factories.subscribed(connection, site.keys, "ada@example.net")
            people.amend(connection, self.person.id, name="Ada <b>Reader</b>")
            order = Order("spring", (factories.issue(), factories.edition()), 1, "steady-spine", is_trial=False)
            self.campaign_id = launch(connection, order, errors=(), expect=None, now=NOW).campaign_id

    def letterhead(self, config: Config | None = None) -> Letterhead:
        return Letterhead(config or self.config, self.site.keys)

    def issues(self, config: Config | None = None) -> IssueComposer:
        config = config or self.config
        return IssueComposer(config, self.letterhead(config), self.site.lists_by_id, self.site.database)

    def mails(self) -> MailComposer:
        return MailComposer(self.config, self.site.environment_in, self.letterhead(), self.site.lists_by_id)

    def claim(self) -> Delivery:
        with self.site.database.write() as connection:
            connection.execute(update(deliveries).values(status="pending"))
            return claims.claim(connection, 1, Scope(trial=False), now=NOW + timedelta(days=1), limit=1)[0]

    def enrolled(self, kind: CampaignKind) -> Delivery:
        with self.site.database.write() as connection:
            campaign_id = standing.get_or_create(connection, kind, None if kind is CampaignKind.CONFIRM else 1, NOW)
            scope = {"lists": [1, 2], "name": "Mallory buy pills"} if kind is CampaignKind.CONFIRM else None
            standing.enrol(connection, campaign_id, self.person.id, now=NOW, scope=scope)
        found = self.claim()
        assert found.kind is kind
        return found


@pytest.fixture
def studio(site: Site) -> Studio:
    return Studio(site)


def test_bytes_are_equal_on_every_try_even_for_another_process_a_day_later(studio: Studio) -> None:
    delivery = studio.claim()
    first = studio.issues().compose(delivery)
    studio.site.clock.advance(timedelta(days=1))  # type: ignore[attr-defined]
    again = studio.issues().compose(delivery._replace(tries=3))
    assert again.message == first.message
    assert (again.sender, again.recipient) == (first.sender, first.recipient)


def test_a_bounce_calls_the_delivery_what_the_message_is_called(studio: Studio) -> None:
    envelope = studio.issues().compose(studio.claim())
    assert parsed(envelope.message)["Message-ID"] == f"<{envelope.envid}@news.example.org>"


def test_message_id_stays_when_keys_rotate(studio: Studio) -> None:
    delivery = studio.claim()
    rotated = Letterhead(studio.config, studio.site.keys.rotated(NOW))
    assert rotated.message_id(delivery) == studio.letterhead().message_id(delivery)
    assert rotated.message_id(delivery._replace(seq=1)) != rotated.message_id(delivery)


def test_copy_has_one_of_each_header_and_one_recipient(studio: Studio) -> None:
    message = parsed(studio.issues().compose(studio.claim()).message)
    names = [name.lower() for name in message.keys()]  # noqa: SIM118
    assert len(names) == len(set(names))
    assert [address.addr_spec for address in message["To"].addresses] == ["ada@example.net"]
    assert message["To"].addresses[0].display_name == "Ada <b>Reader</b>"
    assert len(message["From"].addresses) == 1
    assert message["Date"].datetime == NOW
    assert message["List-Id"] == "The Steady Spine <steady-spine.news.example.org>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "Auto-Submitted" not in message
    assert message["Message-ID"].endswith("@news.example.org>")
    assert message["Subject"] == "Spring for Ada"


def test_one_click_header_and_link_name_the_same_reader_and_list(studio: Studio) -> None:
    message = studio.issues().compose(studio.claim()).message
    url = str(parsed(message)["List-Unsubscribe"])[1:-1]
    assert url.startswith("https://news.example.org/u/")
    assert studio.site.keys.verify("unsubscribe", url.rpartition("/")[2], 2) == (studio.person.uid, 1)
    assert url in body(message, "plain").splitlines()
    assert url in body(message, "html")


def test_name_of_a_reader_is_escaped_in_html_and_plain_in_text(studio: Studio) -> None:
    delivery = studio.claim()._replace(name="<img/onerror=x> R")
    message = studio.issues().compose(delivery).message
    assert "&lt;img/onerror=x&gt;" in body(message, "html")
    assert "<img/onerror=x>" in body(message, "plain")


def test_without_a_return_path_the_envelope_comes_from_the_sender(studio: Studio) -> None:
    envelope = studio.issues().compose(studio.claim())
    assert envelope.sender == "editor@news.example.org"
    assert envelope.recipient == "ada@example.net"


@pytest.mark.parametrize("return_path", ["bounces.example.org", "anything@Bounces.Example.org"])
def test_return_path_names_and_proves_the_message_whatever_the_case(studio: Studio, return_path: str) -> None:
    feedback = studio.config.feedback.model_copy(update={"return_path": return_path})
    delivery = studio.claim()
    sender = studio.issues(studio.config.model_copy(update={"feedback": feedback})).compose(delivery).sender
    local, _, domain = sender.rpartition("@")
    assert domain == "bounces.example.org"
    assert len(local) <= 64
    assert studio.site.keys.read_verp(local.upper()) == Verp(studio.campaign_id, studio.person.uid, 0)


def test_international_recipient_goes_out_with_an_ascii_domain(studio: Studio) -> None:
    envelope = studio.issues().compose(studio.claim()._replace(email="user@müller.example"))
    assert envelope.recipient == "user@xn--mller-kva.example"
    assert envelope.message.isascii()


def test_campaign_whose_list_is_no_longer_configured_cannot_be_composed(studio: Studio) -> None:
    composer = IssueComposer(studio.config, studio.letterhead(), {}, studio.site.database)
    with pytest.raises(RenderError, match=r"no longer in newsletter\.toml"):
        composer.compose(studio.claim())


def test_date_of_a_scheduled_campaign_is_its_own(studio: Studio) -> None:
    at = NOW + timedelta(hours=12)
    with studio.site.database.write() as connection:
        connection.execute(update(campaigns).values(scheduled_at=at))
    assert parsed(studio.issues().compose(studio.claim()).message)["Date"].datetime == at


def test_sample_copy_differs_from_a_real_one_in_its_inert_links_and_mark_only(studio: Studio) -> None:
    reader = {"email": "ada@example.net", "name": "Ada <b>Reader</b>", "fields": {}}
    lists = studio.config.default_list
    copy = sample_copy(studio.letterhead(), lists, "spring", factories.rendered(), reader, NOW, mark="[Test]")
    real = studio.issues().compose(studio.claim()).message
    assert parsed(copy)["Subject"] == "[Test] Spring for Ada"
    link = f"https://news.example.org/u/{INERT}"
    assert str(parsed(copy)["List-Unsubscribe"]) == f"<{link}>"
    real_link = str(parsed(real)["List-Unsubscribe"])[1:-1]
    for kind in ("plain", "html"):
        assert body(copy, kind) == body(real, kind).replace(real_link, link)
    assert parsed(copy).keys() == parsed(real).keys()


# -- the mails around a subscription -----------------------------------------------------------------


@pytest.mark.parametrize("kind", [CampaignKind.CONFIRM, CampaignKind.WELCOME, CampaignKind.GOODBYE])
def test_system_mail_says_so_and_is_the_same_on_every_try(studio: Studio, kind: CampaignKind) -> None:
    delivery = studio.enrolled(kind)
    message = studio.mails().compose(delivery).message
    assert studio.mails().compose(delivery).message == message
    assert parsed(message)["Auto-Submitted"] == "auto-generated"
    assert parsed(message)["Date"].datetime == NOW
    assert len(parsed(message).get_all("To", [])) == 1


def test_confirmation_carries_nothing_a_stranger_typed_and_no_advertising(studio: Studio) -> None:
    message = studio.mails().compose(studio.enrolled(CampaignKind.CONFIRM)).message
    everything = (
        str(parsed(message)["To"]) + str(parsed(message)["Subject"]) + body(message, "plain") + body(message, "html")
    )
    assert "Mallory" not in everything
    assert "Ada" not in everything
    assert "List-Unsubscribe" not in parsed(message)
    assert "List-Id" not in parsed(message)
    assert "The Steady Spine" in body(message, "plain")
    assert "Clinic Notes" in body(message, "plain")


def test_confirmation_links_name_the_request_and_stand_alone_on_their_line(studio: Studio) -> None:
    message = studio.mails().compose(studio.enrolled(CampaignKind.CONFIRM)).message
    lines = body(message, "plain").splitlines()
    for path, purpose in (("confirm", "confirm"), ("not-me", "disown")):
        (line,) = [line for line in lines if f"/{path}/" in line]
        assert line.strip() == line
        assert studio.site.keys.verify(purpose, line.rpartition("/")[2], 2) == (studio.person.uid, 0)


def test_welcome_can_be_left_with_one_click_and_goodbye_has_nothing_to_leave(studio: Studio) -> None:
    welcome = parsed(studio.mails().compose(studio.enrolled(CampaignKind.WELCOME)).message)
    assert welcome["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert welcome["To"].addresses[0].display_name == "Ada <b>Reader</b>"
    with studio.site.database.write() as connection:
        connection.execute(update(campaigns).where(campaigns.c.kind == "welcome").values(status="paused"))
    goodbye = parsed(studio.mails().compose(studio.enrolled(CampaignKind.GOODBYE)).message)
    assert "List-Unsubscribe" not in goodbye


def test_mail_about_a_list_that_is_gone_cannot_be_composed(studio: Studio) -> None:
    delivery = studio.enrolled(CampaignKind.WELCOME)
    with pytest.raises(RenderError, match=r"no longer in newsletter\.toml"):
        MailComposer(studio.config, studio.site.environment_in, studio.letterhead(), {}).compose(delivery)


def test_sample_of_a_mail_has_links_that_do_nothing(studio: Studio) -> None:
    sample = studio.mails().sample(CampaignKind.CONFIRM, 1, NOW)
    assert f"https://news.example.org/confirm/{INERT}" in body(sample, "plain").splitlines()
    with studio.site.database.read() as connection:
        assert len(connection.execute(select(deliveries)).all()) == 1
