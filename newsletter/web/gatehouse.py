"""The gate as forms meet it: what a post proves about itself, and the page that asks it for more.

That page carries everything that was sent as hidden fields under one button. When work is asked for, a script of
ours does it in a worker; without scripts the same button counts after a pause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Response, request
from werkzeug.datastructures import MultiDict

from newsletter.addresses import Address
from newsletter.config import ListConfig
from newsletter.subscribers.gate import HONEYPOT, MIN_AGE, PAUSE, Decision, Verdict, Visit
from newsletter.web.door import Door, form_name
from newsletter.web.headers import POLICY

AGAIN = "again"
"""Marks the token of the one more button, which asks for no minimum age."""
WAIT = "wait"
"""Marks the token of the button that counts after a pause, or with a proof of work."""
SOLUTION = "altcha"
"""The field of the solution, named as the protocol names it."""
WORKING = POLICY.format(ancestors="'none'") + "; script-src 'self'; worker-src 'self'"
"""The policy of the page that works: our own script and its worker, nothing else."""


@dataclass(frozen=True)
class Seen:
    """What a posted form proves about itself."""

    origin: str
    """The page it stood on; empty when its token is none or out of time."""
    has_pressed: bool
    has_waited: bool
    waiting: str
    """The token of a pause that has begun."""


def look(here: Door, form: MultiDict[str, str]) -> Seen:
    """Read the token of a form."""
    token, path, now = form.get("form", ""), form.get("page", ""), here.site.clock()
    waited = here.forms.age(token, f"{WAIT} {path}", now)
    has_pressed = waited is not None or here.forms.is_fresh(token, f"{AGAIN} {path}", now)
    is_proven = has_pressed or here.forms.is_fresh(token, form_name(path), now)
    return Seen(
        origin=path if is_proven else "",
        has_pressed=has_pressed,
        has_waited=waited is not None and waited >= PAUSE,
        waiting=token if waited is not None else "",
    )


def visit(here: Door, seen: Seen, address: Address, form: MultiDict[str, str]) -> Visit:
    """What the gate is told; checks the proof of work, outside of any transaction."""
    return Visit(
        address=address,
        ip=request.remote_addr or "",
        is_proven=bool(seen.origin),
        is_trapped=bool(form.get(HONEYPOT)),
        has_pressed=seen.has_pressed,
        has_waited=seen.has_waited,
        solved=here.gate.proofs.check(form.get(SOLUTION, ""), here.site.clock()),
    )


def ask_for_more(
    here: Door, decision: Decision, seen: Seen, lists: Sequence[ListConfig], sent: Sequence[tuple[str, str]]
) -> Response:
    """The interstitial: `sent` once more under one button; nothing is kept until it is pressed."""
    now, path = here.site.clock(), seen.origin or claimed_origin()
    works = decision.verdict is Verdict.PROOF
    if works:
        token = seen.waiting or here.forms.issue(f"{WAIT} {path}", now)
    else:
        token = here.forms.issue(f"{AGAIN} {path}", now - MIN_AGE)  # so that the button works at once
    hidden = [("form", token), ("page", path), *sent]
    response = here.page(
        "interstitial",
        lists=lists,
        email=dict(sent)["email"],
        hidden=[pair for pair in hidden if pair[1]],
        challenge=here.gate.proofs.challenge(now) if works else None,
        pause=int(PAUSE.total_seconds()),
    )
    if works:
        response.headers["Content-Security-Policy"] = WORKING
    return response


def claimed_origin() -> str:
    """The site a form without a token came from, as its browser says; ours when it says nothing."""
    parts = urlsplit(request.headers.get("Origin", ""))
    return f"{parts.scheme}://{parts.netloc}"[:200] if parts.netloc and parts.netloc.isascii() else "/subscribe"
