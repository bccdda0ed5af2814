"""ConsentRecords: append-only evidence of who agreed to what, when, where and in which words.

Each record carries a hash over itself and the record before, so that none can be changed, dropped
or slipped in later. What is personal (address, network, agent) is not hashed itself: the chain runs
over a commitment to it, made with a random salt. Erasing person and salt leaves the chain whole and
the commitment meaningless, which is what GDPR Art. 17 asks and Art. 7(1) allows.

Whose record it is, the row number of the subscriber, stands in a column that can be emptied and, since the second
version of the chain, in the personal part too: so it is committed to, and cannot be turned to somebody else. Records
of the first version commit to the address alone. A record tells its version by itself, because what it commits to
names the subscriber or does not; the links are the same.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, exists, func, insert, select

from newsletter.store import bulk
from newsletter.store.schema import ConsentKind, consent_records, wordings
from newsletter.store.types import canonical_json, to_millis

GENESIS = "0" * 64
SALT = 16
"""Octets of salt in a commitment."""

_COLUMNS = (
    *("subscriber_id", "list_id", "kind", "at", "wording_hash"),
    *("personal", "salt", "commitment", "previous_hash", "hash"),
)


@dataclass(frozen=True)
class Evidence:
    """Where an act of consent came from."""

    source: str
    """`form`, `confirm-page`, `one-click`, `unsubscribe-page`, `import`, `cli` …"""
    network: str = ""
    """The visitor's network (IPv4 /24, IPv6 /48): enough for evidence, too little to follow a person."""
    user_agent: str = ""
    basis: str = ""
    """What an import or an editor states as the ground of consent."""
    origin: str = ""
    """File and row of an import, or the page the form stood on."""


@dataclass(frozen=True)
class Wording:
    """Exactly what a person was shown when they agreed."""

    version: str
    language: str
    text: str

    @property
    def hash(self) -> str:
        """SHA-256 over version, language and text, hex."""
        return hashlib.sha256(canonical_json(asdict(self)).encode("utf-8")).hexdigest()


def truncated_network(ip: str) -> str:
    """`203.0.113.77` → `203.0.113.0/24`, `2001:db8::1` → `2001:db8::/48`; empty when it is no address."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ""
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))


class Act(NamedTuple):
    """One thing a person did about one list, or that was done in their name."""

    kind: ConsentKind
    subscriber_id: int
    list_id: int
    email: str
    evidence: Evidence
    wording: Wording | None = None


def was_disowned(connection: Connection, subscriber_id: int, list_ids: Sequence[int], since: datetime) -> bool:
    """Whether a person has said since then that they had not asked for one of these lists."""
    records = consent_records.c
    wanted = (records.subscriber_id == subscriber_id, records.list_id.in_(list_ids), records.at >= since)
    return bool(connection.execute(select(exists().where(*wanted, records.kind == ConsentKind.DISOWNED))).scalar())


def append(connection: Connection, acts: Sequence[Act], now: datetime) -> None:
    """Add records at the end of the chain, in this order. Call inside a write transaction."""
    if not acts:
        return
    previous_hash = last_hash(connection)
    for wording in {act.wording for act in acts if act.wording is not None}:
        _keep(connection, wording, now)
    at = to_millis(now)
    rows = []
    random = secrets.token_bytes(SALT * len(acts))
    for index, act in enumerate(acts):
        wording_hash = None if act.wording is None else act.wording.hash
        personal = canonical_json(
            {"email": act.email, "subscriber": act.subscriber_id}
            | {key: each for key, each in vars(act.evidence).items() if each}
        )
        salt = random[SALT * index : SALT * (index + 1)]
        commitment = commit(salt, personal)
        digest = link(previous_hash, act.list_id, act.kind, at, wording_hash, commitment)
        rows.append(
            (
                *(act.subscriber_id, act.list_id, act.kind.value, at, wording_hash),
                *(personal, salt, commitment, previous_hash, digest),
            )
        )
        previous_hash = digest
    bulk.insert_rows(connection, consent_records, _COLUMNS, rows)


def broken(
    connection: Connection, on_progress: Callable[[int], object] = lambda _done: None
) -> Iterator[tuple[int, str]]:
    """Walk the chain; yields (record id, what is wrong) for every record that does not fit, and tells how far it is."""
    previous_hash = GENESIS
    rows = connection.execute(select(consent_records).order_by(consent_records.c.id).execution_options(yield_per=1000))
    for number, row in enumerate(rows, 1):
        if fault := _fault(row, previous_hash):
            yield row.id, fault
        previous_hash = row.hash
        if number % 1000 == 0:
            on_progress(number)
    for shown in connection.execute(select(wordings)):
        if Wording(shown.version, shown.language, shown.text).hash != shown.hash:
            first = select(func.min(consent_records.c.id)).where(consent_records.c.wording_hash == shown.hash)
            yield connection.execute(first).scalar() or 0, "refers to a wording that was changed"


def _fault(row: Any, previous_hash: str) -> str:
    """What is wrong with one record, or nothing."""
    digest = link(previous_hash, row.list_id, row.kind, to_millis(row.at), row.wording_hash, row.commitment)
    if row.previous_hash != previous_hash:
        return "does not follow the record before it"
    if row.hash != digest:
        return "was changed after it was written"
    if row.personal is None:
        return "is said to be about somebody, though its personal part is erased" if row.subscriber_id else ""
    if commit(row.salt or b"", canonical_json(row.personal)) != row.commitment:
        return "has a personal part that is not the one committed to"
    if row.personal.get("subscriber", row.subscriber_id) != row.subscriber_id:
        return "was turned to somebody else"
    return ""


def last_hash(connection: Connection) -> str:
    """How the chain ends; who has seen a later end knows that something was taken away."""
    found = connection.execute(select(consent_records.c.hash).order_by(consent_records.c.id.desc()).limit(1)).scalar()
    return found or GENESIS


def holds(connection: Connection, digest: str) -> bool:
    """Whether a record has this hash."""
    return bool(connection.execute(select(exists().where(consent_records.c.hash == digest))).scalar())


def count(connection: Connection) -> int:
    """How long the chain is."""
    return int(connection.execute(select(func.count()).select_from(consent_records)).scalar_one())


def _keep(connection: Connection, wording: Wording, now: datetime) -> None:
    if not connection.execute(select(exists().where(wordings.c.hash == wording.hash))).scalar():
        connection.execute(insert(wordings).values(hash=wording.hash, first_seen_at=now, **asdict(wording)))


def commit(salt: bytes, personal: str) -> str:
    """SHA-256 over the salt and the personal part as canonical JSON, hex."""
    return hashlib.sha256(salt + personal.encode("utf-8")).hexdigest()


def link(previous: str, list_id: int, kind: str, at: int, wording: str | None, commitment: str) -> str:  # noqa: PLR0917
    """SHA-256 over a JSON list of these, hex: what holds a record to the one before it."""
    body = canonical_json([previous, list_id, str(kind), at, wording, commitment])
    return hashlib.sha256(body.encode("utf-8")).hexdigest()
