"""Amazon SES through SNS: a signed notification of a topic we know, and inside it what became of a mail.

The certificate that a signature is checked with is named by the post itself, so it counts only when it comes from
SNS's own hosts, and a topic only when the operator named it: anybody can make a topic and have it post here.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from newsletter.feedback.verdict import Delivery, Kind, Verdict
from newsletter.feedback.webhooks.post import (
    Event,
    Heard,
    Post,
    Refused,
    Unreadable,
    failure,
    named,
    parsed,
    table,
    tables,
    text,
)

Fetch = Callable[[str], bytes]
"""The body at an https address, from there and nowhere else; raises `NewsletterError`."""

_HOST = re.compile(r"sns\.[a-z0-9-]{1,40}\.amazonaws\.com(\.cn)?")
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9a-f]{1,64}\.pem")
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_SIGNED["UnsubscribeConfirmation"] = _SIGNED["SubscriptionConfirmation"]
_OURS = frozenset({"ContentRejected", "AttachmentRejected", "MessageTooLarge"})
_HARMLESS = frozenset({"not-spam", "auth-failure"})
MOST_CERTIFICATES = 16


class Ses:
    """Reads the posts of SNS topics."""

    def __init__(self, topics: Collection[str], fetch: Fetch) -> None:
        self._topics = frozenset(topics)
        self._fetch = fetch
        self._certificates: dict[str, x509.Certificate] = {}

    def __call__(self, post: Post) -> Heard:
        """Verify and read; a new subscription to a topic we know is confirmed by the way."""
        said = table(parsed(post.body))
        kind = text(said.get("Type"))
        if kind not in _SIGNED:
            raise Unreadable("This is no message of SNS.")
        if text(said.get("TopicArn")) not in self._topics:
            raise Refused("The topic is not in [webhooks] ses_topics.")
        self._verify(said, post.at)
        if kind == "SubscriptionConfirmation":
            self._fetch(_ours(text(said.get("SubscribeURL"))))
            return Heard()
        if kind != "Notification":
            return Heard()
        return Heard(tuple(_events(text(said.get("MessageId")), table(parsed(text(said.get("Message")).encode())))))

    def _verify(self, said: dict[str, Any], now: datetime) -> None:
        digest = {"1": hashes.SHA1(), "2": hashes.SHA256()}.get(text(said.get("SignatureVersion")))  # noqa: S303
        if digest is None:
            raise Refused("The version of the signature is unknown.")
        lines = [f"{name}\n{text(said[name])}\n" for name in _SIGNED[text(said["Type"])] if text(said.get(name))]
        try:
            signature = base64.b64decode(text(said.get("Signature")), validate=True)
            key = self._certificate(text(said.get("SigningCertURL")), now).public_key()
            if not isinstance(key, rsa.RSAPublicKey):
                raise Refused("The certificate holds no RSA key.")
            key.verify(signature, "".join(lines).encode(), padding.PKCS1v15(), digest)
        except (InvalidSignature, binascii.Error, ValueError) as error:
            raise Refused("The signature is wrong.") from error

    def _certificate(self, url: str, now: datetime) -> x509.Certificate:
        if not _CERTIFICATE.fullmatch(urlsplit(_ours(url)).path):
            raise Refused("The certificate is not one of SNS.")
        if url not in self._certificates:
            if len(self._certificates) >= MOST_CERTIFICATES:
                self._certificates.clear()
            self._certificates[url] = x509.load_pem_x509_certificate(self._fetch(url))
        found = self._certificates[url]
        if not found.not_valid_before_utc <= now <= found.not_valid_after_utc:
            raise Refused("The certificate is not valid now.")
        return found


def _ours(url: str) -> str:
    """An address on SNS's own hosts, or `Refused`: other hosts of Amazon belong to anybody."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused("The address is none.") from error
    is_plain = parts.scheme == "https" and port is None and parts.username is None and not parts.fragment
    if not is_plain or not url.isascii() or not url.isprintable() or not _HOST.fullmatch(parts.netloc):
        raise Refused("The address does not belong to SNS.")
    return url


def _events(id: str, said: dict[str, Any]) -> Iterator[Event]:
    mail = table(said.get("mail"))
    common = table(mail.get("commonHeaders"))
    about = named(
        sender=text(mail.get("source")), message_id=text(common.get("messageId")), headers=mail.get("headers")
    )
    match text(said.get("notificationType")) or text(said.get("eventType")):
        case "Bounce":
            bounce = table(said.get("bounce"))
            id = text(bounce.get("feedbackId")) or id
            found = [_bounced(each, bounce, about) for each in tables(bounce.get("bouncedRecipients"))]
        case "Complaint":
            complaint = table(said.get("complaint"))
            id = text(complaint.get("feedbackId")) or id
            kind = text(complaint.get("complaintFeedbackType")).lower()
            found = [
                Verdict(text(each.get("emailAddress")), Kind.COMPLAINT, 0, "", kind, about, kind, kind == "opt-out")
                for each in tables(complaint.get("complainedRecipients"))
                if kind not in _HARMLESS
            ]
        case "Delivery":
            delivery = table(said.get("delivery"))
            words = text(delivery.get("smtpResponse"))[:300]
            names = delivery.get("recipients")
            found = [
                Verdict(text(each), Kind.DELIVERED, 0, "", words, about)
                for each in (names[:100] if isinstance(names, list) else [])
            ]
            id = f"{id}:delivery"
        case _:
            found = []
    # A report may keep its recipients to itself; who it is about still follows from the mail.
    yield from (Event(f"{id}:{number}", verdict) for number, verdict in enumerate(found))


def _bounced(recipient: dict[str, Any], bounce: dict[str, Any], about: Delivery) -> Verdict:
    kind, finer = text(bounce.get("bounceType")), text(bounce.get("bounceSubType"))
    opinion = {"Permanent": Kind.HARD, "Transient": Kind.SOFT}.get(kind)
    words = text(recipient.get("diagnosticCode"))
    verdict = failure(
        *(text(recipient.get("emailAddress")), words or f"{kind} {finer}", about),
        status=text(recipient.get("status")),
        otherwise=Kind.BLOCK if finer in _OURS else opinion,
    )
    if verdict.kind is Kind.HARD and kind != "Permanent":
        return Verdict(verdict.recipient, Kind.SOFT, verdict.code, verdict.enhanced, verdict.reason, about)
    return verdict
