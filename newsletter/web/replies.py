"""Replying to a past issue: a form under its page, and nothing of it public before an editor has read it.

The gate is the one of sign-ups. A form that comes back too fast, too late or with the honeypot filled is not dropped,
but shown once more with everything in it, and so is one that has to bring work. No answer tells about the address.
"""

from __future__ import annotations

from flask import Blueprint, Response, abort
from werkzeug.datastructures import MultiDict

from newsletter import addresses
from newsletter.addresses import Address
from newsletter.campaigns import publication
from newsletter.errors import AddressError
from newsletter.rendering.translation import noted
from newsletter.subscribers import replies
from newsletter.subscribers.gate import Errand, Verdict
from newsletter.subscribers.people import clean_name
from newsletter.subscribers.replies import MAX_WORDS, Draft
from newsletter.web import gatehouse, posted
from newsletter.web.archive import refuse_private
from newsletter.web.door import Door, door, is_cross_site
from newsletter.web.gatehouse import More, Seen
from newsletter.web.reply_box import ReplyBox, form_name

blueprint = Blueprint("replies", __name__)

MAX_BODY = 4 * MAX_WORDS
"""Octets of a posted form: 8 KB of words take three times as many when each octet is written as %XX."""

_PATIENCE = "600"
"""Seconds after which somebody who wrote much may write again."""


@blueprint.get("/archive/<slug>/reply")
def thanks(slug: str) -> Response:
    """What everybody sees who has replied."""
    return _open(slug).page("reply_received", slug=slug)


@blueprint.post("/archive/<slug>/reply")
def post(slug: str) -> Response:
    """Keep a reply: 303 to the thanks, 400 with the form again, 200 to press once more, or 429."""
    here, form = _open(slug), posted.form()
    draft, errors = _read(slug, form)
    if draft is None:
        return _again(here, slug, form, errors, 400)
    seen = Seen() if is_cross_site() else gatehouse.look(here, form, form_name(slug))
    visit = gatehouse.visit(here, seen, draft.address, form, Errand.REPLY)
    with here.site.database.write() as connection:
        decision = replies.post(connection, here.gate, visit, draft, here.site.clock())
    if decision.verdict is Verdict.PASS:
        return Response(status=303, headers={"Location": f"/archive/{slug}/reply"})
    if decision.verdict is Verdict.ENOUGH:
        sentence = noted("Many replies are waiting to be read just now. Please keep your words and try again later.")
        response = _again(here, slug, form, {"words": sentence}, 429)
        response.headers["Retry-After"] = _PATIENCE
        return response
    return _again(here, slug, form, {}, 200, gatehouse.more(here, decision, seen, form_name(slug)))


def _open(slug: str) -> Door:
    """The door, where there is an issue to reply to."""
    refuse_private()
    here = door()
    if not here.site.config.archive.replies:
        abort(404)
    with here.site.database.read() as connection:
        if not publication.is_public(connection, slug):
            abort(404)
    return here


def _read(slug: str, form: MultiDict[str, str]) -> tuple[Draft | None, dict[str, str]]:
    """The reply, or a sentence for everything that is wrong with it."""
    errors: dict[str, str] = {}
    name, words = clean_name(form.get("name", "")), replies.clean_words(form.get("words", ""))
    address: Address | None = None
    if not name:
        errors["name"] = noted("Please say who you are; a first name will do.")
    try:
        address = addresses.parse(form.get("email", ""))
    except AddressError as error:
        errors["email"] = error.message  # its hint is the validator's own English
    if not words:
        errors["words"] = noted("Please write a few words.")
    elif len(words.encode("utf-8")) > MAX_WORDS:
        errors["words"] = noted("That is longer than a reply can be. Please say it in fewer words.")
    if errors or address is None:
        return None, errors
    return Draft(slug, name, address, words), errors


def _again(  # noqa: PLR0917
    here: Door, slug: str, form: MultiDict[str, str], errors: dict[str, str], status: int, asked: More | None = None
) -> Response:
    """The form with what was typed, and what it is asked for besides; `errors` say what cannot be used."""
    values = {
        "name": clean_name(form.get("name", "")),
        "email": form.get("email", "")[:320],
        "words": replies.clean_words(form.get("words", "")),
    }
    asked = asked or More(gatehouse.once_more(here, form_name(slug)))
    box = ReplyBox(slug, asked.token, values, errors, asked.challenge, asked.pause)
    return gatehouse.working(here.page("reply", status, reply=box), asked)
