"""What is public of past issues: which, since when, and in whose words."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import factories
import pytest

from newsletter.campaigns import launch, publication
from newsletter.deliveries.lifecycle import move_campaign, start_scheduled
from newsletter.rendering.slots import Rendered, Slot
from newsletter.rendering.variants import Edition
from newsletter.store.schema import CampaignStatus

if TYPE_CHECKING:
    from .conftest import Editor

NOW = factories.START


def test_archive_prefers_a_real_send_to_a_later_trial(editor: Editor) -> None:
    factories.readers(editor.connection, editor.keys, 1)
    assert publication.issue(editor.connection, "spring") is None
    trial = editor.launch(word="first trial", is_trial=True)
    shown = publication.issue(editor.connection, "spring")
    assert shown is not None
    assert "first trial" in shown.page
    editor.launch(word="real")
    move_campaign(editor.connection, trial.campaign_id, CampaignStatus.CANCELLED, now=NOW)
    editor.launch(word="second trial", is_trial=True)
    shown = publication.issue(editor.connection, "spring")
    assert shown is not None
    assert "real" in shown.page


def test_archive_lists_every_issue_once_newest_first_as_anybody_may_read_it(editor: Editor) -> None:
    for slug in ("steady-spine", "clinic-notes"):
        factories.subscribed(editor.connection, editor.keys, f"{slug}@example.net", slug=slug)
    for slug, on in (("winter", date(2026, 1, 1)), ("spring", date(2026, 4, 1))):
        for to in ("steady-spine", "clinic-notes"):
            editor.launch(slug, to=to, content=(factories.issue(slug, on=on), factories.edition()))
    found = publication.heads(editor.connection)
    assert [(each.slug, each.issue_date.month) for each in found] == [("spring", 4), ("winter", 1)]
    assert publication.read(editor.connection, found[0]).subject == "Spring for friend"


@pytest.mark.parametrize("then", ["", "paused"])
def test_issue_is_not_public_before_its_time(editor: Editor, then: str) -> None:
    factories.readers(editor.connection, editor.keys, 1)
    at = NOW + timedelta(days=1)
    launched = editor.launch(at=at)
    if then:
        move_campaign(editor.connection, launched.campaign_id, CampaignStatus.PAUSED, now=NOW)
    assert publication.issue(editor.connection, "spring") is None
    assert publication.heads(editor.connection) == []
    if then:
        resumed = launch.resumed_status(editor.connection, launched.campaign_id, NOW)
        move_campaign(editor.connection, launched.campaign_id, resumed, now=NOW)
    assert start_scheduled(editor.connection, at) == 1
    assert publication.issue(editor.connection, "spring") is not None


def test_campaign_paused_while_sending_stays_public(editor: Editor) -> None:
    factories.readers(editor.connection, editor.keys, 1)
    launched = editor.launch()
    move_campaign(editor.connection, launched.campaign_id, CampaignStatus.PAUSED, now=NOW)
    assert publication.issue(editor.connection, "spring") is not None


def test_cancelled_issue_is_not_shown(editor: Editor) -> None:
    factories.readers(editor.connection, editor.keys, 1)
    launch.cancel(editor.connection, editor.launch().campaign_id, NOW)
    assert publication.issue(editor.connection, "spring") is None


def test_issue_is_dated_by_its_first_real_campaign_and_updated_by_its_newest(editor: Editor) -> None:
    for slug in ("steady-spine", "clinic-notes"):
        factories.subscribed(editor.connection, editor.keys, f"{slug}@example.net", slug=slug)
    editor.launch(is_trial=True)
    moments = []
    for to, word in (("steady-spine", "hello"), ("clinic-notes", "mended")):
        editor.clock.advance(timedelta(days=2))
        editor.launch(to=to, word=word)
        moments.append(editor.clock())
    (head,) = publication.heads(editor.connection)
    assert [head.published_at, head.updated_at] == moments


def test_scheduled_issue_is_dated_by_its_time(editor: Editor) -> None:
    factories.readers(editor.connection, editor.keys, 1)
    at = NOW + timedelta(days=1)
    editor.launch(at=at)
    start_scheduled(editor.connection, at)
    (head,) = publication.heads(editor.connection)
    assert head.published_at == head.updated_at == at


def shown(editor: Editor, page: str, *slots: Slot) -> publication.PublicIssue:
    factories.readers(editor.connection, editor.keys, 1)
    rendered = Rendered("Spring", "", "<p></p>", "", slots, page)
    editor.launch(content=(factories.issue(), Edition.of(rendered)))
    found = publication.issue(editor.connection, "spring")
    assert found is not None
    return found


def test_links_of_a_reader_lead_home_and_the_web_version_to_itself(editor: Editor) -> None:
    leave, view = Slot("NLSLOTabcd0000X", "unsubscribe_url", None), Slot("NLSLOTabcd0001X", "view_url", None)
    page = shown(editor, f'<a href="{leave.token}">leave</a> <a href="{view.token}">view</a>', leave, view).page
    assert page == '<a href="/">leave</a> <a href="/archive/spring/">view</a>'


def test_first_picture_that_is_more_than_a_face_stands_for_the_issue(editor: Editor) -> None:
    found = shown(
        editor,
        '<img src="/media/face.jpg" width="48" height="48" alt=""><img src="https://else/x.png" width="900" height="9">'
        '<img src="/media/odd.jpg" width="wide" height="1">'
        '<img src="/media/lead.jpg" width="600" height="300" alt="Hills">'
        '<img src="/media/next.jpg" width="600" height="300" alt="Sea">',
    )
    assert found.picture == publication.LeadPicture("/media/lead.jpg", 600, 300, "Hills")


def test_issue_without_a_picture_has_none(editor: Editor) -> None:
    assert shown(editor, "<p>Words.</p>").picture is None
