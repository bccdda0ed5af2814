"""Mailgun's webhooks: an HMAC over time and a token, which says nothing of the rest, so each token counts once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from newsletter.feedback.verdict import Kind, Verdict
from newsletter.feedback.webhooks.post import (
    Event,
    Heard,
    Post,
    Refused,
    failure,
    is_signed,
    named,
    parsed,
    table,
    text,
)

LIFE = timedelta(hours=24)
"""Mailgun tries again for eight hours; tokens are remembered longer than that."""


class Mailgun:
    """Reads webhooks signed with the account's key."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, post: Post) -> Heard:
        """Verify and read."""
        said = table(parsed(post.body))
        proof = table(said.get("signature"))
        timestamp, token = text(proof.get("timestamp")), text(proof.get("token"))
        if not token or not is_signed(self._key, (timestamp + token).encode(), text(proof.get("signature"))):
            raise Refused("The signature is wrong.")
        if (
            not re.fullmatch(r"[0-9]{9,12}", timestamp)
            or abs(post.at.timestamp() - int(timestamp)) > LIFE.total_seconds()
        ):
            raise Refused("The post is too old.")
        event = table(said.get("event-data"))
        verdict = _verdict(event)
        found = () if verdict is None else (Event(text(event.get("id")) or token, verdict),)
        return Heard(found, once=token)


def _verdict(said: dict[str, Any]) -> Verdict | None:
    recipient, status = text(said.get("recipient")), table(said.get("delivery-status"))
    message = table(said.get("message"))
    about = named(sender=text(table(said.get("envelope")).get("sender")), headers=message.get("headers"))
    reason = text(said.get("reason"))
    match text(said.get("event")), text(said.get("severity")), reason:
        case ("complained", _, _) | ("failed", _, "suppress-complaint"):
            return Verdict(recipient, Kind.COMPLAINT, 0, "", reason, about, "abuse")
        case ("unsubscribed", _, _) | ("failed", _, "suppress-unsubscribe"):
            return Verdict(recipient, Kind.COMPLAINT, 0, "", reason, about, "opt-out", opt_out=True)
        case ("failed", "permanent", "suppress-bounce"):
            return Verdict(recipient, Kind.HARD, 0, "", reason, about)
        case ("failed", "permanent", _):
            words = " ".join(part for key in ("message", "description") if (part := text(status.get(key))))
            code = text(status.get("code"))
            return failure(recipient, f"{code} {words}".strip(), about, status=text(status.get("enhanced-code")))
        case ("delivered", _, _):
            return Verdict(recipient, Kind.DELIVERED, 0, "", text(status.get("message"))[:300], about)
    return None
