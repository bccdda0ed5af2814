"""Past issues as pages, exactly as they were launched, read by nobody in particular; and their pictures.

A private archive has no pages, but its pictures stay: the mails already sent point to them.
"""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, abort, request
from markupsafe import Markup

from newsletter.campaigns import publication
from newsletter.campaigns.publication import PublicIssue
from newsletter.web.assets import cached
from newsletter.web.door import Door, door
from newsletter.web.reply_box import ReplyBox, reply_box
from newsletter.web.signup_box import SignupBox

blueprint = Blueprint("archive", __name__)

INDEX = "/archive/"
IMMUTABLE = "public, max-age=31536000, immutable"
"""A picture is named by its own hash, so it never changes."""


@blueprint.get(INDEX, strict_slashes=False)
def index() -> Response:
    """All past issues, the newest first."""
    refuse_private()
    here = door()
    with here.site.database.read() as connection:
        issues = [publication.read(connection, head) for head in publication.heads(connection)]
    return here.answer(index_page(here, issues, here.box(here.site.config.default_list, request.path)))


@blueprint.get("/archive/<slug>/", strict_slashes=False)
def issue(slug: str) -> Response:
    """One past issue in full."""
    refuse_private()
    here = door()
    with here.site.database.read() as connection:
        found = publication.issue(connection, slug)
    if found is None:
        abort(404)
    box = here.box(here.site.config.default_list, request.path)
    return here.answer(issue_page(here, found, box, reply_box(here, slug)))


@blueprint.get("/media/<name>")
def media(name: str) -> Response:
    """A picture of an issue, by the hash of its bytes."""
    with door().site.database.read() as connection:
        found = publication.picture(connection, name)
    if found is None:
        abort(404)
    media_type, data = found
    response = cached(data, media_type, IMMUTABLE)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def index_page(here: Door, issues: list[PublicIssue], box: SignupBox | None) -> str:
    """The table of contents; without a `box` it only says where to sign up."""
    address = f"{here.site.config.base_url}{INDEX}"
    return here.html("archive", issues=issues, address=address, box=box)


def issue_page(here: Door, issue: PublicIssue, box: SignupBox | None, reply: ReplyBox | None = None) -> str:
    """The page of an issue; without a `box` it only says where to sign up, without `reply` nobody is asked to."""
    return here.html(
        "issue",
        issue=issue,
        body=Markup(issue.page),  # noqa: S704 - sanitised and escaped when it was rendered
        subject=issue.subject,
        preheader=issue.preheader,
        address=f"{here.site.config.base_url}{issue.path}",
        box=box,
        replies=issue.replies if here.site.config.archive.replies else (),
        reply=reply,
    )


def with_replies(here: Door, issue: PublicIssue) -> PublicIssue:
    """The same issue with what readers said at its end, for feeds."""
    if not issue.replies or not here.site.config.archive.replies:
        return issue
    return replace(issue, page=issue.page + here.html("replies", replies=issue.replies))


def refuse_private() -> None:
    """A private archive is not there."""
    if door().site.config.archive.visibility == "private":
        abort(404)
