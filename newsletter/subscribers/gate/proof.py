"""Proof of work in the ALTCHA protocol: cheap to ask for, dear to bring by the thousand, good for one sign-up.

The package `altcha` makes and checks challenges. What it leaves to its users is kept here: a solution counts once,
and time is the clock's.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import altcha
from sqlalchemy import Connection, exists, insert, select

from newsletter.store.gate_schema import gate_proofs
from newsletter.store.types import to_millis
from newsletter.tokens import KeyRing, sha256_hex

ALGORITHM = "PBKDF2/SHA-256"
COST = 3000
"""Iterations of one try; about 256 tries are needed: half a second in a browser, a few on an old phone."""
LIFE = timedelta(minutes=30)
MAX_PAYLOAD = 4096
"""Characters of a solution; real ones have some 700."""


@dataclass(frozen=True)
class Solved:
    """A correct solution, which may have been used before."""

    name: bytes
    """SHA-256 over the signature of its challenge."""
    until: datetime


class Proofs:
    """Makes challenges and checks what comes back."""

    def __init__(self, keys: KeyRing, cost: int = COST) -> None:
        self._secrets = keys.secrets_for("proof")
        self._cost = cost

    def challenge(self, now: datetime) -> str:
        """A challenge as JSON, for the solver."""
        made = altcha.create_challenge(
            ALGORITHM,
            self._cost,
            data={"until": to_millis(now + LIFE)},
            hmac_secret=self._secrets[-1],
        )
        return json.dumps(made.to_dict(), separators=(",", ":"))

    def check(self, payload: str, now: datetime) -> Solved | None:
        """What a solution is worth; None when it is none, or too late. Takes about a millisecond."""
        if not payload or len(payload) > MAX_PAYLOAD:
            return None
        if not any(_is_right(payload, secret) for secret in self._secrets):
            return None
        challenge: dict[str, Any] = json.loads(base64.b64decode(payload))["challenge"]
        millis = challenge["parameters"]["data"]["until"]
        until = now + timedelta(milliseconds=millis - to_millis(now))
        if until < now:
            return None
        return Solved(bytes.fromhex(sha256_hex(str(challenge["signature"]).encode())), until)


def use(connection: Connection, solved: Solved) -> bool:
    """Use a solution up; False when that was done before."""
    if connection.execute(select(exists().where(gate_proofs.c.name == solved.name))).scalar():
        return False
    connection.execute(insert(gate_proofs).values(name=solved.name, expires_at=solved.until))
    return True


def _is_right(payload: str, secret: bytes) -> bool:
    try:
        return bool(altcha.verify_solution(payload, secret).verified)
    except (ValueError, TypeError, OverflowError, KeyError, AttributeError):  # hostile JSON of odd types
        return False
