"""Webhooks: what a provider signs is taken in once; what nobody signed, or was changed on the way, does nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import websites
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from feedback_world import FeedbackWorld
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websites import START, World
from werkzeug.test import TestResponse

from newsletter import config
from newsletter.clock import FrozenClock
from newsletter.errors import NewsletterError
from newsletter.site import Site
from newsletter.site.listening import hooks_of
from newsletter.subscribers import people
from newsletter.subscribers.people import Subscriber
from newsletter.web.app import create_app
from newsletter.web.door import EXTENSION

EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem"
NOW = str(int(START.timestamp()))


def certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(RSA_KEY.public_key())
        .serial_number(1)
        .not_valid_before(START - timedelta(days=1))
        .not_valid_after(START + timedelta(days=1))
        .sign(RSA_KEY, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)


PEM = certificate()
EC_PUBLIC = EC_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
SETTINGS = f"""
[webhooks]
ses_topics = ["{TOPIC}"]
sendgrid_key = "{base64.b64encode(EC_PUBLIC).decode()}"
postmark_password = "a-postmark-password"
mailgun_key = "a-mailgun-key"
generic_secret = "a-generic-secret"
"""


@dataclass(frozen=True)
class Post:
    """What a provider would post."""

    provider: str
    body: bytes
    headers: dict[str, str]


@dataclass
class Hooks:
    """A Site that providers post to."""

    world: World
    feedback: FeedbackWorld
    fetched: list[str]

    def __call__(self, post: Post) -> TestResponse:
        return self.world.client.post(f"/hooks/{post.provider}", data=post.body, headers=post.headers)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Site with three readers and every provider; copied for each test."""
    folder = tmp_path_factory.mktemp("hooks")
    with websites.world(folder, more=SETTINGS) as world:
        FeedbackWorld(world.site, world.clock).sign_up(3)
    return folder


@pytest.fixture
def hooks(planted: Path, tmp_path: Path) -> Iterator[Hooks]:
    folder = Path(shutil.copytree(planted, tmp_path / "site"))
    clock = FrozenClock(START)
    with Site(folder, *config.load(folder, {}), clock) as site:
        fetched: list[str] = []

        def fetch(url: str) -> bytes:
            fetched.append(url)
            return PEM

        app = create_app(site)
        app.extensions[EXTENSION] = replace(app.extensions[EXTENSION], hooks=hooks_of(site, fetch))
        feedback = FeedbackWorld(site, clock)
        with site.database.read() as connection:
            found = [people.find(connection, f"r{number}@example.net") for number in range(3)]
        feedback.readers = [each for each in found if each is not None]
        yield Hooks(World(site, clock, app), feedback, fetched)


# -- what each provider posts ----------------------------------------------------------------------


def sns(message: Any, *, version: str = "2", **changed: str) -> Post:
    said = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea",
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-09-15T08:00:00.000Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        **changed,
    }
    names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    if said["Type"] != "Notification":
        names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{name}\n{said[name]}\n" for name in names if name in said)
    digest = hashes.SHA1() if version == "1" else hashes.SHA256()
    said["Signature"] = base64.b64encode(RSA_KEY.sign(text.encode(), padding.PKCS1v15(), digest)).decode()
    return Post("ses", json.dumps(said).encode(), {"Content-Type": "text/plain; charset=UTF-8"})


def ses(world: FeedbackWorld, campaign: int, reader: Subscriber, kind: str) -> Post:
    mail = {"source": f"{world.verp(campaign, reader)}@bounces.example.org", "messageId": "0102018", "headers": []}
    recipient = {"emailAddress": reader.email, "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
    said: dict[str, Any] = {
        "hard": {"bounce": {"bounceType": "Permanent", "bounceSubType": "General", "feedbackId": f"f{reader.id}",
                            "bouncedRecipients": [recipient]}},
        "complaint": {"complaint": {"complainedRecipients": [{"emailAddress": reader.email}], "feedbackId": "c",
                                    "complaintFeedbackType": "abuse"}},
        "delivered": {"delivery": {"recipients": [reader.email], "smtpResponse": "250 ok"}},
    }[kind]  # fmt: skip
    name = {"hard": "Bounce", "complaint": "Complaint", "delivered": "Delivery"}[kind]
    return sns({"notificationType": name, "mail": mail, **said})


def sendgrid(world: FeedbackWorld, campaign: int, reader: Subscriber, kind: str, *, at: str = NOW) -> Post:
    event: dict[str, Any] = {
        "hard": {"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 user unknown"},
        "complaint": {"event": "spamreport"},
        "delivered": {"event": "delivered", "response": "250 OK"},
    }[kind]
    message_id = world.message_id(campaign, reader)
    about = {"email": reader.email, "sg_event_id": f"sg-{kind}-{reader.id}", "smtp-id": message_id, "timestamp": 1}
    body = json.dumps([{**about, **event}]).encode() + b"\r\n"
    signature = EC_KEY.sign(at.encode() + body, ec.ECDSA(hashes.SHA256()))
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": at,
        "Content-Type": "application/json",
    }
    return Post("sendgrid", body, headers)


def postmark(_world: FeedbackWorld, _campaign: int, reader: Subscriber, kind: str) -> Post:
    said: dict[str, Any] = {
        "hard": {"RecordType": "Bounce", "Type": "HardBounce", "Email": reader.email, "Details": "unknown user"},
        "complaint": {"RecordType": "SpamComplaint", "Type": "SpamComplaint", "Email": reader.email},
        "delivered": {"RecordType": "Delivery", "Recipient": reader.email, "Details": "250 ok"},
    }[kind]
    credentials = base64.b64encode(b"anybody:a-postmark-password").decode()
    return Post("postmark", json.dumps({"ID": 42, **said}).encode(), {"Authorization": f"Basic {credentials}"})


def mailgun(world: FeedbackWorld, campaign: int, reader: Subscriber, kind: str, *, at: str = NOW) -> Post:
    status = {"code": 550, "message": "5.1.1 user unknown", "enhanced-code": "5.1.1"}
    event: dict[str, Any] = {
        "hard": {"event": "failed", "severity": "permanent", "reason": "bounce", "delivery-status": status},
        "complaint": {"event": "complained"},
        "delivered": {"event": "delivered", "delivery-status": {"message": "OK"}},
    }[kind]
    headers = {"message-id": world.message_id(campaign, reader).strip("<>")}
    token = hashlib.sha256(f"{kind}{reader.id}".encode()).hexdigest()
    signature = hmac.new(b"a-mailgun-key", (at + token).encode(), "sha256").hexdigest()
    said = {
        "signature": {"timestamp": at, "token": token, "signature": signature},
        "event-data": {"id": f"mg-{kind}", "recipient": reader.email, "message": {"headers": headers}, **event},
    }
    return Post("mailgun", json.dumps(said).encode(), {"Content-Type": "application/json"})


def generic(world: FeedbackWorld, campaign: int, reader: Subscriber, kind: str, *, at: str = NOW) -> Post:
    event = {
        "id": f"g-{kind}",
        "kind": kind,
        "recipient": reader.email,
        "envelope_sender": world.verp(campaign, reader),
    }
    body = json.dumps({"events": [event]}).encode()
    signature = hmac.new(b"a-generic-secret", at.encode() + b"." + body, "sha256").hexdigest()
    return Post("generic", body, {"X-Newsletter-Timestamp": at, "X-Newsletter-Signature": signature})


Make = Callable[..., Post]
PROVIDERS: dict[str, Make] = {each.__name__: each for each in (ses, sendgrid, postmark, mailgun, generic)}
every_provider = pytest.mark.parametrize("make", PROVIDERS.values(), ids=list(PROVIDERS))
signed_time = pytest.mark.parametrize("make", [sendgrid, mailgun, generic])


# -- what becomes of it ----------------------------------------------------------------------------


@every_provider
@pytest.mark.parametrize(
    ("kind", "suppressed"), [("hard", "hard_bounce"), ("complaint", "complaint"), ("delivered", None)]
)
def test_post_of_every_provider_is_taken_in_once(hooks: Hooks, make: Make, kind: str, suppressed: str | None) -> None:
    world = hooks.feedback
    campaign, reader = world.send("spring"), world.readers[0]
    post = make(world, campaign, reader, kind)
    assert [hooks(post).status_code for _ in range(3)] == [200, 200, 200]
    (event,) = world.events()
    assert (event.kind, event.source, event.campaign_id) == (kind, post.provider, campaign)
    assert world.suppressed(reader) == suppressed


@every_provider
def test_nothing_happens_when_any_octet_is_changed(hooks: Hooks, make: Make) -> None:
    world = hooks.feedback
    campaign, reader = world.send("spring"), world.readers[0]
    post = make(world, campaign, reader, "hard")
    before = hooks.world.fingerprint()
    for name, value in post.headers.items():
        if name != "Content-Type":
            for place in range(0, len(value), 7):
                changed = value[:place] + chr(ord(value[place]) ^ 1) + value[place + 1 :]
                answer = hooks(replace(post, headers={**post.headers, name: changed}))
                is_the_user = post.provider == "postmark" and answer.status_code == 200
                assert answer.status_code in {401, 403} or is_the_user, (name, place)
    assert post.provider == "postmark" or hooks.world.fingerprint() == before
    if post.provider in {"sendgrid", "generic"}:
        for place in range(0, len(post.body), 5):
            changed_body = post.body[:place] + bytes([post.body[place] ^ 1]) + post.body[place + 1 :]
            assert hooks(replace(post, body=changed_body)).status_code == 403
        assert hooks.world.fingerprint() == before


@every_provider
def test_unsigned_posts_and_rubbish_change_nothing(hooks: Hooks, make: Make) -> None:
    world = hooks.feedback
    post = make(world, world.send("spring"), world.readers[0], "complaint")
    before = hooks.world.fingerprint()
    kept = {} if post.provider in {"ses", "mailgun"} else {"X-Nothing": "1"}
    if kept:
        assert hooks(replace(post, headers=kept)).status_code in {401, 403}
    for body in (b"", b"{", b"[]", b"null", b"1" * 6000, b"[" * 100_000, b"\xff\xfe", b'{"events": 3}', b'"x"'):
        assert hooks(replace(post, body=body)).status_code in {200, 400, 401, 403}
    assert hooks(replace(post, body=b" " * (1024 * 1024 + 1))).status_code == 413
    assert hooks.world.client.get(f"/hooks/{post.provider}").status_code == 405
    assert hooks.world.fingerprint() == before


@signed_time
def test_old_posts_are_refused_though_their_signature_is_right(hooks: Hooks, make: Make) -> None:
    world = hooks.feedback
    campaign, reader = world.send("spring"), world.readers[0]
    hours = 25 if make is mailgun else 0.1
    for away in (-hours, hours):
        at = str(int((START + timedelta(hours=away)).timestamp()))
        assert hooks(make(world, campaign, reader, "hard", at=at)).status_code == 403
    assert world.events() == []


def test_token_of_mailgun_counts_once_whatever_comes_with_it(hooks: Hooks) -> None:
    world = hooks.feedback
    campaign, (first, second, _) = world.send("spring"), world.readers
    assert hooks(mailgun(world, campaign, first, "delivered")).status_code == 200
    said = json.loads(mailgun(world, campaign, second, "complaint").body)
    said["signature"] = json.loads(mailgun(world, campaign, first, "delivered").body)["signature"]
    assert hooks(Post("mailgun", json.dumps(said).encode(), {})).text == "known already\n"
    assert world.suppressed(second) is None


@every_provider
def test_signed_word_about_somebody_who_was_sent_nothing_changes_nothing(hooks: Hooks, make: Make) -> None:
    world = hooks.feedback
    campaign = world.send("spring")
    world.clock.advance(timedelta(seconds=1))
    stranger = replace(world.readers[0], uid=12345, email="stranger@example.com")
    assert hooks(make(world, campaign, stranger, "complaint")).status_code == 200
    assert world.events() == []


def test_provider_that_is_not_configured_is_not_found(hooks: Hooks, tmp_path: Path) -> None:
    assert hooks(Post("sparkpost", b"{}", {})).status_code == 404
    (tmp_path / "other").mkdir()
    with websites.world(tmp_path / "other") as world:
        assert world.client.post("/hooks/generic", data=b"{}").status_code == 404


@every_provider
def test_own_fault_asks_the_provider_to_come_again_and_then_counts(hooks: Hooks, make: Make) -> None:
    world = hooks.feedback
    campaign, reader = world.send("spring"), world.readers[0]
    post = make(world, campaign, reader, "hard")
    path = world.site.database.path
    world.site.any_database.engine.dispose()
    path.rename(path.with_suffix(".away"))
    path.mkdir()
    answer = hooks(post)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    world.site.any_database.engine.dispose()
    path.rmdir()
    path.with_suffix(".away").rename(path)
    assert hooks(post).status_code == 200
    assert world.suppressed(reader) == "hard_bounce"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        *("events", "id", "kind", "recipient", "reason", "code", "enhanced", "message_id", "event", "email", "type"),
        *(
            "status",
            "smtp-id",
            "sg_event_id",
            "RecordType",
            "Type",
            "Email",
            "ID",
            "Details",
            "Content",
            "mail",
            "bounce",
        ),
        *("bounceType", "bouncedRecipients", "emailAddress", "diagnosticCode", "headers", "source", "complaint"),
        *(
            "complainedRecipients",
            "notificationType",
            "eventType",
            "delivery",
            "recipients",
            "severity",
            "delivery-status",
        ),
    ]
)
LIKELY = st.sampled_from(
    [
        *(
            "hard",
            "soft",
            "complaint",
            "unsubscribed",
            "Bounce",
            "HardBounce",
            "SpamComplaint",
            "Complaint",
            "Delivery",
        ),
        *(
            "failed",
            "permanent",
            "complained",
            "bounce",
            "spamreport",
            "r0@example.net",
            "r\ud800@example.net",
            "\ud800",
        ),
    ]
)
SAID = st.recursive(
    JSON | LIKELY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=20,
)


@pytest.mark.parametrize("word", ["\ud800", "r\ud800@example.net", "x" * 300_000, "\0", "1" * 400])
def test_odd_words_in_every_place_are_answered(hooks: Hooks, word: str) -> None:
    hooks.feedback.send("spring")
    event = dict.fromkeys(("enhanced", "reason", "code", "message_id", "envelope_sender", "list_unsubscribe"), word)
    for recipient in (word, "r0@example.net"):
        body = json.dumps(
            {"events": [{"id": word + recipient, "kind": "soft", "recipient": recipient, **event}]}
        ).encode()
        signed = hmac.new(b"a-generic-secret", NOW.encode() + b"." + body, "sha256").hexdigest()
        post = Post("generic", body, {"X-Newsletter-Timestamp": NOW, "X-Newsletter-Signature": signed})
        assert hooks(post).status_code == (413 if len(body) > 1024 * 1024 else 200)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=SAID)
def test_whatever_is_signed_is_answered_and_breaks_nothing(hooks: Hooks, said: Any) -> None:
    body = json.dumps({"events": said} if isinstance(said, list) else said).encode()
    signed = hmac.new(b"a-generic-secret", NOW.encode() + b"." + body, "sha256").hexdigest()
    signature = base64.b64encode(EC_KEY.sign(NOW.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    token = hashlib.sha256(body).hexdigest()
    proof = hmac.new(b"a-mailgun-key", (NOW + token).encode(), "sha256").hexdigest()
    wrapped = {"signature": {"timestamp": NOW, "token": token, "signature": proof}, "event-data": said}
    twilio = "X-Twilio-Email-Event-Webhook-"
    posts = [
        Post("generic", body, {"X-Newsletter-Timestamp": NOW, "X-Newsletter-Signature": signed}),
        Post("sendgrid", body, {f"{twilio}Signature": signature, f"{twilio}Timestamp": NOW}),
        Post("postmark", body, {"X-Newsletter-Secret": "a-postmark-password"}),
        Post("mailgun", json.dumps(wrapped).encode(), {}),
        sns(said),
    ]
    assert {hooks(post).status_code for post in posts} <= {200, 400}


# -- SNS in particular -----------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_versions_of_the_signature_are_read_and_the_certificate_is_fetched_once(
    hooks: Hooks, version: str
) -> None:
    for number in range(3):
        assert hooks(sns({"number": number}, version=version)).status_code == 200
    assert hooks.fetched == [CERTIFICATE_URL]


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem",
        "https://s3.amazonaws.com/SimpleNotificationService-0123abcd.pem",
        "https://sns.evil.com/SimpleNotificationService-0123abcd.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.com/SimpleNotificationService-0123abcd.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.com/SimpleNotificationService-0123abcd.pem",
        "https://evil.com/?sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0123abcd.pem",
        "https://sns.eu-west-1.amazonaws.com/bucket/key.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem/../x",
        "https://sns.eu-west-1.amazonaws.com\\@evil.com/SimpleNotificationService-0123abcd.pem",
        "https://[::1]/SimpleNotificationService-0123abcd.pem",
        "https://sns.x:y/SimpleNotificationService-0123abcd.pem",
        "",
    ],
)
def test_certificate_from_anywhere_else_is_never_fetched(hooks: Hooks, url: str) -> None:
    assert hooks(sns({"x": 1}, SigningCertURL=url)).status_code == 403
    assert hooks.fetched == []


def confirmation(**changed: str) -> Post:
    said = {
        "Type": "SubscriptionConfirmation",
        "Token": "t",
        "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t",
        **changed,
    }
    return sns("You have chosen to subscribe", **said)


def test_subscription_to_a_known_topic_is_confirmed(hooks: Hooks) -> None:
    assert hooks(confirmation()).status_code == 200
    assert hooks.fetched[-1].startswith("https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription")


def test_subscription_to_a_strange_topic_or_by_a_strange_address_is_not(hooks: Hooks) -> None:
    assert hooks(confirmation(TopicArn=TOPIC + "x")).status_code == 403
    assert hooks.fetched == []
    for url in ("https://internal.example/", "http://sns.eu-west-1.amazonaws.com/?x", "https://169.254.169.254/"):
        assert hooks(confirmation(SubscribeURL=url)).status_code == 403
    assert set(hooks.fetched) == {CERTIFICATE_URL}


def test_notification_of_a_strange_topic_is_refused_though_amazon_signed_it(hooks: Hooks) -> None:
    assert hooks(sns({"x": 1}, TopicArn="arn:aws:sns:eu-west-1:999999999999:mine")).status_code == 403


def test_certificate_that_has_run_out_is_refused(hooks: Hooks) -> None:
    hooks.world.clock.advance(timedelta(days=2))
    assert hooks(sns({"x": 1})).status_code == 403


def test_certificate_that_cannot_be_had_just_now_asks_sns_to_come_again(hooks: Hooks) -> None:
    def fails(_url: str) -> bytes:
        raise NewsletterError("no network")

    door = hooks.world.app.extensions[EXTENSION]
    hooks.world.app.extensions[EXTENSION] = replace(door, hooks=hooks_of(hooks.world.site, fails))
    assert hooks(sns({"x": 1})).status_code == 503


@pytest.mark.parametrize(
    ("kind", "finer", "words", "becomes"),
    [
        ("Permanent", "NoEmail", "", "hard"),
        ("Permanent", "OnAccountSuppressionList", "", "hard"),
        ("Permanent", "General", "smtp; 550 5.7.1 message rejected due to local policy", "block"),
        ("Transient", "MailboxFull", "", "soft"),
        ("Transient", "General", "smtp; 550 5.1.1 user unknown", "soft"),
        ("Transient", "ContentRejected", "", "block"),
    ],
)
def test_bounces_of_ses_are_judged_by_words_before_types(
    hooks: Hooks, kind: str, finer: str, words: str, becomes: str
) -> None:
    world = hooks.feedback
    world.send("spring")
    recipient = {"emailAddress": world.readers[0].email, **({"diagnosticCode": words} if words else {})}
    bounce = {"bounceType": kind, "bounceSubType": finer, "feedbackId": "x", "bouncedRecipients": [recipient]}
    assert hooks(sns({"eventType": "Bounce", "mail": {}, "bounce": bounce})).status_code == 200
    assert [event.kind for event in world.events()] == [becomes]


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure"])
def test_harmless_reports_of_ses_are_no_complaints(hooks: Hooks, kind: str) -> None:
    world = hooks.feedback
    world.send("spring")
    complaint = {"complainedRecipients": [{"emailAddress": world.readers[0].email}], "complaintFeedbackType": kind}
    assert hooks(sns({"notificationType": "Complaint", "mail": {}, "complaint": complaint})).status_code == 200
    assert world.events() == []


# -- other particulars -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "becomes"),
    [
        ({"event": "bounce", "type": "blocked", "reason": "rejected"}, "block"),
        ({"event": "bounce", "type": "bounce", "bounce_classification": "Invalid Address"}, "hard"),
        ({"event": "dropped", "reason": "Bounced Address"}, "hard"),
        ({"event": "dropped", "reason": "Spam Reporting Address"}, "complaint"),
        ({"event": "group_unsubscribe"}, "unsubscribed"),
        ({"event": "deferred", "response": "451 later"}, None),
        ({"event": "open"}, None),
        ({}, None),
    ],
)
def test_events_of_sendgrid(hooks: Hooks, event: dict[str, str], becomes: str | None) -> None:
    world = hooks.feedback
    campaign, reader = world.send("spring"), world.readers[0]
    post = sendgrid(world, campaign, reader, "hard")
    about = {"email": reader.email, "sg_event_id": "x", **event}
    body = json.dumps([about, 7, None, "x"]).encode()
    signature = base64.b64encode(EC_KEY.sign(NOW.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    headers = {**post.headers, "X-Twilio-Email-Event-Webhook-Signature": signature}
    assert hooks(Post("sendgrid", body, headers)).status_code == 200
    assert [each.kind for each in world.events()] == ([becomes] if becomes else [])


@pytest.mark.parametrize(
    ("said", "becomes"),
    [
        ({"RecordType": "Bounce", "Type": "SoftBounce"}, "soft"),
        ({"RecordType": "Bounce", "Type": "SpamNotification"}, "block"),
        ({"RecordType": "Bounce", "Type": "AutoResponder"}, "auto_reply"),
        ({"RecordType": "Bounce", "Type": "Unsubscribe"}, "unsubscribed"),
        (
            {"RecordType": "SubscriptionChange", "SuppressSending": True, "Origin": "Recipient",
             "SuppressionReason": "ManualSuppression"},
            "unsubscribed",
        ),
        ({"RecordType": "SubscriptionChange", "SuppressSending": False, "Origin": "Recipient"}, None),
        ({"RecordType": "Open"}, None),
        ([], None),
    ],
)  # fmt: skip
def test_records_of_postmark_and_the_other_way_to_bring_its_secret(
    hooks: Hooks, said: Any, becomes: str | None
) -> None:
    world = hooks.feedback
    world.send("spring")
    if isinstance(said, dict):
        said = {"ID": 1, "Email": world.readers[0].email, **said}
    post = Post("postmark", json.dumps(said).encode(), {"X-Newsletter-Secret": "a-postmark-password"})
    assert hooks(post).status_code == 200
    assert [each.kind for each in world.events()] == ([becomes] if becomes else [])
    assert hooks(replace(post, headers={})).headers["WWW-Authenticate"].startswith("Basic")
