"""The verdict as a table: what is asked of whom, and that the owner of an address cannot be told from a stranger."""

from __future__ import annotations

from typing import Any

import pytest

from newsletter.subscribers.gate.verdict import Facts, Load, Verdict, decide


@pytest.mark.parametrize(
    ("facts", "load", "verdict", "reason"),
    [
        ({}, {}, Verdict.PASS, ""),
        ({"is_proven": False}, {}, Verdict.BUTTON, "form"),
        ({"is_trapped": True}, {}, Verdict.BUTTON, "honeypot"),
        ({"is_trapped": True, "has_pressed": True}, {}, Verdict.PASS, ""),
        ({"is_disposable": True}, {}, Verdict.PROOF, "disposable"),
        ({"is_disposable": True, "has_solved": True}, {}, Verdict.PASS, ""),
        ({"is_disposable": True, "has_waited": True}, {}, Verdict.PASS, ""),
        ({"is_disposable": True, "has_waited": True}, {"waiters": True}, Verdict.ENOUGH, "waiters"),
        ({"is_disposable": True, "has_solved": True}, {"waiters": True}, Verdict.PASS, ""),
        ({}, {"is_attacked": True}, Verdict.PROOF, "attack"),
        ({}, {"is_half_used": True}, Verdict.PROOF, "busy"),
        ({}, {"is_busy_network": True}, Verdict.PROOF, "network"),
        ({"has_solved": True}, {"is_attacked": True}, Verdict.PASS, ""),
        ({"has_solved": True}, {"network": True}, Verdict.ENOUGH, "network"),
        ({}, {"domain": True}, Verdict.ENOUGH, "domain"),
        ({}, {"everybody": True}, Verdict.ENOUGH, "everybody"),
        ({"is_allowed": True}, {"is_attacked": True, "network": True, "everybody": True}, Verdict.PASS, ""),
        ({"is_allowed": True}, {"address": True}, Verdict.ENOUGH, "address"),
        ({"is_proven": False, "is_allowed": True}, {}, Verdict.BUTTON, "form"),
    ],
)
def test_verdict(facts: dict[str, Any], load: dict[str, Any], verdict: Verdict, reason: str) -> None:
    found = decide(Facts(**facts), Load(**load))
    assert (found.verdict, found.reason) == (verdict, reason)


@pytest.mark.parametrize("facts", [{}, {"is_proven": False}, {"is_disposable": True}, {"has_solved": True}])
@pytest.mark.parametrize("load", [{}, {"is_attacked": True}, {"is_half_used": True}])
def test_how_often_an_address_was_used_is_never_seen(facts: dict[str, Any], load: dict[str, Any]) -> None:
    fresh = decide(Facts(**facts), Load(**load)).verdict
    used = decide(Facts(**facts), Load(**load, address=True)).verdict
    assert used == (Verdict.ENOUGH if fresh is Verdict.PASS else fresh)


def test_owner_may_ask_everybody_or_nobody_for_work() -> None:
    assert decide(Facts(), Load(), "always").verdict is Verdict.PROOF
    assert decide(Facts(is_disposable=True), Load(is_attacked=True), "never").verdict is Verdict.PASS
