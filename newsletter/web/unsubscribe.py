"""Leaving: one click on a page, or one post by the mail program (RFC 8058), at once and without a condition.

No cookie, no login, no redirect, no limit on how often: mail providers post from few addresses and follow
nothing. The token names reader and list and never expires. It is the only credential, so there is no
cross-site check either; whoever holds it may leave.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from newsletter import addresses
from newsletter.subscribers import people, signup
from newsletter.subscribers.letterhead import INERT
from newsletter.web import language
from newsletter.web.door import Door, door, evidence

blueprint = Blueprint("unsubscribe", __name__)

MAX_BODY = 4 * 1024
"""Octets; a one-click post has 26, and a multipart one hardly more."""
ONE_CLICK = ("List-Unsubscribe", "One-Click")
"""The field a mail program posts (RFC 8058 §3.1); the page's own button sends another."""


@blueprint.get("/u/<token>")
def ask(token: str) -> Response:
    """Whose subscription to which list, and the button; changes nothing."""
    here = door()
    if token == INERT:
        return here.page("test_copy")
    uid, list_id = here.site.keys.verify("unsubscribe", token, 2)
    with here.site.database.read() as connection:
        person = people.by_uid(connection, uid)
    if person is None:
        return _left(here, list_id)
    language.expect(person.language)
    return here.page(
        "unsubscribe",
        list_title=_title(here, list_id),
        masked=addresses.mask(person.email),
        token=token,
        preferences=here.site.keys.sign("preferences", uid),
    )


@blueprint.post("/u/<token>")
def act(token: str) -> Response:
    """Leave now. Any body does, even an empty or a broken one: what counts is the token."""
    here = door()
    one_click = request.form.get(ONE_CLICK[0]) == ONE_CLICK[1]
    if token == INERT:
        return here.page("test_copy")
    uid, list_id = here.site.keys.verify("unsubscribe", token, 2)
    farewell = any(each.goodbye for each in here.lists([list_id]))
    source = evidence("one-click" if one_click else "unsubscribe-page")
    with here.site.database.write() as connection:
        person = people.by_uid(connection, uid)
        language.expect("" if person is None else person.language)
        left = person is not None and signup.unsubscribe(
            connection, person, list_id, source, here.site.clock(), farewell=farewell
        )
    if left and farewell:
        here.on_enrolled()
    return _left(here, list_id, None if person is None else uid)


def _left(here: Door, list_id: int, uid: int | None = None) -> Response:
    known = here.lists([list_id])
    again = here.at(f"/lists/{known[0].slug}" if known else "/")
    preferences = "" if uid is None else here.site.keys.sign("preferences", uid)
    return here.page("unsubscribed", list_title=_title(here, list_id), again=again, preferences=preferences)


def _title(here: Door, list_id: int) -> str:
    """The list's title; the Site's name for a list that was taken out of the configuration long ago."""
    return next((each.title for each in here.lists([list_id])), here.site.config.name)
