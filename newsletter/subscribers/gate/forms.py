"""Form tokens: proof that a form was served by us, where it stood, and how long ago.

A token alone proves little, since a patient robot has one too; it keeps the cheap ones out and tells a form
on a foreign site, which has none, from ours.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer

from newsletter.store.types import to_millis
from newsletter.tokens import KeyRing

HONEYPOT = "contact_preference"
"""A field no person sees; named so that browsers have nothing of theirs to put in."""

MIN_AGE = timedelta(seconds=3)
MAX_AGE = timedelta(hours=2)


class FormTokens:
    """Signs forms when they are served and looks at how old they are when they come back."""

    def __init__(self, keys: KeyRing) -> None:
        self._serializer = URLSafeSerializer(
            keys.secrets_for("form"), salt="form", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def issue(self, form: str, now: datetime) -> str:
        """A token for the hidden field of the form of that name, served now."""
        return str(self._serializer.dumps([form, to_millis(now)]))

    def age(self, token: str, form: str, now: datetime) -> timedelta | None:
        """How long ago that form was served by us; None when it was not, or more than 2 hours ago."""
        try:
            served_form, served_at = self._serializer.loads(token)
        except (BadSignature, ValueError, TypeError):
            return None
        age = timedelta(milliseconds=to_millis(now) - served_at)
        return age if served_form == form and timedelta() <= age <= MAX_AGE else None

    def is_fresh(self, token: str, form: str, now: datetime) -> bool:
        """Whether that form was served by us, at least 3 seconds and at most 2 hours ago."""
        age = self.age(token, form, now)
        return age is not None and age >= MIN_AGE
