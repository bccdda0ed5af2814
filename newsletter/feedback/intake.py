"""Events come in: found to be about a mail of ours, written down once, and followed by what the policy says.

One transaction for each event holds the fact, what it proves of a copy in doubt, and what becomes of the address,
so that a crash leaves all of it or nothing, and the same report read again changes nothing. What matches no mail
of ours is not even written down.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, insert, select

from newsletter.clock import Clock
from newsletter.deliveries import ledger, retry
from newsletter.deliveries.claims import Delivery
from newsletter.deliveries.providers import provider_of
from newsletter.feedback import codes, matching, stopping
from newsletter.feedback.matching import Match
from newsletter.feedback.policy import RULES, Copy, Rule, is_unreachable, kind_of
from newsletter.feedback.verdict import MAX_REASON, Kind, Verdict
from newsletter.store.engine import Database
from newsletter.store.feedback_schema import FeedbackKind, feedback_events, feedback_reports
from newsletter.store.schema import CampaignKind, DeliveryStatus, SuppressionReason, campaigns, deliveries
from newsletter.subscribers import people, signup, suppression
from newsletter.subscribers.consent import Evidence
from newsletter.tokens import KeyRing
from newsletter.transport.base import Outcome, Phase

SMTP = "smtp"
MAIL = "mail"
LEFT_BY_MAIL = "unsubscribe-mail"
MAX_RAW = 128 * 1024
"""Octets kept of a report."""
LOOK_BACK = 50
"""Issues looked at for a row of failures."""

_ENHANCED = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_ADDRESS = re.compile(r"[^\s<>\"'(),:;@\[\]]{1,64}@[^\s<>\"'(),:;@\[\]]{1,255}")


@dataclass(frozen=True)
class Report:
    """What somebody says came back."""

    origin: str
    """Names this statement for good: the same one counts once."""
    source: str
    """`mail`, or the provider of a webhook."""
    verdict: Verdict
    raw: bytes = b""
    """The report as it came, to be kept for some days."""


@dataclass(frozen=True)
class Tally:
    """What became of some reports."""

    events: int = 0
    """New facts."""
    repeated: int = 0
    """Known already."""
    unmatched: int = 0
    """About no mail of ours."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.events + other.events, self.repeated + other.repeated, self.unmatched + other.unmatched)


class Intake:
    """Takes reports in, for one Site."""

    def __init__(self, database: Database, keys: KeyRing, clock: Clock, *, farewells: Collection[int] = ()) -> None:
        """`farewells` are the lists that say goodbye to who leaves by a mail."""
        self.database = database
        self.keys = keys
        self.clock = clock
        self._farewells = frozenset(farewells)

    def take(self, reports: Sequence[Report]) -> Tally:
        """Write down what is ours, and do what follows. Raises `StoreError`; what was taken in before stays."""
        tally = Tally()
        for report in reports:
            with self.database.read() as connection:
                match = matching.find(connection, self.keys, report.verdict, self.clock())
            if match is None or self._is_too_late(report, match):
                tally += Tally(unmatched=1)
                continue
            with self.database.write() as connection:
                is_new = self._record(connection, report, match)
            tally += Tally(events=1) if is_new else Tally(repeated=1)
        return tally

    def leave(self, local_part: str, origin: str) -> Tally:
        """Somebody wrote to the address that ends a subscription; `TokenError` when it is none of ours."""
        uid, list_id = self.keys.read_leave_address(local_part)
        now = self.clock()
        with self.database.write() as connection:
            match = matching.of_list(connection, uid, list_id)
            if match is None:
                return Tally(unmatched=1)
            event = _Event(origin, FeedbackKind.UNSUBSCRIBED, MAIL)
            if not _write(connection, event, match, now):
                return Tally(repeated=1)
            signup.unsubscribe(
                *(connection, match.person, list_id, Evidence(LEFT_BY_MAIL), now),
                farewell=list_id in self._farewells,
            )
        return Tally(events=1)

    def _is_too_late(self, report: Report, match: Match) -> bool:
        window = RULES[kind_of(report.verdict)].window
        return window is not None and match.sent_at is not None and self.clock() - match.sent_at > window

    def _record(self, connection: Connection, report: Report, match: Match) -> bool:
        verdict, now = report.verdict, self.clock()
        event = _Event(
            *(report.origin, kind_of(verdict), report.source, verdict.code, verdict.enhanced, verdict.reason),
            raw=report.raw,
        )
        if not _write(connection, event, match, now):
            return False
        if match.campaign_id is not None and match.seq is not None:
            copy = (match.campaign_id, match.person.id, match.seq)
            ledger.prove(connection, copy, RULES[event.kind].proves, now)
        _follow(connection, event, match, now)
        if match.kind is CampaignKind.ISSUE and match.campaign_id is not None and match.is_about_the_address:
            provider = provider_of(match.person.email)
            stopping.look(connection, match.campaign_id, event.kind, provider, now)
        return True


def from_smtp(connection: Connection, delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    """What a server said while we were sending, in the transaction that records it; the same table, the same policy.

    Only a last word counts: a refusal for good, or the deferral after which the copy is given up.
    """
    decision = retry.decide(outcome, kind=delivery.kind, tries=delivery.tries + 1, now=now)
    if decision.status is not DeliveryStatus.FAILED or not outcome.code or outcome.session:
        return
    person = people.by_uid(connection, delivery.uid)
    if person is None:
        return
    match = Match(person, "ledger", delivery.campaign_id, delivery.seq, delivery.kind, delivery.list_id)
    kind = FeedbackKind(codes.judge(outcome.code, outcome.enhanced, outcome.text, outcome.phase).value)
    if kind is FeedbackKind.HARD and outcome.phase is not Phase.RCPT and codes.by_words(outcome.text) is not Kind.HARD:
        kind = FeedbackKind.SOFT  # an answer to the message, whatever its number: only words can mean the mailbox
    origin = f"smtp:{delivery.campaign_id}:{delivery.subscriber_id}:{delivery.seq}:{delivery.tries}"
    event = _Event(origin, kind, SMTP, outcome.code, outcome.enhanced, outcome.text)
    if _write(connection, event, match, now):
        _follow(connection, event, match, now)


@dataclass(frozen=True)
class _Event:
    origin: str
    kind: FeedbackKind
    source: str
    code: int = 0
    enhanced: str = ""
    reason: str = ""
    raw: bytes = b""


def _write(connection: Connection, event: _Event, match: Match, now: datetime) -> bool:
    """Add the fact; False when it is known."""
    known = exists().where(feedback_events.c.origin == event.origin)
    if connection.execute(select(known)).scalar():
        return False
    digest = hashlib.sha256(event.raw).digest() if event.raw else None
    connection.execute(
        insert(feedback_events).values(
            origin=event.origin,
            at=now,
            kind=event.kind,
            source=event.source,
            matched=match.how,
            campaign_id=match.campaign_id,
            subscriber_id=match.person.id,
            seq=match.seq,
            provider=provider_of(match.person.email)[:255],
            code=event.code or None,
            enhanced=event.enhanced if _ENHANCED.fullmatch(event.enhanced) else "",
            reason=without_addresses(event.reason),
            report_hash=digest,
        )
    )
    if digest is not None:
        kept = exists().where(feedback_reports.c.hash == digest)
        if not connection.execute(select(kept)).scalar():
            connection.execute(
                insert(feedback_reports).values(
                    hash=digest, received_at=now, source=event.source, raw=event.raw[:MAX_RAW]
                )
            )
    return True


def _follow(connection: Connection, event: _Event, match: Match, now: datetime) -> None:
    """What the policy says of the person."""
    rule = RULES[event.kind]
    if rule.unsubscribes:
        _unsubscribe(connection, match, event, now)
    reason = _reason_to_suppress(connection, rule, match)
    if reason is not None:
        words = event.reason or " ".join(part for part in (str(event.code or ""), event.enhanced) if part)
        note = f"{event.source}: {words}" if words else event.source
        suppression.suppress(connection, match.person.address_hash, reason, now, without_addresses(note)[:200])


def _reason_to_suppress(connection: Connection, rule: Rule, match: Match) -> SuppressionReason | None:
    if rule.suppress is SuppressionReason.COMPLAINT and not match.is_trial:
        return rule.suppress  # a person complained, wherever the mail went
    if not match.is_about_the_address:
        return None
    if rule.strikes:
        return SuppressionReason.UNREACHABLE if is_unreachable(_issues_to(connection, match.person.id)) else None
    return rule.suppress


def _unsubscribe(connection: Connection, match: Match, event: _Event, now: datetime) -> None:
    """From the list of that mail; from all when it was of none."""
    leaving = [match.list_id] if match.list_id is not None else signup.subscribed_lists(connection, match.person)
    for list_id in leaving:
        signup.unsubscribe(connection, match.person, list_id, Evidence(event.source), now, farewell=False)


def _issues_to(connection: Connection, subscriber_id: int) -> list[Copy]:
    """The last issues that went to a reader, newest first, and which of them came back for their trouble.

    What failed for another reason counts neither way and is left out.
    """
    said = {
        (row.campaign_id, row.seq): FeedbackKind(row.kind)
        for row in connection.execute(
            select(feedback_events.c.campaign_id, feedback_events.c.seq, feedback_events.c.kind)
            .where(
                feedback_events.c.subscriber_id == subscriber_id,
                feedback_events.c.kind.in_([FeedbackKind.SOFT, FeedbackKind.BLOCK]),
            )
            .order_by(feedback_events.c.id)
        )
    }
    rows = connection.execute(
        select(deliveries.c.campaign_id, deliveries.c.seq, deliveries.c.status, deliveries.c.changed_at)
        .join(campaigns, campaigns.c.id == deliveries.c.campaign_id)
        .where(
            deliveries.c.subscriber_id == subscriber_id,
            deliveries.c.campaign_id.in_(select(campaigns.c.id)),
            campaigns.c.kind.in_([CampaignKind.ISSUE, CampaignKind.SERIES]),
            campaigns.c.is_trial.is_(False),
            deliveries.c.status.in_([DeliveryStatus.SENT, DeliveryStatus.FAILED]),
        )
        .order_by(deliveries.c.changed_at.desc(), deliveries.c.campaign_id.desc())
        .limit(LOOK_BACK)
    )
    copies = []
    for row in rows:
        kind = said.get((row.campaign_id, row.seq))
        if kind is FeedbackKind.SOFT or (kind is None and row.status == DeliveryStatus.SENT):
            copies.append(Copy(row.changed_at, kind is not None))
    return copies


def without_addresses(text: str) -> str:
    """One line of somebody's words without the addresses they quote: facts outlive the people they are about."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return _ADDRESS.sub("…", line)[:MAX_REASON]
