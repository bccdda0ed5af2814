"""Lists of `tag=value;`, as DKIM (RFC 6376 §3.2) and DMARC (RFC 9989) publish them."""

from __future__ import annotations


def tags(record: str) -> dict[str, str]:
    """Tag → value, both without blanks around them; the first wins where one stands twice."""
    found: dict[str, str] = {}
    for part in record.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), value.strip())
    return found
