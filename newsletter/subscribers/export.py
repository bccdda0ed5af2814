"""Everything that is on file about one person, as one document they can take along (GDPR Art. 15 and 20).

Which tables that is, `holdings` says; those with a section there are shown as they are, the others in words below.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from newsletter.store.schema import attempts, campaigns, consent_records, deliveries, lists, subscribers, wordings
from newsletter.store.types import iso
from newsletter.subscribers import holdings, people
from newsletter.subscribers.people import Subscriber


def document(connection: Connection, person: Subscriber) -> dict[str, Any]:
    """JSON-ready: who, which lists, the evidence with its wordings, every mail of the ledger, every refusal, and what
    else names them: replies, reports that came back, an entry on the allow-list.
    """
    created_at = connection.execute(select(subscribers.c.created_at).where(subscribers.c.id == person.id)).scalar()
    return {
        **people.describe(connection, person),
        "language": person.language,
        "on_file_since": iso(created_at),
        "consent": _consent(connection, person),
        "mails": _mails(connection, person),
        "refusals": _refusals(connection, person),
        **_sections(connection, person),
    }


def _sections(connection: Connection, person: Subscriber) -> dict[str, list[dict[str, Any]]]:
    trail = holdings.trail_of(connection, person)
    found: dict[str, list[dict[str, Any]]] = {}
    for each in holdings.HOLDINGS:
        if each.section:
            rows = connection.execute(select(*(each.table.c[name] for name in each.shown)).where(each.theirs(trail)))
            found[each.section] = [{key: _plain(value) for key, value in row._mapping.items()} for row in rows]
    return found


def _plain(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else value


def _consent(connection: Connection, person: Subscriber) -> list[dict[str, Any]]:
    rows = connection.execute(
        select(consent_records, lists.c.slug, wordings.c.text)
        .join(lists, lists.c.id == consent_records.c.list_id)
        .outerjoin(wordings, wordings.c.hash == consent_records.c.wording_hash)
        .where(consent_records.c.subscriber_id == person.id)
        .order_by(consent_records.c.id)
    )
    return [
        {"at": iso(row.at), "act": row.kind, "list": row.slug, "wording": row.text, "evidence": row.personal}
        for row in rows
    ]


def _mails(connection: Connection, person: Subscriber) -> list[dict[str, Any]]:
    rows = connection.execute(
        select(
            deliveries,
            campaigns.c.kind,
            campaigns.c.slug.label("issue"),
            campaigns.c.series,
            lists.c.slug.label("list"),
        )
        .join(campaigns, campaigns.c.id == deliveries.c.campaign_id)
        .outerjoin(lists, lists.c.id == campaigns.c.list_id)
        .where(deliveries.c.campaign_id.in_(select(campaigns.c.id)), deliveries.c.subscriber_id == person.id)
        .order_by(deliveries.c.campaign_id, deliveries.c.seq)
    )
    return [
        {
            "kind": row.kind,
            "issue": row.issue or None,
            "series": row.series or None,
            "list": row.list,
            "status": row.status,
            "changed_at": iso(row.changed_at),
            "asked_for": row.scope,
        }
        for row in rows
    ]


def _refusals(connection: Connection, person: Subscriber) -> list[dict[str, Any]]:
    rows = connection.execute(
        select(attempts)
        .where(attempts.c.campaign_id.in_(select(campaigns.c.id)), attempts.c.subscriber_id == person.id)
        .order_by(attempts.c.id)
    )
    return [{"at": iso(row.at), "code": row.code, "text": row.text} for row in rows]
