"""The question with which the doctor recognises our own server, and what that server answers.

Both sides hold the key ring and share nothing else. A question is signed and good for five minutes, so that the
address of whoever asks is told to nobody but ourselves; the answer proves that the same keys are at work.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from newsletter.errors import TokenError
from newsletter.store.types import to_millis
from newsletter.tokens import KeyRing

QUESTION = "/healthz"
"""The question stands behind it in the path."""
LIFE = timedelta(minutes=5)


def question(keys: KeyRing, nonce: int, now: datetime) -> str:
    """A token that asks."""
    return keys.sign("sight", nonce, to_millis(now))


def asked(keys: KeyRing, token: str, now: datetime) -> int:
    """The nonce of a question of ours that is not older than five minutes; raises `TokenError`."""
    nonce, asked_at = keys.verify("sight", token, 2)
    if abs(to_millis(now) - asked_at) > LIFE / timedelta(milliseconds=1):
        raise TokenError()
    return nonce


def answer_to(keys: KeyRing, nonce: int) -> str:
    """What only a holder of the same keys can say."""
    return keys.digest("sight-answer", nonce)
