"""DKIM keys: making one, loading it, and the DNS record that publishes its other half.

The private key is a PEM file of mode 0600 beside the key ring, outside the database and its backups.
"""

from __future__ import annotations

import base64
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from newsletter import files
from newsletter.errors import ConfigError

RECOMMENDED_BITS = 2048
MINIMUM_BITS = 1024
"""Verifiers take nothing below (RFC 8301 §3.2)."""

_STRING = 255
"""Octets of one string of a TXT record at the most (RFC 1035 §3.3)."""


@dataclass(frozen=True)
class Record:
    """The TXT record that receivers look the key up in (RFC 6376 §3.6.1)."""

    name: str
    """`<selector>._domainkey.<domain>`, without a dot at the end."""
    value: str

    @property
    def strings(self) -> list[str]:
        """The value in pieces that fit a TXT record; whoever reads it joins them without a space (§3.6.2.2)."""
        return [self.value[start : start + _STRING] for start in range(0, len(self.value), _STRING)]

    @property
    def zone_line(self) -> str:
        """The line of a zone file."""
        return f"{self.name}. IN TXT ( " + " ".join(f'"{piece}"' for piece in self.strings) + " )"


def create_key(path: Path) -> rsa.RSAPrivateKey:
    """Make an RSA-2048 key in a new file (0600). Raises `ConfigError` when there is one or it cannot be written."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=RECOMMENDED_BITS)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.create(path, pem, files.PRIVATE, durable=True)
    except FileExistsError as error:
        raise ConfigError(
            f"{path} exists already.", hint="Choose another --selector; keys are never overwritten."
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror}).", hint="Check the folder and its owner."
        ) from error
    return key


def load_key(path: Path) -> rsa.RSAPrivateKey:
    """Read the private key of a PEM file, or raise `ConfigError` saying what to do."""
    try:
        mode = path.stat().st_mode
        pem = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(
            f"The DKIM key {path} does not exist.",
            hint="Run `newsletter keys dkim` to make one, or take [dkim] out to leave signing to the relay.",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"The DKIM key {path} cannot be read ({error.strerror}).", hint="Check the file and its owner."
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"The DKIM key {path} can be read by others.", hint=f"Run `chmod 600 {path}`.")
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise ConfigError(
            f"The DKIM key {path} has a passphrase.", hint="Store it without one; its mode 0600 protects it."
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(
            f"{path} is not a private key in PEM form.", hint="Restore it, or make another with `newsletter keys dkim`."
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < MINIMUM_BITS:
        raise ConfigError(
            f"The DKIM key {path} is not an RSA key of at least {MINIMUM_BITS} bits, which receivers insist on.",
            hint="Make one with `newsletter keys dkim --selector` and another name.",
        )
    return key


def dns_record(domain: str, selector: str, key: rsa.RSAPrivateKey) -> Record:
    """What to publish for `key`."""
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    value = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode('ascii')}"
    return Record(f"{selector}._domainkey.{domain}", value)
