"""The bytes on the wire: what a relay may refuse, break or re-encode (and a signature with it)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.checks.registry import ERROR, Fault, error, rule
from newsletter.checks.subject import Subject, decoded, encoded

HARD_LIMIT = 998
"""Octets of a line without CRLF (RFC 5322 §2.1.1)."""
QUOTED_LIMIT = 76
"""Characters of a quoted-printable line without CRLF (RFC 2045 §6.7)."""
_C1 = re.compile("[\x80-\x9f]")
_REPORT = "Please report this: the program encodes messages itself."


@rule("mime.line-998", ERROR)
def line_998(subject: Subject) -> Iterator[Fault]:
    """No line of the message is longer than 998 octets (RFC 5322 §2.1.1)."""
    for number, line in enumerate(subject.message.split(b"\n"), 1):
        if len(line.rstrip(b"\r")) > HARD_LIMIT:
            yield error(f"Line {number} of the message has {len(line)} octets; relays may refuse over 998.", _REPORT)
            return


@rule("mime.qp-76", ERROR)
def quoted_76(subject: Subject) -> Iterator[Fault]:
    """No quoted-printable line is longer than 76 characters (RFC 2045 §6.7)."""
    for part in subject.mail.walk():
        if str(part.get("Content-Transfer-Encoding", "")).strip().lower() != "quoted-printable":
            continue
        if any(len(line) > QUOTED_LIMIT for line in encoded(part).splitlines()):
            yield error(f"The {part.get_content_type()} part has encoded lines of more than 76 characters.", _REPORT)


@rule("mime.charset", ERROR)
def charset(subject: Subject) -> Iterator[Fault]:
    """Text is declared as UTF-8 in header and <meta>, is UTF-8, and has no C1 control characters."""
    for part in subject.mail.walk():
        if part.get_content_maintype() != "text":
            continue
        kind = part.get_content_type()
        if part.get_content_charset() != "utf-8":
            yield error(f"The {kind} part is not declared as UTF-8.", _REPORT)
        text = decoded(part)
        if "\ufffd" in text:
            yield error(
                f"The {kind} part contains broken characters.",
                "Delete them and type what was meant.",
                subject.find("\ufffd"),
            )
        if found := _C1.search(text):
            yield error(
                f"The {kind} part contains the control character U+{ord(found[0]):04X}; Gmail hides what follows.",
                "Delete it and type what was meant, often a quotation mark or a dash.",
                subject.find(found[0]),
            )
    declared = {(meta.get("charset") or "").strip().lower() for meta in subject.every("meta")}
    typed = any("charset=utf-8" in (meta.get("content") or "").lower() for meta in subject.every("meta"))
    if subject.html_part is not None and "utf-8" not in declared and not typed:
        yield error('The HTML part has no <meta charset="utf-8">.', "Write it first in <head> of the template.")
