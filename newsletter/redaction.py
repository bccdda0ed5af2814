"""Taking people and keys out of text that is kept in a log.

Faults quote what they were about: a database error the values of its statement, a mail server the recipient it
refused, a traceback a line with a link in it. Nobody can write every message so that it never does; so what goes
into a log passes here last, whoever wrote it.
"""

from __future__ import annotations

import re

ADDRESS = "‹address›"
HIDDEN = "…"

_LOGIN = re.compile(r"(?<=://)[^/\s@'\"<>]+@(?=[\w\[])")
_ADDRESS = re.compile(
    r"(?:\"[^\"\s@]{1,64}\"|[^\s@<>\"'`(),;:=?&\[\]{}|\\/]{1,200})(?:@|%40|\\x40)[\w-]+(?:\.[\w-]+)*", re.IGNORECASE
)
_PAGE = re.compile(r"(?<=/)(confirm|not-me|u|preferences|new-address|healthz|hooks)/[^\s/?#\"'<>]+")
_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]*[a-z])(?=[A-Za-z0-9_-]*[A-Z])[A-Za-z0-9_-]{24,}")
_VERP = re.compile(r"\bb-[a-z2-7]{16,}")
_KEY = re.compile(r"\bnlk_[A-Za-z0-9_-]+")


def redacted(text: str) -> str:
    """`text` without e-mail addresses, tokens of links, envelope senders and keys; no `@` of an address is left.

    Lower-case names such as hashes of content stay, because they name no person and help.
    """
    text = _LOGIN.sub("", text)
    text = _VERP.sub(HIDDEN, text)
    text = _ADDRESS.sub(ADDRESS, text)
    text = _PAGE.sub(rf"\1/{HIDDEN}", text)
    text = _KEY.sub(HIDDEN, text)
    return _TOKEN.sub(HIDDEN, text)
