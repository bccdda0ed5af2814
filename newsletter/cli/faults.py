"""Which faults a rehearsal meets: `--faults deferred=2%,silent=0.1%,slow=50ms` becomes `Faults`.

The words are about what an operator sees happen to a copy, not about SMTP: it is put off, refused, cut off
in mid-message, or left without an answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from newsletter.transport.sandbox import Faults

USUAL = "deferred=1%,rejected=0.5%,dropped=0.2%,silent=0.1%"

RATES = {
    "deferred": "defer_rate",
    "rejected": "reject_rate",
    "dropped": "drop_before_dot_rate",
    "silent": "drop_after_dot_rate",
}
NAMES = (*RATES, "slow", "seed")
SLOWEST = 60.0
"""Seconds."""


def parse(text: str | None) -> Faults:
    """The faults in words (None: the usual ones; `none`: no fault). Raises `click.UsageError` for anything else.

    Rates are shares such as `2%` or `0.02`; `slow` is a time such as `50ms` or `1.5s`; `seed` a whole number.
    """
    from newsletter.transport.sandbox import Faults

    words = USUAL if text is None else text.strip()
    found: dict[str, Any] = {}
    for pair in () if words == "none" else words.split(","):
        name, _, value = (part.strip() for part in pair.partition("="))
        if name not in NAMES:
            raise click.UsageError(
                f"--faults: there is no fault {name!r}; write for example {USUAL},slow=50ms,seed=1, or none."
            )
        field = RATES.get(name, "delay_seconds" if name == "slow" else "seed")
        if field in found:
            raise click.UsageError(f"--faults: {name} is there twice; say it once.")
        found[field] = _seed(value) if name == "seed" else _seconds(value) if name == "slow" else _share(name, value)
    return Faults(**found)


def in_words(faults: Faults) -> str:
    """The same for people: `1% deferred, 0.1% silent`, or `no faults`."""
    parts = [f"{getattr(faults, field) * 100:g}% {name}" for name, field in RATES.items() if getattr(faults, field)]
    if faults.delay_seconds:
        parts.append(f"answers after {faults.delay_seconds * 1000:g} ms")
    return ", ".join(parts) or "no faults"


def as_document(faults: Faults) -> dict[str, float]:
    """The same for programs; shares of 1, and seconds."""
    shares: dict[str, float] = {name: getattr(faults, field) for name, field in RATES.items()}
    return {**shares, "slow": faults.delay_seconds, "seed": faults.seed}


def _share(name: str, value: str) -> float:
    number = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)(%?)", value, re.ASCII)
    share = float(number[1]) / (100 if number[2] else 1) if number else 2.0
    if share > 1:
        raise click.UsageError(f"--faults: {name}={value} is no share; write it like {name}=2% or {name}=0.02.")
    return share


def _seconds(value: str) -> float:
    number = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+) ?(ms|s)", value, re.ASCII)
    seconds = float(number[1]) / (1000 if number[2] == "ms" else 1) if number else 2 * SLOWEST
    if seconds > SLOWEST:
        raise click.UsageError(f"--faults: slow={value} is no time up to a minute; write it like slow=50ms or slow=2s.")
    return seconds


def _seed(value: str) -> int:
    if not re.fullmatch(r"\d{1,18}", value, re.ASCII):
        raise click.UsageError(f"--faults: seed={value} is no whole number; write it like seed=1.")
    return int(value)
