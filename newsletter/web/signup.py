"""Asking for the newsletter: the form, the one more click for whoever cannot be told from a robot, the answer.

The answer is the same whatever the address: known, new, confirmed or suppressed. A form that comes back
without our token, too fast, too late or with the honeypot filled is not dropped, since people press Enter
quickly, browsers fill fields and other sites carry copies of the form; it is shown again as one button.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, request
from werkzeug.datastructures import MultiDict

from newsletter import addresses
from newsletter.addresses import Address
from newsletter.config import Config, ListConfig
from newsletter.errors import AddressError, NotFoundError
from newsletter.subscribers import fields
from newsletter.subscribers.gate import HONEYPOT, MIN_AGE
from newsletter.subscribers.people import clean_name
from newsletter.subscribers.signup import Request, subscribe
from newsletter.web.door import Door, door, evidence, form_name
from newsletter.web.signup_box import wording

blueprint = Blueprint("signup", __name__)

FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
INTERSTITIAL = "again"
"""Marks the token of the interstitial, which asks for no minimum age."""

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
    if request.mimetype not in FORM_TYPES:
        abort(415)
    here, form = door(), request.form
    wanted = _wanted(here.site.config, form.getlist("list"))
    address, extra, errors = _read(here.site.config, form)
    if address is None or errors:
        return _mistaken(here, wanted[0], form, errors)
    origin = _proven_origin(here, form)
    if origin is None or form.get(HONEYPOT):
        return _interstitial(here, wanted, address, extra, form)
    asked = Request(
        address=address,
        list_ids=tuple(here.site.list_ids[each.slug] for each in wanted),
        evidence=evidence("form", origin),
        wording=wording(here.site.config, wanted),
        name=clean_name(form.get("name", "")),
        fields=extra,
        language=here.site.config.language,
    )
    with here.site.database.write() as connection:
        enrolled = subscribe(connection, asked, here.site.keys, here.site.clock())
    if enrolled:
        here.on_enrolled()
    return Response(status=303, headers={"Location": "/check-inbox"})


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


def _read(config: Config, form: MultiDict[str, str]) -> tuple[Address | None, dict[str, str], dict[str, str]]:
    """The address, the values of declared fields, and a sentence for everything that is wrong."""
    address, extra, errors = None, {}, {}
    try:
        address = addresses.parse(form.get("email", ""))
        if address.is_role:
            errors["email"] = "That mailbox belongs to a function, not to a person. Please use your own."
    except AddressError as error:
        errors["email"] = str(error)
    for declared in config.fields:
        try:
            value = fields.check(declared, form.get(declared.name, ""))
        except fields.FieldError as error:
            errors[declared.name] = str(error)
        else:
            if value:
                extra[declared.name] = value
    return address, extra, errors


def _mistaken(here: Door, wanted: ListConfig, form: MultiDict[str, str], errors: dict[str, str]) -> Response:
    """The form again, with what was typed and a sentence at each field that cannot be used."""
    names = ("email", "name", *(declared.name for declared in here.site.config.fields))
    typed = {name: form.get(name, "")[:_MAX_ECHO] for name in names}
    path = "/" if wanted == here.site.config.default_list else f"/lists/{wanted.slug}"
    return here.page("signup", 400, box=replace(here.box(wanted, path), values=typed, errors=errors))


def _proven_origin(here: Door, form: MultiDict[str, str]) -> str | None:
    """The page the form stood on, as far as its token proves it; None when the token is none or out of time."""
    token, path, now = form.get("form", ""), form.get("page", ""), here.site.clock()
    names = (form_name(path), f"{INTERSTITIAL} {path}")
    return path if any(here.forms.is_fresh(token, name, now) for name in names) else None


def _interstitial(
    here: Door, wanted: list[ListConfig], address: Address, extra: dict[str, str], form: MultiDict[str, str]
) -> Response:
    """Everything that was sent, as hidden fields under one button; nothing is kept until it is pressed."""
    path = _claimed_origin()
    served = here.site.clock() - MIN_AGE  # so that the button works at once
    hidden = [
        ("form", here.forms.issue(f"{INTERSTITIAL} {path}", served)),
        ("page", path),
        ("email", address.email),
        ("name", clean_name(form.get("name", ""))),
        *(("list", each.slug) for each in wanted),
        *extra.items(),
    ]
    return here.page("interstitial", lists=wanted, email=address.email, hidden=[pair for pair in hidden if pair[1]])


def _claimed_origin() -> str:
    """The site a form without a token came from, as its browser says; ours when it says nothing."""
    parts = urlsplit(request.headers.get("Origin", ""))
    return f"{parts.scheme}://{parts.netloc}"[:200] if parts.netloc and parts.netloc.isascii() else "/subscribe"
