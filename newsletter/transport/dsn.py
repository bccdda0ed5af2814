"""What is asked about bounces, of servers that let themselves be asked (DSN, RFC 3461).

A bounce then names the very delivery (ENVID) and the address as we know it (ORCPT), however often the
mail was forwarded on its way, and it brings back the headers instead of the whole issue. Only failures
are asked for: that a message is late changes nothing here, and a relay that is slow for an hour would
otherwise write to the return path once for every reader.
"""

from __future__ import annotations

import re

MAX_ENVID = 100
"""Characters of an ENVID once it is encoded (RFC 3461 §4.4)."""
MAX_ORCPT = 500
"""Characters of an ORCPT once it is encoded (RFC 3461 §4.2)."""

_NOT_XTEXT = re.compile(r"[^!-~]|[+=]")
_NOT_UNITEXT = re.compile(r"[\x00-\x20+=\\\x7f]")


def mail_parameters(envid: str) -> str:
    """What is added to MAIL FROM; without an ENVID when there is none, or it is too long."""
    encoded = _xtext(envid) if envid.isascii() else ""
    return f" RET=HDRS ENVID={encoded}" if 0 < len(encoded) <= MAX_ENVID else " RET=HDRS"


def rcpt_parameters(recipient: str) -> str:
    """What is added to RCPT TO for the path `recipient`; one outside ASCII goes out with SMTPUTF8 (RFC 6533 §3)."""
    if recipient.isascii():
        original = f"rfc822;{_xtext(recipient)}"
    else:
        original = "utf-8;" + _NOT_UNITEXT.sub(lambda found: f"\\x{{{ord(found[0]):02X}}}", recipient)
    return f" NOTIFY=FAILURE ORCPT={original}" if len(original.encode()) <= MAX_ORCPT else " NOTIFY=FAILURE"


def _xtext(text: str) -> str:
    """Printable ASCII without white space, `+` and `=` (RFC 3461 §4)."""
    return _NOT_XTEXT.sub(lambda found: f"+{ord(found[0]):02X}", text)
