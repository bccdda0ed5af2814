"""What is on file about one reader's mail and consent, as values that a person and a program can read.

`testimony` makes of it a document for a court, `campaigns/why` an answer for whoever asks why somebody got an issue.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, func, select

from newsletter.deliveries.claims import Delivery
from newsletter.store.feedback_schema import feedback_events
from newsletter.store.schema import (
    CampaignKind,
    Row,
    attempts,
    campaigns,
    consent_records,
    deliveries,
    lists,
    snapshots,
    suppressions,
    wordings,
)
from newsletter.store.types import iso, to_millis
from newsletter.subscribers import consent
from newsletter.subscribers.letterhead import Letterhead
from newsletter.subscribers.people import Subscriber


def records(connection: Connection, person: Subscriber) -> list[dict[str, Any]]:
    """Every record of consent: the act, where from, in which words, and its place in the chain."""
    # How many stand before it is its place: row numbers may have gaps.
    earlier = consent_records.alias("earlier")
    place = select(func.count()).where(earlier.c.id <= consent_records.c.id).correlate(consent_records)
    rows = connection.execute(
        select(consent_records, lists.c.slug, wordings.c.version, wordings.c.language, wordings.c.text)
        .add_columns(place.scalar_subquery().label("place"))
        .join(lists, lists.c.id == consent_records.c.list_id)
        .outerjoin(wordings, wordings.c.hash == consent_records.c.wording_hash)
        .where(consent_records.c.subscriber_id == person.id)
        .order_by(consent_records.c.id)
    )
    return [_record(row) for row in rows]


def _record(row: Row) -> dict[str, Any]:
    shown = {"version": row.version, "language": row.language, "text": row.text, "hash": row.wording_hash}
    return {
        "record": row.id,
        "place": row.place,
        "at": iso(row.at),
        "act": row.kind,
        "list": row.slug,
        "evidence": row.personal,
        "wording": shown if row.wording_hash else None,
        "chain": {
            "version": 2 if "subscriber" in (row.personal or {}) else 1,
            "list_number": row.list_id,
            "milliseconds": to_millis(row.at),
            "salt": row.salt.hex() if row.salt else None,
            "commitment": row.commitment,
            "previous_hash": row.previous_hash,
            "hash": row.hash,
        },
    }


def chain(connection: Connection) -> dict[str, Any]:
    """How long the chain is, and how it ends: who has once seen a later end can tell that nothing was taken away."""
    last = connection.execute(
        select(consent_records.c.hash, consent_records.c.at).order_by(consent_records.c.id.desc()).limit(1)
    ).one_or_none()
    return {
        "records": consent.count(connection),
        "last_hash": last.hash if last else consent.GENESIS,
        "last_at": iso(last.at) if last else None,
    }


def mails(connection: Connection, person: Subscriber, letterhead: Letterhead) -> list[dict[str, Any]]:
    """Every mail of the ledger, the oldest first, with what servers answered and what came back."""
    rows = connection.execute(
        select(
            deliveries,
            campaigns.c.kind,
            campaigns.c.slug,
            campaigns.c.series,
            campaigns.c.is_trial,
            campaigns.c.status.label("campaign_status"),
            campaigns.c.pause_reason,
            campaigns.c.created_at.label("launched_at"),
            campaigns.c.list_id,
            lists.c.slug.label("list"),
            snapshots.c.content_hash,
        )
        .join(campaigns, campaigns.c.id == deliveries.c.campaign_id)
        .outerjoin(lists, lists.c.id == campaigns.c.list_id)
        .outerjoin(snapshots, snapshots.c.id == campaigns.c.snapshot_id)
        .where(deliveries.c.campaign_id.in_(select(campaigns.c.id)), deliveries.c.subscriber_id == person.id)
        .order_by(deliveries.c.campaign_id, deliveries.c.seq)
    ).all()
    said, back = _attempts(connection, person), _feedback(connection, person)
    return [
        {
            "campaign": row.campaign_id,
            "kind": row.kind,
            "issue": row.slug or None,
            "series": row.series or None,
            "list": row.list,
            "sandbox": row.is_trial,
            "campaign_status": row.campaign_status,
            "pause_reason": row.pause_reason or None,
            "launched_at": iso(row.launched_at),
            "content_hash": row.content_hash,
            "message_id": _message_id(row, person, letterhead),
            "status": row.status,
            "enrolled_at": iso(row.enrolled_at),
            "due_at": iso(row.due_at),
            "changed_at": iso(row.changed_at),
            "tries": row.tries,
            "code": row.code,
            "replies": said.get((row.campaign_id, row.seq), []),
            "feedback": back.get((row.campaign_id, row.seq), []),
        }
        for row in rows
    ]


def suppression_of(connection: Connection, address_hash: bytes) -> dict[str, Any] | None:
    """Why and since when an address is never mailed."""
    row = connection.execute(select(suppressions).where(suppressions.c.address_hash == address_hash)).one_or_none()
    return None if row is None else {"reason": row.reason, "since": iso(row.created_at), "note": row.note or None}


def _message_id(row: Row, person: Subscriber, letterhead: Letterhead) -> str:
    delivery = Delivery(
        *(row.campaign_id, person.id, row.seq, CampaignKind(row.kind), row.list_id, row.tries, person.uid),
        *(person.email, "", {}, "", None, None),
    )
    return f"<{letterhead.message_id(delivery)}@{letterhead.domain}>"


def _attempts(connection: Connection, person: Subscriber) -> dict[tuple[int, int], list[dict[str, Any]]]:
    rows = connection.execute(
        select(attempts)
        .where(and_(attempts.c.campaign_id.in_(select(campaigns.c.id)), attempts.c.subscriber_id == person.id))
        .order_by(attempts.c.id)
    )
    found: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in rows:
        said = {key: getattr(row, key) for key in ("verdict", "phase", "code", "enhanced", "text")}
        found.setdefault((row.campaign_id, row.seq), []).append({"at": iso(row.at), **said})
    return found


def _feedback(connection: Connection, person: Subscriber) -> dict[tuple[int, int], list[dict[str, Any]]]:
    rows = connection.execute(
        select(feedback_events).where(feedback_events.c.subscriber_id == person.id).order_by(feedback_events.c.id)
    )
    found: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in rows:
        said = {key: getattr(row, key) for key in ("kind", "source", "provider", "code", "enhanced", "reason")}
        found.setdefault((row.campaign_id, row.seq), []).append({"at": iso(row.at), **said})
    return found
