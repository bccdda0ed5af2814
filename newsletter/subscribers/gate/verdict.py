"""The verdict on one sign-up: a pure function over facts and counters.

In this order: is it a form of ours at all, does it look like a machine, must it pay with work, and is there
still a budget. Only the last may depend on the address, and its answer looks exactly like a yes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Verdict(StrEnum):
    """What becomes of a sign-up."""

    PASS = "pass"  # noqa: S105
    BUTTON = "button"
    """One more button, on a page of ours."""
    PROOF = "proof"
    """A proof of work, or a pause for browsers without JavaScript."""
    ENOUGH = "enough"
    """Answered like a pass, and nothing is sent."""
    NOWHERE = "nowhere"
    """It passed, and then its domain turned out to take no mail; no verdict of `decide`, and the visitor sees none."""


@dataclass(frozen=True)
class Facts:
    """What is known of one sign-up before any counter is read."""

    is_proven: bool = True
    """Its form is ours and in time; an API key counts as much."""
    is_trapped: bool = False
    """The field that nobody sees was filled in."""
    has_pressed: bool = False
    """It comes from the button of our interstitial."""
    has_waited: bool = False
    """That button was pressed after the pause that stands for the work."""
    has_solved: bool = False
    is_disposable: bool = False
    is_allowed: bool = False
    """The owner said that this address, domain or network is fine."""


@dataclass(frozen=True)
class Load:
    """What the counters say: True where a limit is reached."""

    address: bool = False
    network: bool = False
    domain: bool = False
    everybody: bool = False
    waiters: bool = False
    """Those who wait instead of working have limits of their own."""
    is_busy_network: bool = False
    is_half_used: bool = False
    """Half of the budget of everybody together is gone; the rest is for those who work for it."""
    is_attacked: bool = False


@dataclass(frozen=True)
class Decision:
    """The verdict, and in one word why."""

    verdict: Verdict
    reason: str = ""


def decide(facts: Facts, load: Load, proof: Literal["auto", "always", "never"] = "auto") -> Decision:
    """What becomes of a sign-up."""
    if not facts.has_pressed and not (facts.is_proven and not facts.is_trapped):
        return Decision(Verdict.BUTTON, "honeypot" if facts.is_proven else "form")
    why = "" if facts.is_allowed or facts.has_solved else _why_work(facts, load, proof)
    if why and not facts.has_waited:
        return Decision(Verdict.PROOF, why)
    full = _full(facts, load, is_waiter=bool(why))
    return Decision(Verdict.ENOUGH, full) if full else Decision(Verdict.PASS)


def _full(facts: Facts, load: Load, *, is_waiter: bool) -> str:
    """Which budget is used up, or nothing."""
    limits = {
        "waiters": is_waiter and load.waiters,
        "address": load.address,
        "network": load.network and not facts.is_allowed,
        "domain": load.domain and not facts.is_allowed,
        "everybody": load.everybody and not facts.is_allowed,
    }
    return next((reason for reason, is_reached in limits.items() if is_reached), "")


def _why_work(facts: Facts, load: Load, proof: str) -> str:
    """Why this sign-up has to bring a proof of work, or nothing."""
    if proof == "never":
        return ""
    reasons = {
        "always": proof == "always",
        "attack": load.is_attacked,
        "busy": load.is_half_used,
        "network": load.is_busy_network,
        "disposable": facts.is_disposable,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")
