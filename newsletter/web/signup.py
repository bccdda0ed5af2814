"""Asking for the newsletter: the form, the one more click for whoever cannot be told from a robot, the answer.

The answer is the same whatever the address: known, new, confirmed or suppressed. A form that comes back
without our token, too fast, too late or with the honeypot filled is not dropped, since people press Enter
quickly, browsers fill fields and other sites carry copies of the form; it is shown again as one button. What is
asked of whom is for the gate to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from flask import Blueprint, Response, abort, request
from werkzeug.datastructures import MultiDict

from newsletter import addresses
from newsletter.addresses import Address
from newsletter.config import Config, ListConfig
from newsletter.errors import AddressError, NotFoundError
from newsletter.rendering.translation import SOURCE, Catalogue
from newsletter.site import Site
from newsletter.subscribers import fields
from newsletter.subscribers.entrance import enter
from newsletter.subscribers.people import clean_name
from newsletter.subscribers.signup import Request
from newsletter.web import embed as embeds
from newsletter.web import gatehouse, language, posted
from newsletter.web.door import Door, door, evidence, form_name
from newsletter.web.signup_box import wording

blueprint = Blueprint("signup", __name__)

_MAX_ECHO = 1000
"""Characters of each value that an error page gives back."""


@blueprint.get("/")
def home() -> Response:
    """The form of the default list."""
    return _form(door().site.config.default_list)


@blueprint.get("/lists/<slug>")
def of_list(slug: str) -> Response:
    """The form of one list."""
    return _form(_known(slug))


@blueprint.get("/embed/<slug>.html")
def embed(slug: str) -> Response:
    """The bare form, to be framed by other sites; its answer opens beside them."""
    here = door()
    box = here.box(_known(slug), request.path)
    return here.page("embed", box=replace(box, new_window=True))


@blueprint.get("/check-inbox")
def check_inbox() -> Response:
    """What everybody sees who has asked."""
    return door().page("check_inbox")


@blueprint.post("/subscribe")
def post() -> Response:
    """Take a form: 303 to the next page, 400 with the form again, or 200 with the interstitial."""
    here, form = door(), posted.form()
    language.choose(form.get(language.PARAMETER, ""))
    speak = here.words
    wanted = [speak.listing(each) for each in _wanted(here.site.config, form.getlist("list"))]
    address, extra, errors = _read(here.site, form, speak)
    if address is None or errors:
        return embeds.mistakes(errors) if embeds.asked_by_script() else _mistaken(here, wanted, form, errors)
    path = form.get("page", "")
    seen = gatehouse.look(here, form, form_name(path))
    asked = Request(
        address=address,
        list_ids=tuple(here.site.list_ids[each.slug] for each in wanted),
        evidence=evidence("form", path if seen.is_proven else ""),
        wording=wording(here.site.config, wanted, here.language),
        name=clean_name(form.get("name", "")),
        fields=extra,
        language=here.language,
    )
    visit = gatehouse.visit(here, seen, address, form)
    with here.site.database.write() as connection:
        entered = enter(connection, here.gate, visit, asked, here.site.keys, here.site.clock())
    if not entered.is_answered:
        sent = [("email", address.email), ("name", asked.name), *(("list", each.slug) for each in wanted)]
        sent.append((language.PARAMETER, language.chosen(here.offered)))
        page = path if seen.is_proven else gatehouse.claimed_origin()
        asked_for = gatehouse.more(here, entered.decision, seen, form_name(page))
        return gatehouse.interstitial(here, asked_for, page, wanted, [*sent, *extra.items()])
    if embeds.asked_by_script():
        response = embeds.thanks(here)
    else:
        response = Response(status=303, headers={"Location": here.at("/check-inbox")})
    if entered.enrolled:
        response.call_on_close(here.on_enrolled)  # when the answer is out, so that the sender's work delays nobody's
    return response


def _form(wanted: ListConfig) -> Response:
    here = door()
    return here.page("signup", box=here.box(wanted, request.path))


def _known(slug: str) -> ListConfig:
    try:
        return door().site.config.list(slug)
    except NotFoundError:
        abort(404)


def _wanted(config: Config, slugs: Iterable[str]) -> list[ListConfig]:
    return [_known(slug) for slug in dict.fromkeys(slugs)] or [config.default_list]


def _read(
    site: Site, form: MultiDict[str, str], speak: Catalogue
) -> tuple[Address | None, dict[str, str], dict[str, str]]:
    """The address, the values of declared fields, and a sentence for everything that is wrong."""
    address, extra, errors = None, {}, {}
    try:
        address = site.letterhead.of_a_person(addresses.parse(form.get("email", "")))
    except AddressError as error:
        more = error.hint if speak.language.startswith(SOURCE) else ""  # the hint is the validator's own English
        errors["email"] = f"{speak.gettext(error.message)} {more}".strip()
    for declared in site.config.fields:
        try:
            value = fields.check(declared, form.get(declared.name, ""))
        except fields.FieldError as error:
            errors[declared.name] = speak.gettext(error.sentence) % {"label": speak.label(declared)}
        else:
            if value:
                extra[declared.name] = value
    return address, extra, errors


def _mistaken(here: Door, wanted: Sequence[ListConfig], form: MultiDict[str, str], errors: dict[str, str]) -> Response:
    """The form again, with what was typed and a sentence at each field that cannot be used."""
    names = ("email", "name", *(declared.name for declared in here.site.config.fields))
    typed = {name: form.get(name, "")[:_MAX_ECHO] for name in names}
    first = here.site.config.list(wanted[0].slug)
    path = "/" if first == here.site.config.default_list else f"/lists/{first.slug}"
    chosen = frozenset(each.slug for each in wanted[1:])
    return here.page("signup", 400, box=replace(here.box(first, path), values=typed, errors=errors, chosen=chosen))
