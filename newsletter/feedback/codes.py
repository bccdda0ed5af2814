"""What a refusal means: one table of phrases and codes, read from the top, for reports and SMTP replies alike.

The words of a server are worth more than its codes: most systems put 5.0.0 or 5.7.1 on anything, and many say
5.1.1 of mail they take for spam. So the first phrase of `phrases.toml` that occurs decides, and codes only
speak where no phrase does. A refusal nobody can explain is never a dead address.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from newsletter.feedback import recipients
from newsletter.feedback.verdict import Kind
from newsletter.transport.base import Phase

MAX_TEXT = 4000
"""Characters of a refusal that are looked at."""

PARAGRAPH = "¶"
GAP = 48
"""Characters that "…" in a phrase stands for, at most."""

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?!\.?\d)")
_BLANK_LINE = re.compile(r"\n[ \t]*\n\s*")
_WRAPPED = re.compile(r"5\.[13]\.0 - (?:Unknown address error|Other mail system problem) (?=\d{3})", re.IGNORECASE)
"""What IronPort writes in front of any reply it was given."""
_RIGHT_BEHIND = re.compile(r"[ -]+['\"]?#?([245])\.(\d{1,3})\.(\d{1,3})(?!\.?\d)")
_REPLY = re.compile(
    r"(?<![\w./=-])(?<!\d:)([45][0-5]\d)(?=(?:[ -]+#?[245]\.\d{1,3}\.\d{1,3}\b)|[ -]+(?:\d{1,2} )?\D|[:;,)'\"]|\Z)"
)
_ABOUT_THE_SENDER = re.compile(
    r"(?:in (?:reply|response) to|after|during|while sending|on|for) (?:the )?(?:pipelined )?"
    r"(?:(?:end of )?(?:mail from|ehlo|helo|starttls|auth\b|initial connection|connect)|(?:smtp )?greeting)"
    r"|>>> (?:mail|ehlo|helo|auth|starttls)\b(?:(?!>>>).){0,200}?<<< 5"
    r"|sender was rejected|remote server refused (?:our )?sender|server rejected mail from|evt_mailfrom",
)
_ABOUT_THE_MESSAGE = re.compile(
    r"(?:in (?:reply|response) to|after) (?:the )?(?:pipelined )?(?:end of )?(?:data\b|bdat|message body|message text)"
    r"|after i sent the message|end of data",
)
_HOST = re.compile(r"(?:\bremote )?\bhost [\w.-]{1,255} ?(?:\[[0-9a-f.:]{3,45}\]|\([0-9a-f.:]{3,45}\))")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "´": "'", "`": "'", "“": '"', "”": '"', "„": '"', "–": "-", "ı": "i"})


@dataclass(frozen=True)
class Entry:
    """One row of the table: any of its phrases gives the kind, unless one of the others stands there too."""

    kind: Kind
    phrases: tuple[tuple[str, ...], ...]
    """What stands around the gaps of each."""
    patterns: tuple[re.Pattern[str], ...]
    unless: tuple[str, ...]
    is_loose: bool = False
    """Said of anything: a status code that means a dead address says more."""

    def occurs_in(self, text: str) -> bool:
        """Whether it applies to a text that `folded` has made."""
        place = next((place for pieces in self.phrases if (place := _place_of(text, pieces)) >= 0), -1)
        if place < 0:
            place = next((found.start() for pattern in self.patterns if (found := pattern.search(text))), -1)
        if place < 0 or not self.unless:
            return place >= 0
        # Only beside it: a footer that says "scanned for viruses" does not make spam of an unknown user.
        end = text.find(PARAGRAPH, place)
        near = text[text.rfind(PARAGRAPH, 0, place) + 1 : end if end >= 0 else None]
        return not any(phrase in near for phrase in self.unless)


def judge(code: int, enhanced: str, text: str, phase: Phase = Phase.RCPT) -> Kind:
    """What a refusal means.

    `code` is the SMTP reply code or 0, `enhanced` the enhanced status code or empty, `text` the words of the
    reply (codes in them do no harm), `phase` what was refused. Answers `HARD`, `SOFT` or `BLOCK`, and
    `DELIVERED` for a code of class 2.

    A temporary refusal (4xx) is never hard, and neither is one of the connection or the sender: those say
    nothing of the recipient (RFC 5321 §4.2.1; RFC 3463 §2).
    """
    level = code // 100 or (int(enhanced[0]) if enhanced[:1].isdigit() else 5)
    if level in {2, 3}:
        return Kind.DELIVERED
    entry = _first_in(text)
    kind = entry.kind if entry else by_code(code, enhanced)
    if entry and entry.is_loose and by_code(0, enhanced) is Kind.HARD:
        kind = Kind.HARD
    if phase in {Phase.CONNECT, Phase.MAIL} and kind is not Kind.SOFT:
        return Kind.BLOCK if level == 5 or kind is Kind.BLOCK else Kind.SOFT
    if kind is None or (kind is Kind.HARD and level == 4):
        return Kind.SOFT
    return kind


def by_words(text: str) -> Kind | None:
    """The kind that the words of a refusal have; None when they say nothing we know."""
    entry = _first_in(text)
    return entry.kind if entry else None


def by_code(code: int, enhanced: str) -> Kind | None:
    """The kind that codes alone have; None where they are too general to say anything."""
    table = _table()
    if enhanced:
        status = f"x{enhanced[1:]}"
        exact, family = table.codes.get(enhanced) or table.codes.get(status), table.codes.get(status[:4] + "*")
        if exact or family:
            return exact or family
    return table.codes.get(str(code)) if code else None


def phase_of(text: str) -> Phase:
    """What a server refused, as far as the words of a report tell; RCPT where they do not."""
    text = folded(text)
    if _ABOUT_THE_SENDER.search(text):
        return Phase.MAIL
    return Phase.DOT if _ABOUT_THE_MESSAGE.search(text) else Phase.RCPT


def codes_in(text: str) -> tuple[int, str]:
    """The first SMTP reply code and enhanced status code in a text; 0 and "" when there are none."""
    text = _WRAPPED.sub("", text[:MAX_TEXT])
    reply = _REPLY.search(text)
    if reply is None:
        status = _ENHANCED.search(text)
        return 0, status[0] if status else ""
    own = _RIGHT_BEHIND.match(text, reply.end()) or next(
        (found for found in _ENHANCED.finditer(text) if found[1] == reply[1][0]), None
    )
    return int(reply[1]), own[0].lstrip(" -#'\"") if own else ""


def from_reply(text: str) -> str:
    """What a text holds from its first SMTP reply to the end of that paragraph; empty when there is none."""
    reply = _REPLY.search(text[:MAX_TEXT])
    return _BLANK_LINE.split(text[reply.start() :], maxsplit=1)[0] if reply else ""


def folded(text: str) -> str:
    """Text as phrases are compared: one line, lower case, without accents, addresses blotted out.

    Where a blank line was, a mark stands, which no phrase goes across.
    """
    text = _BLANK_LINE.sub(f" {PARAGRAPH} ", text[:MAX_TEXT].strip())
    text = recipients.without(text).translate(_PLAIN).lower()
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    # A server's own name (`mx.nospam.example.net`) is no reason either.
    return _HOST.sub("host", " ".join(text.split()))


@lru_cache(maxsize=512)
def _first_in(text: str) -> Entry | None:
    """The entry of the table that decides about a text."""
    text = folded(text)
    for courtesy in _table().courtesies:
        text = text.replace(courtesy, "")
    return next((entry for entry in _table().phrases if entry.occurs_in(text)), None)


@dataclass(frozen=True)
class _Table:
    courtesies: tuple[str, ...]
    phrases: tuple[Entry, ...]
    codes: dict[str, Kind]


@cache
def _table() -> _Table:
    data = tomllib.loads(files("newsletter.feedback").joinpath("phrases.toml").read_text("utf-8"))
    return _Table(
        tuple(folded(phrase) for phrase in data["courtesies"]["says"]),
        tuple(_entry(row) for row in data["phrases"]),
        {code: Kind(kind) for kind, codes in data["codes"].items() for code in codes},
    )


def _place_of(text: str, pieces: tuple[str, ...]) -> int:
    """Where a phrase occurs, or -1; in Latin letters it begins a word, so that no `rbl` is found in `marble`."""
    first, *rest = pieces
    if first not in text or not all(piece in text for piece in rest):
        return -1
    is_word = first[0].isascii() and first[0].isalnum()
    place = text.find(first)
    while place >= 0:
        before = text[place - 1 : place]
        if not (is_word and before.isascii() and before.isalnum()) and _follow(text, place + len(first), rest):
            return place
        place = text.find(first, place + 1)
    return -1


def _follow(text: str, place: int, pieces: list[str]) -> bool:
    for piece in pieces:
        start, place = place, text.find(piece, place, place + GAP + len(piece))
        if place < 0 or PARAGRAPH in text[start:place]:
            return False
        place += len(piece)
    return True


def _entry(row: dict[str, Any]) -> Entry:
    says = [tuple(folded(piece) for piece in phrase.split("…")) for phrase in row.get("says", ())]
    return Entry(
        Kind(str(row["kind"])),
        tuple(says),
        tuple(re.compile(pattern) for pattern in row.get("matches", ())),
        tuple(folded(phrase) for phrase in row.get("unless", ())),
        bool(row.get("loose", False)),
    )
