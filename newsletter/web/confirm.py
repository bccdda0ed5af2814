"""The second yes: a page with one button, because a link alone proves that a machine has read the mail.

"This was not me" has an address of its own, outside /confirm/, so that no scanner that follows links and
no reader who mistypes can mean the one and do the other.
"""

from __future__ import annotations

import re

from flask import Blueprint, Response, request
from sqlalchemy import Connection

from newsletter import addresses
from newsletter.store.schema import CampaignKind
from newsletter.subscribers import signup
from newsletter.subscribers.consent import Wording
from newsletter.subscribers.letterhead import INERT
from newsletter.subscribers.linked import mailed
from newsletter.subscribers.people import Subscriber
from newsletter.subscribers.signup import Answer, Disowned, Outcome
from newsletter.web import language
from newsletter.web.door import Door, door, evidence, is_cross_site

blueprint = Blueprint("confirm", __name__)

_MACHINE = re.compile(r"bot\b|crawl|spider|scan|preview|headless|curl|wget|python|java/|go-http", re.IGNORECASE)
"""Agents that say themselves that nobody looks."""


@blueprint.get("/confirm/<token>")
def ask(token: str) -> Response:
    """What the link is about, and the button; changes nothing."""
    return door().page("test_copy") if token == INERT else _question(token)


@blueprint.post("/confirm/<token>")
def act(token: str) -> Response:
    """Confirm; an empty body is enough, and a second time is as friendly as the first."""
    here = door()
    if token == INERT:
        return here.page("test_copy")
    uid, seq = here.site.keys.verify("confirm", token, 2)
    if is_cross_site():
        return _question(token, 403)
    with here.site.database.write() as connection:
        _expect_language(connection, uid, seq)
        shown = _wording(here, signup.preview_confirmation(connection, uid, seq, here.site.clock()))
        outcome = signup.confirm(connection, uid, seq, evidence("confirm-page"), here.site.clock(), shown)
    if outcome.answer is Answer.DONE:
        here.site.turnout.pressed(uid, seq, here.site.clock())
        here.on_enrolled()
        return here.page("confirmed", lists=here.lists(outcome.list_ids), again=False)
    return _settled(outcome)


@blueprint.get("/not-me/<token>")
def ask_disown(token: str) -> Response:
    """Asks whether the address shall be left alone; changes nothing."""
    return door().page("test_copy") if token == INERT else _disown_question(token)


@blueprint.post("/not-me/<token>")
def disown(token: str) -> Response:
    """End the request, and never mail this address again unless its owner reads us already; too late once confirmed."""
    here = door()
    if token == INERT:
        return here.page("test_copy")
    uid, seq = here.site.keys.verify("disown", token, 2)
    if is_cross_site():
        return _disown_question(token, 403)
    with here.site.database.write() as connection:
        _expect_language(connection, uid, seq)
        answer = signup.disown(connection, uid, seq, evidence("not-me-page"), here.site.clock())
    return _too_late(uid) if answer is Disowned.CONFIRMED else here.page("disowned", answer=answer.value)


def _question(token: str, status: int = 200) -> Response:
    here = door()
    uid, seq = here.site.keys.verify("confirm", token, 2)
    with here.site.database.read() as connection:
        person = _expect_language(connection, uid, seq)
        outcome = signup.preview_confirmation(connection, uid, seq, here.site.clock())
    if outcome.answer is not Answer.DONE:
        return _settled(outcome)
    if _is_person_looking():
        here.site.turnout.viewed(uid, seq, here.site.clock())
    lists, not_me = here.lists(outcome.list_ids), here.site.keys.sign("disown", uid, seq)
    return here.page("confirm", status, lists=lists, masked=addresses.mask(person.email), token=token, not_me=not_me)


def _expect_language(connection: Connection, uid: int, seq: int) -> Subscriber:
    """Whom the link names; from here on the answer speaks their language, and so does the evidence."""
    person, _ = mailed(connection, CampaignKind.CONFIRM, uid, seq)
    language.expect(person.language)
    return person


def _wording(here: Door, outcome: Outcome) -> Wording:
    """What the page with the button says, in the language of the page, but for the masked address."""
    config, say = here.site.config, here.words.gettext
    titles = (line for each in here.lists(outcome.list_ids) for line in (each.title, each.description) if line)
    shown = (config.name, say("One last step"), say("Please confirm"), *titles, say("Confirm my subscription"))
    return Wording(config.consent.version, here.language, "\n".join(shown))


def _is_person_looking() -> bool:
    """Whether a browser has opened the page to show it, as far as a request can tell (Fetch Metadata, §2).

    It decides about a number only, so an old browser that is left out does no harm.
    """
    headers = request.headers
    return (
        request.method == "GET"
        and headers.get("Sec-Fetch-Mode") == "navigate"
        and headers.get("Sec-Fetch-Dest") == "document"
        and not any(headers.get(name) for name in ("Purpose", "Sec-Purpose", "X-Purpose", "X-Moz"))
        and not _MACHINE.search(request.user_agent.string)
    )


def _disown_question(token: str, status: int = 200) -> Response:
    here = door()
    uid, seq = here.site.keys.verify("disown", token, 2)
    with here.site.database.read() as connection:
        person = _expect_language(connection, uid, seq)
        answer = signup.preview_disowning(connection, uid, seq)
    if answer is Disowned.CONFIRMED:
        return _too_late(uid)
    return here.page("not_me", status, masked=addresses.mask(person.email), token=token, answer=answer.value)


def _too_late(uid: int) -> Response:
    """The request was confirmed: the way out is the one of every reader."""
    here = door()
    return here.page("disowned", answer=Disowned.CONFIRMED.value, preferences=here.site.keys.sign("preferences", uid))


def _settled(outcome: Outcome) -> Response:
    """Already confirmed, or too late: friendly either way, and too late leads back to the form.

    A request that was disowned leads to the owner of the Site instead, because the form may mail that address no more.
    """
    here = door()
    lists = here.lists(outcome.list_ids)
    if outcome.answer is Answer.ALREADY:
        return here.page("confirmed", lists=lists, again=True)
    return here.page("expired", 410, lists=lists, is_withdrawn=outcome.answer is Answer.WITHDRAWN)
