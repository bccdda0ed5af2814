"""The gate as forms meet it: what a post proves about itself, and what it is asked for more.

A page carries everything that was sent once more, under one button. When work is asked for, a script of ours does it
in a worker; without scripts the same button counts after a pause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Response, request
from werkzeug.datastructures import MultiDict

from newsletter.addresses import Address
from newsletter.config import ListConfig
from newsletter.subscribers.gate import HONEYPOT, MIN_AGE, PAUSE, Decision, Errand, Verdict, Visit
from newsletter.web import posted
from newsletter.web.door import Door
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

    is_proven: bool = False
    """Its token is ours and in time."""
    has_pressed: bool = False
    has_waited: bool = False
    waiting: str = ""
    """The token of a pause that has begun."""


@dataclass(frozen=True)
class More:
    """What a form is asked for before it counts: to be sent once more, and perhaps work or a pause before that."""

    token: str
    challenge: str = ""
    """For the solver; empty when no work is asked for."""
    pause: int = int(PAUSE.total_seconds())
    """Seconds that stand for the work."""


def look(here: Door, form: MultiDict[str, str], name: str) -> Seen:
    """Read the token of a form; `name` is what it is signed for."""
    token, now = form.get("form", ""), here.site.clock()
    waited = here.forms.age(token, f"{WAIT} {name}", now)
    has_pressed = waited is not None or here.forms.is_fresh(token, f"{AGAIN} {name}", now)
    return Seen(
        is_proven=has_pressed or here.forms.is_fresh(token, name, now),
        has_pressed=has_pressed,
        has_waited=waited is not None and waited >= PAUSE,
        waiting=token if waited is not None else "",
    )


def visit(here: Door, seen: Seen, address: Address, form: MultiDict[str, str], errand: Errand = Errand.SIGNUP) -> Visit:
    """What the gate is told; checks the proof of work, outside of any transaction."""
    return Visit(
        address=address,
        ip=request.remote_addr or "",
        errand=errand,
        is_proven=seen.is_proven,
        is_trapped=bool(form.get(HONEYPOT)),
        has_pressed=seen.has_pressed,
        has_waited=seen.has_waited,
        solved=here.gate.proofs.check(form.get(SOLUTION, ""), here.site.clock()),
    )


def more(here: Door, decision: Decision, seen: Seen, name: str) -> More:
    """What the gate asks the form of that name for."""
    now = here.site.clock()
    if decision.verdict is Verdict.PROOF:
        token = seen.waiting or here.forms.issue(f"{WAIT} {name}", now)
        return More(token, here.gate.proofs.challenge(now))
    return More(once_more(here, name))


def once_more(here: Door, name: str) -> str:
    """The token of a form that was filled in already: its button works at once."""
    return here.forms.issue(f"{AGAIN} {name}", here.site.clock() - MIN_AGE)


def interstitial(
    here: Door, asked: More, page: str, lists: Sequence[ListConfig], sent: Sequence[tuple[str, str]]
) -> Response:
    """A sign-up once more under one button; `sent` is all there is of it, for nothing is kept until it is pressed."""
    hidden = [pair for pair in (("form", asked.token), ("page", page), *sent) if pair[1]]
    page_once_more = here.page(
        "interstitial",
        lists=lists,
        email=dict(sent)["email"],
        hidden=hidden,
        challenge=asked.challenge,
        pause=asked.pause,
    )
    return working(page_once_more, asked)


def working(response: Response, asked: More) -> Response:
    """A page that may work, if it is asked to."""
    if asked.challenge:
        response.headers["Content-Security-Policy"] = WORKING
    return response


def claimed_origin() -> str:
    """The site a form without a token came from, as its browser says; ours when it says nothing."""
    parts = posted.origin()
    return f"{parts.scheme}://{parts.netloc}"[:200] if parts.netloc and parts.netloc.isascii() else "/subscribe"
