"""Postmark's webhooks: no signature, so a secret in the address or in a header, over TLS."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Any

from newsletter.feedback.classify import classify
from newsletter.feedback.verdict import Delivery, Kind, Verdict
from newsletter.feedback.webhooks.post import Event, Heard, Post, Refused, failure, named, parsed, table, text

SECRET = "x-newsletter-secret"  # noqa: S105 - the name of a header

_KINDS = {
    **dict.fromkeys(("HardBounce", "BadEmailAddress"), Kind.HARD),
    **dict.fromkeys(("SoftBounce", "Transient", "DnsError", "Undeliverable", "Unknown", "InboundError"), Kind.SOFT),
    **dict.fromkeys(
        ("Blocked", "SpamNotification", "DMARCPolicy", "VirusNotification", "ChallengeVerification", "SMTPApiError"),
        Kind.BLOCK,
    ),
}


class Postmark:
    """Reads webhooks with basic authentication or the header `X-Newsletter-Secret`; the user does not matter."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()

    def __call__(self, post: Post) -> Heard:
        """Check the secret, then read."""
        if not hmac.compare_digest(_presented(post), self._password):
            raise Refused("The password is wrong.")
        said = table(parsed(post.body))
        verdict = _verdict(said)
        if verdict is None:
            return Heard()
        record = text(said.get("RecordType"))
        name = text(said.get("ID")) or f"{text(said.get('MessageID'))}:{verdict.recipient}"
        return Heard((Event(f"{record}:{name}", verdict),))


def _presented(post: Post) -> bytes:
    if secret := post.header(SECRET):
        return secret.encode("utf-8", "replace")
    scheme, _, given = post.header("authorization").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(given.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


def _verdict(said: dict[str, Any]) -> Verdict | None:
    kind, recipient = text(said.get("Type")), text(said.get("Email")) or text(said.get("Recipient"))
    words, about = text(said.get("Details")) or text(said.get("Description")), _about(said)
    plain: Kind | None = None
    match text(said.get("RecordType")), kind:
        case ("SpamComplaint", _) | ("Bounce", "SpamComplaint"):
            plain = Kind.COMPLAINT
        case ("Bounce", "Unsubscribe"):
            return _left(recipient, about)
        case ("SubscriptionChange", _):
            return _left(recipient, about) if _is_their_wish(said) else None
        case ("Bounce", "AutoResponder"):
            plain = Kind.AUTO_REPLY
        case ("Bounce", _) if kind in _KINDS:
            return failure(recipient, words, about, otherwise=_KINDS[kind])
        case ("Delivery", _):
            plain = Kind.DELIVERED
    return None if plain is None else Verdict(recipient, plain, 0, "", words[:300], about)


def _left(recipient: str, about: Delivery) -> Verdict:
    return Verdict(recipient, Kind.COMPLAINT, 0, "", "", about, "opt-out", opt_out=True)


def _is_their_wish(said: dict[str, Any]) -> bool:
    """Whether the reader changed it; what bounces and complaints change is told apart."""
    return (
        said.get("SuppressSending") is True
        and text(said.get("Origin")) == "Recipient"
        and text(said.get("SuppressionReason")) == "ManualSuppression"
    )


def _about(said: dict[str, Any]) -> Delivery:
    """Postmark names mails its own way; the bounce it may quote has our names."""
    quoted = text(said.get("Content"))
    verdicts = classify(quoted.encode("utf-8", "replace")) if quoted else []
    return verdicts[0].delivery if verdicts else named()
