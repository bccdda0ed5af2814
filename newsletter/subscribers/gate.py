"""The gate before every sign-up: form tokens, the honeypot, and budgets per address.

Nothing here answers the visitor: whatever the gate decides, the page they see is the same. A
filled honeypot or a form that came back too soon is not dropped, because browsers fill fields and
people are quick; it is asked to press one more button (the interstitial) instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import Connection

from newsletter.deliveries import standing
from newsletter.store.types import to_millis
from newsletter.tokens import KeyRing

HONEYPOT = "contact_preference"
"""A field no person sees; named so that browsers have nothing of theirs to put in."""

MIN_AGE = timedelta(seconds=3)
MAX_AGE = timedelta(hours=2)

BUDGETS: Sequence[tuple[timedelta, int]] = ((timedelta(minutes=10), 1), (timedelta(days=1), 3))
"""Confirmation mails to one address: at most so many within so long."""


class FormTokens:
    """Signs forms when they are served and looks at how old they are when they come back."""

    def __init__(self, keys: KeyRing) -> None:
        self._serializer = URLSafeSerializer(
            keys.secrets_for("form"), salt="form", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def issue(self, form: str, now: datetime) -> str:
        """A token for the hidden field of the form of that name, served now."""
        return str(self._serializer.dumps([form, to_millis(now)]))

    def is_fresh(self, token: str, form: str, now: datetime) -> bool:
        """Whether that form was served by us, at least 3 seconds and at most 2 hours ago."""
        try:
            served_form, served_at = self._serializer.loads(token)
        except (BadSignature, ValueError, TypeError):
            return False
        age = timedelta(milliseconds=to_millis(now) - served_at)
        return bool(served_form == form and MIN_AGE <= age <= MAX_AGE)


def may_mail(connection: Connection, campaign_id: int, subscriber_id: int, now: datetime) -> bool:
    """Whether the budgets allow one more confirmation mail to this person."""
    return all(
        standing.enrolled_since(connection, campaign_id, subscriber_id, now - span) < limit for span, limit in BUDGETS
    )
