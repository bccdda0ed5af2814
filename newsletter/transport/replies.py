"""Reply lines of an SMTP server, read within limits.

A server may be slow, broken or hostile: every reply is bounded in lines and bytes, and what does not
look like a reply is a failure of the wire, never a verdict on a recipient (RFC 5321 §4.2).
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from functools import cached_property, lru_cache

from newsletter.errors import TransportUnavailable

MAX_LINE = 4096
"""Octets of one reply line; RFC 5321 §4.5.3.1.5 asks for 512, real servers go beyond."""
MAX_LINES = 100
MAX_REPLY = 65536
MAX_TEXT = 500
_SHORT = 200
"""Octets up to which a line is worth remembering."""

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")


class WireError(TransportUnavailable):
    """The conversation with the mail server broke off."""


@dataclass(frozen=True)
class Reply:
    """One reply: its code and the text of each line, printable."""

    code: int
    lines: tuple[str, ...]

    @cached_property
    def enhanced(self) -> str:
        """The enhanced status code (RFC 3463) when there is one of the same class as the code, else empty."""
        match = _ENHANCED.match(self.lines[0]) if self.lines else None
        return match[1] if match and match[1][0] == str(self.code)[0] else ""

    @cached_property
    def text(self) -> str:
        """The text in one line, without the enhanced code, at most 500 characters."""
        status = self.enhanced
        parts = [line.removeprefix(status).lstrip() if status else line for line in self.lines]
        return " ".join(part for part in parts if part)[:MAX_TEXT]

    @property
    def good(self) -> bool:
        """2xx."""
        return 200 <= self.code <= 299

    @property
    def temporary(self) -> bool:
        """4xx."""
        return 400 <= self.code <= 499

    @property
    def permanent(self) -> bool:
        """5xx."""
        return self.code >= 500

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced, self.text) if part)


class Closing(WireError):
    """The server answered 421: it ends the session (RFC 5321 §3.8)."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"The mail server closes the session: {reply}")
        self.reply = reply


def printable(raw: str | bytes, limit: int = MAX_TEXT) -> str:
    """Foreign text as one printable line of at most `limit` characters."""
    if isinstance(raw, bytes):
        raw = raw[: 4 * limit].decode("utf-8", "replace")
    if len(raw) <= limit and raw.isprintable() and "  " not in raw:
        return raw.strip(" ")
    raw = raw[: 4 * limit]
    return " ".join("".join(c if c.isprintable() else " " for c in raw).split())[:limit]


class ReplyParser:
    """Takes bytes as they arrive, gives replies as they are complete."""

    def __init__(self) -> None:
        self._whole: deque[bytes] = deque()
        """Lines that have come to their end and were not looked at yet."""
        self._rest = b""
        self._lines: list[str] = []
        self._code = 0
        self._size = 0

    @property
    def pending(self) -> bool:
        """Whether bytes are held that no reply has used up."""
        return bool(self._whole or self._rest or self._lines)

    def feed(self, data: bytes) -> None:
        """Add what has arrived."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        self._whole += whole

    def next(self) -> Reply | None:
        """The next complete reply, or None while it is still on its way; raises `WireError` past the limits."""
        while self._whole:
            line = self._whole.popleft()
            if not self._lines and len(line) < _SHORT and (known := _whole_reply(line)) is not None:
                return known
            line = line.removesuffix(b"\r")
            self._check(len(line))
            if self._take(line):
                reply = Reply(self._code, tuple(self._lines))
                self._lines, self._size = [], 0
                return reply
        if len(self._rest) > MAX_LINE:
            raise WireError(f"The mail server sent a reply line of more than {MAX_LINE} bytes.")
        return None

    def _check(self, length: int) -> None:
        self._size += length + 2
        if length > MAX_LINE:
            raise WireError(f"The mail server sent a reply line of more than {MAX_LINE} bytes.")
        if len(self._lines) >= MAX_LINES or self._size > MAX_REPLY:
            raise WireError(f"The mail server sent a reply of more than {MAX_LINES} lines or {MAX_REPLY} bytes.")

    def _take(self, line: bytes) -> bool:
        match = _LINE.fullmatch(line)
        if match is None or (self._lines and int(match[1]) != self._code):
            raise WireError(f"The mail server sent something that is not an SMTP reply: {printable(line, 80)!r}")
        self._code = int(match[1])
        self._lines.append(printable(match[3] or b""))
        return match[2] != b"-"


@lru_cache(maxsize=256)
def _whole_reply(line: bytes) -> Reply | None:
    """A reply of one line; most of a session's replies are the same few, so they are read once."""
    match = _LINE.fullmatch(line.removesuffix(b"\r"))
    return Reply(int(match[1]), (printable(match[3] or b""),)) if match and match[2] != b"-" else None
