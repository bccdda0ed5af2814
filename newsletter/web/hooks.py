"""`/hooks/<provider>`: what mail providers post about mails of ours. Signed, or nothing happens.

The answer is for a machine: 200 when it is taken in or was before, 403 for whoever cannot sign, 400 for what is no
post of that provider, 503 when it could not be kept and is to come again. A provider that is not configured is 404.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from flask import Blueprint, Response, abort, request
from sqlalchemy import Connection, delete, exists, insert, select

from newsletter.errors import NewsletterError
from newsletter.feedback.intake import Report
from newsletter.feedback.webhooks import Heard, Post, Refused, Unreadable
from newsletter.feedback.webhooks.post import MAX_BODY
from newsletter.site.listening import intake_of
from newsletter.store.feedback_schema import feedback_nonces
from newsletter.web.door import door

__all__ = ["MAX_BODY", "blueprint"]

blueprint = Blueprint("hooks", __name__)

NONCE_LIFE = timedelta(days=3)


@blueprint.post("/hooks/<provider>")
def hear(provider: str) -> Response:
    """Take in what a provider says."""
    here = door()
    hook = here.hooks.get(provider)
    if hook is None:
        abort(404)
    site = here.site
    post = Post(request.get_data(), {name.lower(): value for name, value in request.headers}, site.clock())
    try:
        heard = hook(post)
        if heard.once and _was_here(heard, provider):
            return _said("known already", 200)
        reports = [Report(_origin(provider, event.id), provider, event.verdict) for event in heard.events]
        tally = intake_of(site).take(reports)
        if heard.once:
            _remember(heard, provider, post.at)
    except Refused as error:
        challenge = {"WWW-Authenticate": 'Basic realm="hooks"'} if provider == "postmark" else {}
        return _said(str(error), 401 if challenge else 403, challenge)
    except Unreadable as error:
        return _said(str(error), 400)
    except NewsletterError:
        return _said("It could not be kept; please try again.", 503, {"Retry-After": "60"})
    if tally.events:
        here.on_enrolled()
    return _said("ok", 200)


def _origin(provider: str, event: str) -> str:
    """The name an event counts once under, whatever the length of the provider's own."""
    return f"{provider}:{hashlib.sha256(event.encode('utf-8', 'replace')).hexdigest()}"


def _nonce(heard: Heard, provider: str) -> bytes:
    return hashlib.sha256(f"{provider}:{heard.once}".encode("utf-8", "replace")).digest()


def _was_here(heard: Heard, provider: str) -> bool:
    with door().site.database.read() as connection:
        return _is_known(connection, _nonce(heard, provider))


def _remember(heard: Heard, provider: str, now: datetime) -> None:
    """Only now, so that a post that could not be kept may come again."""
    digest = _nonce(heard, provider)
    with door().site.database.write() as connection:
        connection.execute(delete(feedback_nonces).where(feedback_nonces.c.expires_at < now))
        if not _is_known(connection, digest):
            connection.execute(insert(feedback_nonces).values(hash=digest, expires_at=now + NONCE_LIFE))


def _is_known(connection: Connection, digest: bytes) -> bool:
    return bool(connection.execute(select(exists().where(feedback_nonces.c.hash == digest))).scalar())


def _said(words: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(
        f"{words}\n",
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        content_type="text/plain; charset=utf-8",
    )
