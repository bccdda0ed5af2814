"""Replies of readers to past issues: kept when they come, shown only when an editor says so.

A reply is a stranger's text. It is stored as plain words without control characters and never becomes anything
else: no markup, no link. Its address is for the editor alone; whoever looks at a page sees a name and words.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from newsletter.addresses import Address
from newsletter.deliveries.lifecycle import sources
from newsletter.errors import NotFoundError, StateError
from newsletter.store.reply_schema import ReplyStatus, replies
from newsletter.subscribers.gate import Decision, Gate, Verdict, Visit

MAX_WORDS = 8 * 1024
"""Octets of a reply, in UTF-8."""

MOST_WAITING = 500
"""Undecided replies; what comes when nobody reads them any more is not kept."""

REPLY: Mapping[ReplyStatus, frozenset[ReplyStatus]] = {
    ReplyStatus.PENDING: frozenset({ReplyStatus.APPROVED, ReplyStatus.REJECTED}),
    ReplyStatus.APPROVED: frozenset({ReplyStatus.REJECTED}),
    ReplyStatus.REJECTED: frozenset({ReplyStatus.APPROVED}),
}

_JOINERS = frozenset("\u200c\u200d")


@dataclass(frozen=True)
class Draft:
    """A reply as it came in, checked and cleaned."""

    slug: str
    name: str
    address: Address
    words: str


@dataclass(frozen=True)
class Reply:
    """A reply as the editor sees it."""

    id: int
    slug: str
    name: str
    email: str
    words: str
    status: ReplyStatus
    created_at: datetime


@dataclass(frozen=True)
class PublicReply:
    """An approved reply as anybody may see it: nothing in it leads to its writer."""

    name: str
    words: str
    at: datetime
    """When it came."""
    approved_at: datetime

    @property
    def paragraphs(self) -> list[list[str]]:
        """The words in paragraphs of lines."""
        return [part.split("\n") for part in self.words.split("\n\n")]


def clean_words(text: str) -> str:
    """Words as they are stored: lines and paragraphs, and in them nothing that steers a terminal or a page."""
    kept = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    kept = "".join(each if each == "\n" or each in _JOINERS else _visible(each) for each in kept)
    lines = [" ".join(line.split(" ")).rstrip() for line in kept.split("\n")]
    paragraphs = "\n".join(lines)
    while "\n\n\n" in paragraphs:
        paragraphs = paragraphs.replace("\n\n\n", "\n\n")
    return paragraphs.strip()


def post(connection: Connection, gate: Gate, visit: Visit, draft: Draft, now: datetime) -> Decision:
    """Through the gate and onto the editor's desk: kept with PASS. Call inside a write transaction.

    The same words once more are a second press of the button: no second reply, and nothing to decide.
    """
    same = (replies.c.slug == draft.slug, replies.c.email_key == draft.address.key, replies.c.words == draft.words)
    if connection.execute(select(replies.c.id).where(*same).limit(1)).scalar() is not None:
        return Decision(Verdict.PASS)
    decision = gate.decide(connection, visit, now)
    if decision.verdict is not Verdict.PASS:
        return decision
    if _waiting(connection) >= MOST_WAITING:
        return Decision(Verdict.ENOUGH, "desk")
    gate.spend(connection, visit, now)
    connection.execute(
        insert(replies).values(
            slug=draft.slug,
            name=draft.name,
            email=draft.address.email,
            email_key=draft.address.key,
            words=draft.words,
            status=ReplyStatus.PENDING,
            created_at=now,
        )
    )
    return decision


def approved(connection: Connection, slug: str | None = None) -> dict[str, tuple[PublicReply, ...]]:
    """What anybody may see, by issue, the oldest first."""
    query = select(replies).where(replies.c.status == ReplyStatus.APPROVED)
    if slug is not None:
        query = query.where(replies.c.slug == slug)
    found: dict[str, tuple[PublicReply, ...]] = {}
    for row in connection.execute(query.order_by(replies.c.created_at, replies.c.id)):
        shown = PublicReply(row.name, row.words, row.created_at, row.decided_at)
        found[row.slug] = (*found.get(row.slug, ()), shown)
    return found


def find(connection: Connection, reply_id: int) -> Reply:
    """The reply of that number, or `NotFoundError`."""
    row = connection.execute(select(replies).where(replies.c.id == reply_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no reply {reply_id}.", hint="`newsletter replies list` shows them.")
    return _reply(row)


def page(connection: Connection, status: ReplyStatus | None = None) -> list[Reply]:
    """All replies, or those of one status, the newest first."""
    query = select(replies).order_by(replies.c.id.desc())
    return [
        _reply(row) for row in connection.execute(query if status is None else query.where(replies.c.status == status))
    ]


def decide(connection: Connection, reply_id: int, target: ReplyStatus, now: datetime) -> Reply:
    """Show a reply or do not. Raises `StateError` when it stands there already."""
    found = find(connection, reply_id)
    moved = connection.execute(
        update(replies)
        .where(replies.c.id == reply_id, replies.c.status.in_(sources(REPLY, target)))
        .values(status=target, decided_at=now)
    ).rowcount
    if not moved:
        raise StateError(f"Reply {reply_id} is {found.status.value} already.")
    return find(connection, reply_id)


def forget(connection: Connection, reply_id: int) -> None:
    """Take one reply away for good; `NotFoundError` when there is none."""
    find(connection, reply_id)
    connection.execute(delete(replies).where(replies.c.id == reply_id))


def untold(connection: Connection) -> list[Reply]:
    """Replies the editor has had no mail about, the oldest first."""
    query = select(replies).where(replies.c.told_at.is_(None), replies.c.status == ReplyStatus.PENDING)
    return [_reply(row) for row in connection.execute(query.order_by(replies.c.id))]


def mark_told(connection: Connection, known: Sequence[Reply], now: datetime) -> None:
    """The editor has had a mail about these."""
    connection.execute(update(replies).where(replies.c.id.in_([each.id for each in known])).values(told_at=now))


def _waiting(connection: Connection) -> int:
    waiting = select(func.count()).select_from(replies).where(replies.c.status == ReplyStatus.PENDING)
    return int(connection.execute(waiting).scalar_one())


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    # Spaces of other widths stay spaces; what nobody sees (controls, directions, tags) goes.
    return " " if character.isspace() else ""


def _reply(row: Any) -> Reply:
    return Reply(row.id, row.slug, row.name, row.email, row.words, ReplyStatus(row.status), row.created_at)
