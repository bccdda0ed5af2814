"""Addresses as reports write them: encoded, wrapped, in angle brackets, or hidden in another system's address.

Nothing here says that an address is valid; it finds what a mail server would have meant.
"""

from __future__ import annotations

import re

MAX_ADDRESS = 320

_ADDRESS = re.compile(
    r"(?<![\w.!#$%&'*+/=?^`{|}~@-])"
    r"(\"[^\"\n<>]{1,62}\"|[\w.!#$%&'*+/=?^`{|}~-]{1,100})@(\[[0-9A-Fa-f.:]{3,60}\]|\w[\w-]{0,62}(?:\.[\w-]{1,63}){0,10})",
)
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_UNITEXT = re.compile(r"\\x\{(1?[0-9A-F]{2,5})\}")
_IMCEA = re.compile(r"\AIMCEA([A-Za-z0-9]{1,20})-(.+)@[^@]+\Z", re.IGNORECASE)
_IMCEA_OCTET = re.compile(r"\+([0-9A-Fa-f]{2})")
_TRIMMED = " \t<>()[]'\",;:"


def typed(value: str) -> str:
    """The address in a `type; address` field of a report (RFC 3464 §2.3.1, RFC 6533 §3), decoded."""
    kind, mark, rest = value.partition(";")
    if not mark:
        kind, rest = "", value
    rest = rest.strip()[:1000]
    if kind.strip().lower() == "utf-8":
        rest = _UNITEXT.sub(lambda found: _character(int(found[1], 16)), rest)
    elif "+" in rest and "+40" in rest and "@" not in rest:
        rest = decoded(rest)
    return bare(rest)


def _character(number: int) -> str:
    return chr(number) if number < 0xD800 or 0xDFFF < number < 0x110000 else ""


def decoded(text: str) -> str:
    """Text with its xtext (RFC 3461 §4) undone."""
    return _XTEXT.sub(lambda found: chr(int(found[1], 16)), text)


def original(value: str) -> str:
    """The same for Original-Recipient, which is xtext whatever it holds (RFC 3461 §4.2, RFC 3464 §2.3.1)."""
    address = typed(value)
    if value.lstrip()[:6].lower() == "utf-8;":
        return address
    return (
        _XTEXT.sub(lambda found: chr(int(found[1], 16)), address) if "+2B" in address or "+3D" in address else address
    )


def bare(text: str) -> str:
    """An address without what people put around it; empty when there is none in the text."""
    found = _ADDRESS.search(text)
    return unwrapped(found[0].strip(".'")) if found else ""


def unwrapped(address: str) -> str:
    """What Exchange wrapped into an address of its own (`IMCEASMTP-user+40example+2Eorg@gateway`), else the same."""
    wrapped = _IMCEA.match(address)
    if wrapped and wrapped[1].upper() in {"SMTP", "INVALID", "MAILTO", "EX"}:
        inner = _ADDRESS.search(_IMCEA_OCTET.sub(lambda found: chr(int(found[1], 16)), wrapped[2]))
        if inner:
            return inner[0]
    return address[:MAX_ADDRESS]


def addresses(text: str, limit: int = 50) -> list[str]:
    """Every address in a text, in order, each once."""
    seen: dict[str, str] = {}
    for found in _ADDRESS.finditer(text):
        address = unwrapped(found[0].strip(".'"))
        seen.setdefault(address.lower(), address)
        if len(seen) >= limit:
            break
    return list(seen.values())


def places(text: str, limit: int = 200) -> list[tuple[int, str]]:
    """Every address with where it begins."""
    found = []
    for match in _ADDRESS.finditer(text):
        found.append((match.start(), unwrapped(match[0].strip(".'"))))
        if len(found) >= limit:
            break
    return found


def without(text: str) -> str:
    """The text with its addresses blotted out, so that no name in them passes for a reason."""
    return _ADDRESS.sub("@", text)
