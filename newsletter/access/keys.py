"""Keys of the API: shown once, kept as a hash, known afterwards by the few letters they begin with.

A key has 256 random bits, so that a plain SHA-256 of it can be neither reversed nor guessed; slow hashes are for
passwords that people choose. It is found by its prefix, which is no secret, and compared in constant time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from newsletter.access.scopes import Scope
from newsletter.errors import NewsletterError, NotFoundError
from newsletter.store.access_schema import api_keys
from newsletter.store.schema import Row

RATE = 120
"""Requests a minute when nothing else is said."""
MAX_RATE = 60_000
MAX_NAME = 100

_KEY = re.compile(r"nlk_([a-z2-7]{8})_([A-Za-z0-9_-]{43})")
_NOBODY = bytes(32)
"""Compared with when a prefix is unknown, so that both cases take the same time."""


@dataclass(frozen=True)
class ApiKey:
    """A key on file, without its secret."""

    id: int
    name: str
    prefix: str
    """The letters it begins with, `nlk_` left out; not secret."""
    scopes: tuple[Scope, ...]
    rate: int
    """Requests a minute."""
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


def create(
    connection: Connection, name: str, scopes: Sequence[Scope], now: datetime, *, rate: int = RATE
) -> tuple[ApiKey, str]:
    """A new key, and the text of it, which can never be shown again; no two live keys bear one name."""
    label = " ".join(name.split())
    if not label or len(label) > MAX_NAME or not label.isprintable():
        raise NewsletterError(f"A key needs a name of at most {MAX_NAME} characters.", hint="Say who will use it.")
    same = select(api_keys.c.prefix).where(api_keys.c.name == label, api_keys.c.revoked_at.is_(None))
    if (taken := connection.execute(same.limit(1)).scalar_one_or_none()) is not None:
        raise NewsletterError(
            f'There is a key named "{label}" already (nlk_{taken}).',
            hint="Choose another name, for the evidence of consent names the key; or revoke that one first.",
        )
    prefix = base64.b32encode(secrets.token_bytes(5)).decode("ascii").lower()
    secret = secrets.token_urlsafe(32)
    key_id = connection.execute(
        insert(api_keys)
        .values(
            name=label,
            prefix=prefix,
            secret_hash=_hash(secret),
            scopes=[scope.value for scope in scopes],
            rate=rate,
            created_at=now,
        )
        .returning(api_keys.c.id)
    ).scalar_one()
    return ApiKey(key_id, label, prefix, tuple(scopes), rate, now), f"nlk_{prefix}_{secret}"


def recognise(connection: Connection, presented: str) -> ApiKey | None:
    """The key that this text is, or None: unknown, misspelt and revoked look alike."""
    parts = _KEY.fullmatch(presented)
    prefix, secret = (parts[1], parts[2]) if parts else ("", "")
    row = connection.execute(select(api_keys).where(api_keys.c.prefix == prefix)).one_or_none()
    is_right = hmac.compare_digest(_hash(secret), _NOBODY if row is None else row.secret_hash)
    return _key(row) if row is not None and is_right and row.revoked_at is None else None


def every(connection: Connection) -> list[ApiKey]:
    """All keys, the oldest first, revoked ones too."""
    return [_key(row) for row in connection.execute(select(api_keys).order_by(api_keys.c.id))]


def revoke(connection: Connection, prefix: str, now: datetime) -> ApiKey:
    """Let a key open nothing any more; one that was revoked before stays so. Raises `NotFoundError`."""
    wanted = prefix.strip().removeprefix("nlk_").partition("_")[0]
    row = connection.execute(select(api_keys).where(api_keys.c.prefix == wanted)).one_or_none()
    if row is None:
        raise NotFoundError("There is no such key.", hint="`newsletter api-key list` shows what they begin with.")
    connection.execute(
        update(api_keys).where(api_keys.c.id == row.id, api_keys.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    return _key(row)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("ascii")).digest()


def _key(row: Row) -> ApiKey:
    scopes = tuple(Scope(word) for word in row.scopes)
    return ApiKey(row.id, row.name, row.prefix, scopes, row.rate, row.created_at, row.last_used_at, row.revoked_at)
