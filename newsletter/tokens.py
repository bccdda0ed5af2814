"""Signed links and keyed hashes: everything that proves "we made this" without a row in the database.

One key ring per Site lives in `var/keys.toml` (0600), outside the database, so that a stolen
database can neither forge an unsubscribe link nor be asked "is this address suppressed?". Signing
keys rotate: the newest signs, all verify, so a link in a mail from years ago still unsubscribes.
The suppression key never rotates, because its hashes cannot be recomputed once an address is erased.

Every purpose has a key of its own, derived from the master (HMAC as in RFC 5869 §2.3), so a token
made for one door does not open another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import stat
import struct
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from newsletter import files
from newsletter.errors import ConfigError, TokenError

MAC_BYTES = 16
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
VERP_MAC_BYTES = 8
"""Shorter, because a local part has 64 octets (RFC 5321 §4.5.3.1.1); 2^-64 a guess is still hopeless."""


@dataclass(frozen=True)
class SigningKey:
    """One master key; `id` (0–255) stands in front of every token it signed."""

    id: int
    secret: bytes
    created_at: str


@dataclass(frozen=True)
class Verp:
    """What an envelope sender says about the message it belongs to."""

    campaign_id: int
    subscriber_uid: int
    seq: int


class KeyRing:
    """The Site's keys, and the four kinds of proof made with them."""

    def __init__(self, signing: Sequence[SigningKey], suppression: bytes) -> None:
        self.signing = tuple(signing)
        self._suppression = suppression
        self._by_id = {key.id: key for key in signing}
        self._derived: dict[tuple[int, str], bytes] = {}

    # -- files ---------------------------------------------------------------------------------

    @classmethod
    def load(cls, path: Path) -> KeyRing:
        """Read the ring, or raise `ConfigError` saying how to get one."""
        try:
            mode = path.stat().st_mode
            data = tomllib.loads(path.read_text("utf-8"))
            signing = [
                SigningKey(int(row["id"]), _unb64(row["secret"]), str(row["created_at"])) for row in data["signing"]
            ]
            suppression = _unb64(data["suppression"]["secret"])
        except FileNotFoundError as error:
            raise ConfigError(
                f"The key ring {path} does not exist.",
                hint="Restore it from your backup; on a new Site run `newsletter init` or `newsletter keys create`.",
            ) from error
        except OSError as error:
            raise ConfigError(
                f"The key ring {path} cannot be read ({error.strerror}).", hint="Check the file and its owner."
            ) from error
        except (KeyError, ValueError, TypeError, AttributeError, TokenError) as error:
            raise ConfigError(
                f"The key ring {path} is damaged ({error}).", hint="Restore it from your backup."
            ) from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError(f"The key ring {path} can be read by others.", hint=f"Run `chmod 600 {path}`.")
        if not all(0 <= key.id <= 255 for key in signing):
            raise ConfigError(
                f"The key ring {path} holds a key with an impossible id.", hint="Restore it from a backup."
            )
        if not signing or any(len(key.secret) < 32 for key in signing) or len(suppression) < 32:
            raise ConfigError(f"The key ring {path} holds a key that is too short.", hint="Restore it from a backup.")
        return cls(signing, suppression)

    @classmethod
    def create(cls, path: Path, now: datetime) -> KeyRing:
        """Make a new ring on disk (0600), never over an existing one."""
        if path.exists():
            raise ConfigError(
                f"The key ring {path} exists already.", hint="Use `newsletter keys rotate` to add a key to it."
            )
        ring = cls([SigningKey(1, secrets.token_bytes(32), now.isoformat())], secrets.token_bytes(32))
        ring.save(path)
        return ring

    def rotated(self, now: datetime) -> KeyRing:
        """The ring with a new signing key; the old ones go on verifying."""
        newest = max(key.id for key in self.signing)
        if newest >= 255:
            raise ConfigError("The key ring is full (255 keys).")
        return KeyRing(
            [*self.signing, SigningKey(newest + 1, secrets.token_bytes(32), now.isoformat())], self._suppression
        )

    def save(self, path: Path) -> None:
        """Write the ring atomically with mode 0600."""
        rows = "\n".join(
            f'[[signing]]\nid = {key.id}\nsecret = "{_b64(key.secret)}"\ncreated_at = "{key.created_at}"\n'
            for key in self.signing
        )
        text = (
            "# The Site's keys. Keep a copy apart from the database; never commit this file.\n"
            "# The newest signing key signs, all of them verify.\n\n"
            f"{rows}\n# Hashes suppressed addresses; it must never change.\n"
            f'[suppression]\nsecret = "{_b64(self._suppression)}"\n'
        )
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.replace(path, text.encode("utf-8"), files.PRIVATE, durable=True)

    # -- proofs --------------------------------------------------------------------------------

    def address_hash(self, address_key: str) -> bytes:
        """The keyed hash under which an address is suppressed (32 bytes); it survives erasure."""
        return hmac.digest(self._suppression, b"suppress:" + address_key.encode("utf-8"), "sha256")

    def sign(self, purpose: str, *numbers: int) -> str:
        """A URL-safe token over some 64-bit unsigned numbers, valid for one purpose only."""
        key = self.signing[-1]
        body = struct.pack(f">B{len(numbers)}Q", key.id, *numbers)
        return _b64(body + self._mac(key, purpose, body, MAC_BYTES))

    def verify(self, purpose: str, token: str, count: int) -> tuple[int, ...]:
        """The `count` numbers of a token of this purpose; raises `TokenError` on anything else."""
        raw = _unb64(token)
        expected = 1 + 8 * count
        if len(raw) != expected + MAC_BYTES:
            raise TokenError()
        body, mac = raw[:expected], raw[expected:]
        key = self._by_id.get(body[0])
        if key is None or not hmac.compare_digest(mac, self._mac(key, purpose, body, MAC_BYTES)):
            raise TokenError()
        return tuple(struct.unpack(f">{count}Q", body[1:]))

    def digest(self, purpose: str, *numbers: int) -> str:
        """A short opaque name for some numbers (32 hexadecimal characters), e.g. for a Message-ID.

        Always made with the first key, so that a retry after a rotation carries the same name.
        """
        body = struct.pack(f">{len(numbers)}Q", *numbers)
        return self._mac(self.signing[0], purpose, body, MAC_BYTES).hex()

    def verp(self, what: Verp) -> str:
        """The local part of an envelope sender that names its message and proves it (≤ 64 octets)."""
        return self._local_part("b-", "verp", struct.pack(">IQH", what.campaign_id, what.subscriber_uid, what.seq))

    def read_verp(self, local_part: str) -> Verp:
        """The reverse of `verp`, whatever the case; raises `TokenError`."""
        campaign_id, uid, seq = struct.unpack(">IQH", self._read_local_part("b-", "verp", local_part, 14))
        return Verp(campaign_id, uid, seq)

    def leave_address(self, uid: int, list_id: int) -> str:
        """The local part of the address a mail to which ends a subscription; it never expires."""
        return self._local_part("u-", "leave by mail", struct.pack(">QI", uid, list_id))

    def read_leave_address(self, local_part: str) -> tuple[int, int]:
        """The subscriber's uid and the list of such an address, whatever the case; raises `TokenError`."""
        uid, list_id = struct.unpack(">QI", self._read_local_part("u-", "leave by mail", local_part, 12))
        return uid, list_id

    def _local_part(self, prefix: str, purpose: str, facts: bytes) -> str:
        """Lower-case base32 only, because relays fold the case of local parts."""
        key = self.signing[-1]
        body = bytes([key.id]) + facts
        return prefix + _b32(body + self._mac(key, purpose, body, VERP_MAC_BYTES))

    def _read_local_part(self, prefix: str, purpose: str, local_part: str, size: int) -> bytes:
        folded = local_part.strip().lower()
        raw = _unb32(folded.removeprefix(prefix)) if folded.startswith(prefix) else b""
        if len(raw) != 1 + size + VERP_MAC_BYTES:
            raise TokenError()
        body, mac = raw[: 1 + size], raw[1 + size :]
        key = self._by_id.get(body[0])
        if key is None or not hmac.compare_digest(mac, self._mac(key, purpose, body, VERP_MAC_BYTES)):
            raise TokenError()
        return body[1:]

    def secrets_for(self, purpose: str) -> list[bytes]:
        """Derived secrets of all keys, oldest first, for signers that rotate by themselves."""
        return [self._derive(key, purpose) for key in self.signing]

    def _derive(self, key: SigningKey, purpose: str) -> bytes:
        derived = self._derived.get((key.id, purpose))
        if derived is None:
            derived = hmac.digest(key.secret, f"newsletter:{purpose}:v1".encode(), "sha256")
            self._derived[key.id, purpose] = derived
        return derived

    def _mac(self, key: SigningKey, purpose: str, body: bytes, length: int) -> bytes:
        # BLAKE2 takes a key by itself (RFC 7693 §2.9) and is several times quicker than HMAC on a few bytes.
        return hashlib.blake2b(body, digest_size=length, key=self._derive(key, purpose)).digest()


def new_uid() -> int:
    """A random, non-zero 63-bit number: a subscriber's name in links, unguessable and not sequential."""
    return secrets.randbits(63) or 1


def sha256_hex(data: bytes) -> str:
    """Plain SHA-256, hex, for content (never for addresses)."""
    return hashlib.sha256(data).hexdigest()


def _b64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).translate(_URL_SAFE).rstrip(b"=").decode("ascii")


def _unb64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TokenError() from error
    if _b64(raw) != text:  # several spellings decode to the same bytes; only ours is a token
        raise TokenError()
    return raw


def _b32(data: bytes) -> str:
    return base64.b32encode(data).rstrip(b"=").decode("ascii").lower()


def _unb32(text: str) -> bytes:
    try:
        raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError) as error:
        raise TokenError() from error
    if _b32(raw) != text:  # the last character has bits to spare
        raise TokenError()
    return raw
