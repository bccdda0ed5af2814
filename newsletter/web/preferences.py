"""A reader's own choices: everything that takes away works from any link of ours, everything else from a fresh one.

What each kind of link is worth is decided in `subscribers/preferences`. Where a link is not worth enough, the page
says so and offers to mail one that is. As everywhere, looking changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict

from newsletter import addresses
from newsletter.addresses import Address
from newsletter.config import ListConfig
from newsletter.errors import AddressError, TokenError
from newsletter.rendering.translation import noted
from newsletter.subscribers import export, fields, moving, people, preferences
from newsletter.subscribers.consent import Evidence, Wording
from newsletter.subscribers.letterhead import INERT
from newsletter.subscribers.moving import Moved
from newsletter.subscribers.people import Subscriber
from newsletter.subscribers.preferences import Switched, Visit
from newsletter.web import language, posted
from newsletter.web.door import Door, door, evidence, is_cross_site

blueprint = Blueprint("preferences", __name__)

PAUSES = (14, 30, 90, 180)
"""Days for which a reader may pause."""

_MAX_ECHO = 1000
"""Characters of each value that an error page gives back."""

_UNSURE = noted("Please tick the box if you mean it.")


@blueprint.get("/preferences/<token>")
def show(token: str) -> Response:
    """The page; changes nothing."""
    return door().page("test_copy") if token == INERT else _page(token, _visit(token))


@blueprint.post("/preferences/<token>")
def save(token: str) -> Response:
    """Lists, pause and language by any link; name and fields by a fresh one. What is not in the form stays."""
    here = door()
    if token == INERT:
        return here.page("test_copy")
    visit = _visit(token)
    form = posted.form()
    if is_cross_site():
        return _page(token, visit, 403)
    own, errors = _own(here, visit)
    if errors:
        return _page(token, visit, 400, errors=errors, typed=form)
    slugs = set(form.getlist("list"))
    has_lists = bool(slugs) or "save" in form  # no list ticked looks like no list at all
    with here.site.database.write() as connection:
        shown = _lists(here, preferences.standings(connection, visit.person)) if has_lists else {}
        wanted = {list_id: each.slug in slugs for list_id, each in shown.items()}
        act = preferences.Act(_evidence(visit), _wording(here), here.site.clock())
        switched = preferences.switch(connection, visit, wanted, act)
        people.amend(connection, visit.person.id, **_language(here, form), **own)
        _pause(connection, here, visit.person)
    if switched.joined or switched.asked:
        here.on_enrolled()
    return _page(token, _visit(token), said="saved", switched=switched)


@blueprint.post("/preferences/<token>/link")
def mail_link(token: str) -> Response:
    """Mail a fresh link to the reader; the answer is the same when the day's are used up."""
    here, visit = door(), _visit(token)
    if is_cross_site():
        return _page(token, visit, 403)
    with here.site.database.write() as connection:
        enrolled = preferences.mail_link(connection, visit.person, here.site.clock())
    if enrolled:
        here.on_enrolled()
    return _page(token, visit, said="mailed")


@blueprint.post("/preferences/<token>/address")
def change_address(token: str) -> Response:
    """Ask the new address whether it is theirs."""
    here, visit = door(), _visit(token)
    if is_cross_site() or not visit.is_fresh:
        return _page(token, visit, 403, said="" if visit.is_fresh else "not_enough")
    try:
        address = _address(posted.form().get("email", ""), visit)
    except AddressError as error:
        return _page(token, visit, 400, errors={"email": here.words.gettext(error.message)})
    with here.site.database.write() as connection:
        enrolled = moving.ask(connection, visit.person, address, here.site.keys, here.site.clock())
    if enrolled:
        here.on_enrolled()
    return _page(token, visit, said="asked_address", new_address=address.email)


@blueprint.get("/preferences/<token>/export.json")
def download(token: str) -> Response:
    """Everything on file, as a file; by a fresh link only."""
    here, visit = door(), _visit(token)
    if not visit.is_fresh:
        return _page(token, visit, 403, said="not_enough")
    with here.site.database.read() as connection:
        document = export.document(connection, visit.person)
    body = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    name = {"Content-Disposition": 'attachment; filename="what-we-hold.json"'}
    return Response(body, headers=name, content_type="application/json; charset=utf-8")


@blueprint.post("/preferences/<token>/forget")
def forget_me(token: str) -> Response:
    """Erase the reader, by a fresh link and with the box ticked."""
    here, visit = door(), _visit(token)
    if is_cross_site() or not visit.is_fresh:
        return _page(token, visit, 403, said="" if visit.is_fresh else "not_enough")
    if request.form.get("sure") != "yes":
        return _page(token, visit, 400, errors={"sure": here.words.gettext(_UNSURE)})
    here.site.forget(visit.person)
    return here.page("preferences_forgotten")


@blueprint.get("/new-address/<token>")
def ask_address(token: str) -> Response:
    """Whether this is the new address; changes nothing."""
    return door().page("test_copy") if token == INERT else _address_question(token)


@blueprint.post("/new-address/<token>")
def move(token: str) -> Response:
    """It is: from now on everything goes there. A second time is as friendly as the first."""
    here = door()
    if token == INERT:
        return here.page("test_copy")
    uid, seq = here.site.keys.verify("address", token, 2)
    if is_cross_site():
        return _address_question(token, 403)
    with here.site.database.write() as connection:
        _expect_language(connection, uid)
        act = preferences.Act(evidence("new-address-page"), _address_wording(here), here.site.clock())
        answer, address = moving.move(connection, uid, seq, act, here.site.keys)
    if answer is Moved.DONE:
        here.on_enrolled()
    return _address_answer(answer, address)


def _address_question(token: str, status: int = 200) -> Response:
    here = door()
    uid, seq = here.site.keys.verify("address", token, 2)
    with here.site.database.read() as connection:
        _expect_language(connection, uid)
        answer, address = moving.preview(connection, uid, seq, here.site.clock())
    if answer in {Moved.ALREADY, Moved.EXPIRED}:
        return _address_answer(answer, address)
    return here.page("preferences_address", status, token=token, masked=addresses.mask(address.email))


def _expect_language(connection: Connection, uid: int) -> None:
    person = people.by_uid(connection, uid)
    language.expect("" if person is None else person.language)


def _address_answer(answer: Moved, address: Address) -> Response:
    status = {Moved.EXPIRED: 410, Moved.TAKEN: 409}.get(answer, 200)
    return door().page("preferences_moved", status, answer=answer.value, masked=addresses.mask(address.email))


def _visit(token: str) -> Visit:
    here = door()
    if token == INERT:
        raise TokenError()
    with here.site.database.read() as connection:
        visit = preferences.visit(connection, here.site.keys, token, here.site.clock())
    language.expect(visit.person.language)
    return visit


def _page(
    token: str,
    visit: Visit,
    status: int = 200,
    *,
    said: str = "",
    switched: Switched | None = None,
    errors: Mapping[str, str] | None = None,
    new_address: str = "",
    typed: MultiDict[str, str] | None = None,
) -> Response:
    here, person = door(), visit.person
    speak, config = here.words, here.site.config
    with here.site.database.read() as connection:
        standings = preferences.standings(connection, person)
    shown = _lists(here, standings)
    rows = [(speak.listing(each), str(standings.get(list_id, ""))) for list_id, each in shown.items()]
    until = person.paused_until if person.paused_until and person.paused_until > here.site.clock() else None
    values: dict[str, Any] = {"name": person.name, **person.fields} if visit.is_fresh else {}
    ticked = {each.slug for each, status in rows if status == "confirmed"}
    if typed is not None:
        values |= {name: typed.get(name, "")[:_MAX_ECHO] for name in ("name", *(each.name for each in config.fields))}
        ticked = set(typed.getlist("list"))
    return here.page(
        "preferences",
        status,
        token=token,
        masked=addresses.mask(person.email),
        visit=visit,
        rows=rows,
        ticked=ticked,
        pause=typed.get("pause", "") if typed is not None else "",
        values=values,
        labels={each.name: speak.label(each) for each in config.fields},
        paused_until=until.date() if until else None,
        pauses=PAUSES,
        languages={each: language.name_of(each) for each in config.offered_languages},
        chosen=(typed is not None and _language(here, typed).get("language")) or person.language or config.language,
        said=said,
        asked=here.lists(switched.asked) if switched else [],
        errors=errors or {},
        new_address=new_address,
    )


def _lists(here: Door, standings: Mapping[int, object]) -> dict[int, ListConfig]:
    """What may be switched here: public lists, and of the others those the reader had to do with before."""
    return {key: each for key, each in here.site.lists_by_id.items() if each.public or key in standings}


def _own(here: Door, visit: Visit) -> tuple[dict[str, Any], dict[str, str]]:
    """Name and declared fields as typed, by a fresh link; and a sentence for each that cannot be used."""
    if not visit.is_fresh:
        return {}, {}
    values, errors = dict(visit.person.fields), {}
    for declared in here.site.config.fields:
        if declared.name not in request.form and not (declared.type == "boolean" and "save" in request.form):
            continue
        try:
            value = fields.check(declared, request.form.get(declared.name, ""))
        except fields.FieldError as error:
            errors[declared.name] = here.words.gettext(error.sentence) % {"label": here.words.label(declared)}
        else:
            values[declared.name] = value
    kept: dict[str, Any] = {"fields": {key: value for key, value in values.items() if value != ""}}
    if "name" in request.form:
        kept["name"] = people.clean_name(request.form["name"])
    return kept, errors


def _language(here: Door, form: Mapping[str, str]) -> dict[str, Any]:
    """The language when it is one of ours; else it stays."""
    chosen = form.get("language")
    return {"language": chosen} if chosen in here.site.config.offered_languages else {}


def _pause(connection: Connection, here: Door, person: Subscriber) -> None:
    """Begin or end a pause; what is not in the form, or no choice of ours, changes nothing."""
    days = request.form.get("pause", "")
    if days == "0":
        preferences.pause(connection, person, None)
    elif days in map(str, PAUSES):
        preferences.pause(connection, person, here.site.clock() + timedelta(days=int(days)))


def _address_wording(here: Door) -> Wording:
    """What the page says that asks whether an address is theirs."""
    config, say = here.site.config, here.words.gettext
    shown = (config.name, say("Is this your new address?"), say("This is my address"))
    return Wording(config.consent.version, here.language, "\n".join(shown))


def _wording(here: Door) -> Wording:
    """What stands beside the boxes that are ticked, in the language of the page."""
    config, speak = here.site.config, here.words
    titles = (speak.listing(each).title for each in config.lists)
    shown = (config.name, speak.gettext("What you receive"), *titles, speak.gettext("Save"))
    return Wording(config.consent.version, here.language, "\n".join(shown))


def _address(text: str, visit: Visit) -> Address:
    address = door().site.letterhead.of_a_person(addresses.parse(text))
    if address.key == addresses.parse(visit.person.email).key:
        raise AddressError("That is the address we have already.")
    return address


def _evidence(visit: Visit) -> Evidence:
    """Which link it was is part of the evidence: a fresh one proves who holds the mailbox."""
    return evidence("preferences-fresh-link" if visit.is_fresh else "preferences-page")
