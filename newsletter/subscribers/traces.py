"""Finding an address in bytes, however they spell it: to show that somebody is forgotten, or that they are not yet.

Mail writes addresses in quoted-printable and base64, other programs in UTF-16 or as part of a link; letters may be
large or small. What is compressed or encrypted is not looked into.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from newsletter.addresses import Address, for_the_wire

CHUNK = 1 << 20
OVERLAP = 2048
"""Octets of a chunk that are looked at again with the next: more than the longest spelling."""
PASSED_OVER = frozenset({".git", ".hg", ".svn", "node_modules", ".venv", "venv"})
"""Folders that are somebody else's business, and large."""


class Traces:
    """All spellings of some addresses."""

    def __init__(self, known: Iterable[Address]) -> None:
        words = {word for each in known for word in (each.email, each.key, _wire(each))}
        self._plain: set[bytes] = set()
        self._exact: set[bytes] = set()
        for word in words:
            for octets in (word.encode(), word.lower().encode(), word.encode("utf-16-le"), word.encode("utf-16-be")):
                self._plain.add(octets.lower())
            self._plain |= {_quoted_printable(word).lower(), quote(word, safe="").lower().encode()}
            for case in (word, word.lower()):
                self._exact.update(_base64(case.encode()))

    def found(self, data: bytes) -> bool:
        """Whether these bytes name one of them."""
        small = data.lower()
        if any(each in small for each in self._plain):
            return True
        if b"=\n" in data or b"=\r\n" in data:  # soft line breaks of quoted-printable (RFC 2045 §6.7)
            unfolded = small.replace(b"=\r\n", b"").replace(b"=\n", b"")
            if any(each in unfolded for each in self._plain):
                return True
        joined = data.replace(b"\r", b"").replace(b"\n", b"")
        return any(each in joined for each in self._exact)

    def found_in(self, path: Path) -> bool:
        """Whether a file names one of them, read in pieces; False for one that cannot be read."""
        try:
            with path.open("rb") as file:
                tail = b""
                while chunk := file.read(CHUNK):
                    if self.found(tail + chunk):
                        return True
                    tail = (tail + chunk)[-OVERLAP:]
        except OSError:
            return False
        return False

    def files(self, folder: Path) -> Iterator[Path]:
        """The files under a folder that name one of them; links are not followed."""
        for root, folders, names in os.walk(folder):
            folders[:] = sorted(each for each in folders if each not in PASSED_OVER)
            for name in sorted(names):
                path = Path(root, name)
                if path.is_file() and not path.is_symlink() and self.found_in(path):
                    yield path


def _wire(address: Address) -> str:
    return for_the_wire(address.email)


def _quoted_printable(word: str) -> bytes:
    """With the @ and everything beyond ASCII written out; other signs rarely are."""
    return b"".join(b"=%02X" % octet if octet > 126 or octet == ord("@") else bytes([octet]) for octet in word.encode())


def _base64(octets: bytes) -> Iterator[bytes]:
    """What of these octets is the same in base64 whatever stands around them, for each of the three offsets."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + octets)
        start = (0, 2, 3)[offset]
        end = len(encoded) - (0, 3, 2)[(offset + len(octets)) % 3]
        yield encoded[start:end]
