"""A post of a provider, what a hook makes of it, and what they have in common."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from newsletter.feedback import codes
from newsletter.feedback.verdict import MAX_REASON, Delivery, Kind, Verdict

MAX_BODY = 1024 * 1024
"""Octets; providers post hundreds of events at a time."""
MOST_EVENTS = 2000
PATIENCE = timedelta(minutes=5)
"""How far a provider's clock and ours may be apart, and how long a post may be on its way."""

_VERP = re.compile(r"(?<![a-z0-9])b-[a-z2-7]{37}(?![a-z0-9])", re.IGNORECASE)
_UNSUBSCRIBE = re.compile(r"<https?://[^<>\s]{1,1000}?/u/([A-Za-z0-9_-]{16,200})>")


class Refused(Exception):
    """The signature is wrong, missing, or too old: whoever posted this is nobody we know."""


class Unreadable(Exception):
    """It is signed, but not what the provider's documents say."""


@dataclass(frozen=True)
class Post:
    """One request: the very bytes, and headers by their names in lower case."""

    body: bytes
    headers: Mapping[str, str]
    at: datetime

    def header(self, name: str) -> str:
        """A header, or nothing."""
        return self.headers.get(name, "")


@dataclass(frozen=True)
class Event:
    """One thing a provider says."""

    id: str
    """The provider's own name for it: the same one counts once."""
    verdict: Verdict


@dataclass(frozen=True)
class Heard:
    """What a post came to."""

    events: Sequence[Event] = ()
    once: str = ""
    """A token that may come once; a second post with it is a replay."""


class Hook(Protocol):
    """Reads the posts of one provider."""

    def __call__(self, post: Post) -> Heard:
        """Verify a post, then read it. Raises `Refused` and `Unreadable`."""
        ...


# -- reading ---------------------------------------------------------------------------------------


def parsed(body: bytes) -> Any:
    """A body as JSON; `Unreadable` when it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("The body is not JSON.") from error


def table(value: Any) -> dict[str, Any]:
    """A JSON object; anything else counts as an empty one."""
    return value if isinstance(value, dict) else {}


def tables(value: Any) -> list[dict[str, Any]]:
    """The objects of a JSON list."""
    return [each for each in value[:MOST_EVENTS] if isinstance(each, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """A string or number as text; anything else is nothing."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def headers_of(value: Any) -> Iterator[tuple[str, str]]:
    """Headers as providers write them: a list of objects with name and value, or one object."""
    if isinstance(value, dict):
        yield from ((text(name).lower(), text(content)) for name, content in value.items())
    for each in tables(value):
        yield text(each.get("name") or each.get("Name")).lower(), text(each.get("value") or each.get("Value"))


def named(*, sender: str = "", message_id: str = "", headers: Any = None) -> Delivery:
    """Which mail it may be about, from whatever a provider quotes of it."""
    quoted = list(headers_of(headers))
    ids = [message_id, *(value for name, value in quoted if name == "message-id")]
    links = [link for name, value in quoted if name == "list-unsubscribe" for link in _UNSUBSCRIBE.findall(value)]
    senders = [sender, *(value for name, value in quoted if name in {"return-path", "x-envelope-from"})]
    return Delivery(
        verp=tuple(dict.fromkeys(found.lower() for each in senders for found in _VERP.findall(each))),
        message_ids=tuple(dict.fromkeys(f"<{each.strip().strip('<>')}>" for each in ids if each.strip())),
        unsubscribe=tuple(dict.fromkeys(links)),
    )


def failure(recipient: str, words: str, about: Delivery, *, status: str = "", otherwise: Kind | None = None) -> Verdict:
    """A failed delivery judged by the server's own words; where they say nothing, `otherwise` as the provider says."""
    words = words[: codes.MAX_TEXT]
    code, enhanced = codes.codes_in(words)
    enhanced = enhanced or status
    if otherwise is None or codes.by_words(words) is not None:
        otherwise = codes.judge(code, enhanced, words)
    return Verdict(recipient, otherwise, code, enhanced, words[:MAX_REASON], about)


# -- signatures ------------------------------------------------------------------------------------


def is_signed(secret: str, message: bytes, signature: str) -> bool:
    """Whether `signature` is the HMAC-SHA256 of a message, hexadecimal; in constant time."""
    expected = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.strip().lower().encode("utf-8", "replace"))


def require_recent(timestamp: str, now: datetime) -> None:
    """Raise `Refused` unless a number of seconds since 1970 is about now."""
    if not re.fullmatch(r"[0-9]{9,12}", timestamp) or abs(now.timestamp() - int(timestamp)) > PATIENCE.total_seconds():
        raise Refused("The post is too old, or its time is missing.")
