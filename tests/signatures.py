"""Two independent judges of DKIM signatures, dkimpy and OpenDKIM, asked without any DNS.

Both are told the published key directly. OpenDKIM is a program of the system: without it a test is
skipped and says so, or fails where nothing may be missing (`NEWSLETTER_TEST_REQUIRE_ALL=1`).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from newsletter.transport.dkim import Signer
from newsletter.transport.dkim_keys import Record, dns_record

DOMAIN = "news.example.org"
SELECTOR = "newsletter"


@cache
def key() -> rsa.RSAPrivateKey:
    """One key for all tests; making it takes longer than most of them."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signer() -> Signer:
    """Signs with that key."""
    return Signer(DOMAIN, SELECTOR, key())


def record() -> Record:
    """What would be published for it."""
    return dns_record(DOMAIN, SELECTOR, key())


def dkimpy_accepts(message: bytes, published: Record | None = None) -> bool:
    """Whether dkimpy finds the signature good. Whatever it raises on mangled input means no."""
    published = published or record()

    def dns(name: bytes, timeout: int = 5) -> bytes:
        return published.value.encode() if name.rstrip(b".") == published.name.encode() else b""

    try:
        return bool(dkim.verify(message, dnsfunc=dns))
    except Exception:
        return False


def opendkim_verdicts(folder: Path, messages: Sequence[bytes], published: Record | None = None) -> list[bool]:
    """What OpenDKIM says of each message."""
    program = shutil.which("opendkim") or shutil.which("opendkim", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        if os.environ.get("NEWSLETTER_TEST_REQUIRE_ALL"):
            pytest.fail("opendkim is required here; install the Debian package of that name")
        pytest.skip("opendkim is not installed (Debian: apt-get install opendkim)")
    published = published or record()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "keys").write_text(f"{published.name} {published.value}\n", "utf-8")
    (folder / "conf").write_text(f"Mode v\nSyslog no\nTestPublicKeys {folder}/keys\n", "utf-8")
    files = [folder / f"{number}.eml" for number in range(len(messages))]
    for file, message in zip(files, messages, strict=True):
        file.write_bytes(message)
    done = subprocess.run(
        [program, "-x", str(folder / "conf"), "-t", ",".join(map(str, files))],
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = done.stdout + done.stderr
    verdicts = []
    for file in files:
        found = re.search(rf"{re.escape(str(file))}: (.*)", said)
        assert found is not None, said
        verdicts.append(found[1].startswith("verification") and found[1].endswith("succeeded"))
    return verdicts
