"""SendGrid's Event Webhook: an ECDSA signature over the time and the very bytes, and a list of events."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from newsletter.errors import ConfigError
from newsletter.feedback.verdict import Kind, Verdict
from newsletter.feedback.webhooks.post import (
    Event,
    Heard,
    Post,
    Refused,
    failure,
    named,
    parsed,
    require_recent,
    tables,
    text,
)

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"

_CLASSES = {
    "Invalid Address": Kind.HARD,
    "Mailbox Unavailable": Kind.SOFT,
    "Technical": Kind.SOFT,
    "Reputation": Kind.BLOCK,
    "Content": Kind.BLOCK,
}


class SendGrid:
    """Reads signed event webhooks; `key` is the verification key that SendGrid shows, base64."""

    def __init__(self, key: str) -> None:
        try:
            found = load_der_public_key(base64.b64decode(key, validate=True))
        except (binascii.Error, ValueError, UnsupportedAlgorithm) as error:
            raise ConfigError(
                "[webhooks] sendgrid_key is not a key.", hint="Copy the verification key from the page of the webhook."
            ) from error
        if not isinstance(found, ec.EllipticCurvePublicKey):
            raise ConfigError("[webhooks] sendgrid_key is not an ECDSA key.", hint="Copy the verification key again.")
        self._key = found

    def __call__(self, post: Post) -> Heard:
        """Verify and read."""
        timestamp = post.header(TIMESTAMP)
        try:
            signature = base64.b64decode(post.header(SIGNATURE), validate=True)
            self._key.verify(signature, timestamp.encode() + post.body, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, binascii.Error, ValueError) as error:
            raise Refused("The signature is wrong.") from error
        require_recent(timestamp, post.at)
        return Heard(tuple(_events(parsed(post.body))))


def _events(said: Any) -> Iterator[Event]:
    for each in tables(said):
        verdict = _verdict(each)
        if verdict is not None:
            yield Event(text(each.get("sg_event_id")) or f"{each.get('sg_message_id')}:{each.get('event')}", verdict)


def _verdict(said: dict[str, Any]) -> Verdict | None:
    recipient, reason = text(said.get("email")), text(said.get("reason")) or text(said.get("response"))
    about = named(message_id=text(said.get("smtp-id")))
    match text(said.get("event")), reason:
        case "bounce", _:
            opinion = _CLASSES.get(text(said.get("bounce_classification")))
            if opinion is None and text(said.get("type")) == "blocked":
                opinion = Kind.BLOCK
            return failure(recipient, reason, about, status=text(said.get("status")), otherwise=opinion)
        case ("spamreport", _) | ("dropped", "Spam Reporting Address"):
            return Verdict(recipient, Kind.COMPLAINT, 0, "", reason[:300], about, "abuse")
        case ("unsubscribe" | "group_unsubscribe", _) | ("dropped", "Unsubscribed Address"):
            return Verdict(recipient, Kind.COMPLAINT, 0, "", reason[:300], about, "opt-out", opt_out=True)
        case "dropped", "Bounced Address" | "Invalid":
            return Verdict(recipient, Kind.HARD, 0, "", reason, about)
        case "delivered", _:
            return Verdict(recipient, Kind.DELIVERED, 0, "", reason[:300], about)
    return None
