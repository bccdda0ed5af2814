"""Idempotency keys: a request that is sent again gets the answer of the first, and is not carried out twice.

After draft-ietf-httpapi-idempotency-key-header. The key is reserved before anything is done and the answer is kept
with it for a day. A reservation whose process died before it could answer is taken over after a minute; what the
API does can be done again, because sign-ups have budgets, suppressions are sets, and a launch continues.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from newsletter.store.access_schema import api_answers

LIFE = timedelta(hours=24)
PATIENCE = timedelta(minutes=1)
"""How long a request may take before it counts as lost."""


class Trouble(StrEnum):
    """Why a request with this key is neither carried out nor answered again."""

    DIFFERENT = "different"
    """The key came with another request before."""
    UNDER_WAY = "under way"
    """The first request is not answered yet."""


@dataclass(frozen=True)
class Kept:
    """An answer as it was given."""

    status: int
    headers: dict[str, str]
    body: str


def reserve(
    connection: Connection, key_id: int, word: str, request_hash: bytes, now: datetime
) -> Kept | Trouble | None:
    """Make `word` stand for this request; None when it does now, else the kept answer or what is in the way.

    Inside a write transaction.
    """
    forget_old(connection, now)
    row = connection.execute(select(api_answers).where(_same(key_id, word))).one_or_none()
    if row is None:
        connection.execute(
            insert(api_answers).values(key_id=key_id, word=word, request_hash=request_hash, created_at=now)
        )
        return None
    if row.request_hash != request_hash:
        return Trouble.DIFFERENT
    if row.status is not None:
        return Kept(row.status, row.headers, row.body)
    if now - row.created_at < PATIENCE:
        return Trouble.UNDER_WAY
    connection.execute(update(api_answers).where(_same(key_id, word)).values(created_at=now))
    return None


def keep(connection: Connection, key_id: int, word: str, answer: Kept) -> None:
    """Remember what was answered."""
    values: dict[str, Any] = {"status": answer.status, "headers": answer.headers, "body": answer.body}
    connection.execute(update(api_answers).where(_same(key_id, word)).values(**values))


def drop(connection: Connection, key_id: int, word: str) -> None:
    """Give a reservation back: nothing was done, and the same request may come again."""
    connection.execute(delete(api_answers).where(_same(key_id, word), api_answers.c.status.is_(None)))


def forget_old(connection: Connection, now: datetime) -> None:
    """Answers name people, and are kept no longer than they are good for."""
    connection.execute(delete(api_answers).where(api_answers.c.created_at < now - LIFE))


def _same(key_id: int, word: str) -> ColumnElement[bool]:
    return and_(api_answers.c.key_id == key_id, api_answers.c.word == word)
