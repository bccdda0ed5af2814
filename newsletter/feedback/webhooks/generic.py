"""The hook for everybody else: a small JSON of ours, signed with HMAC-SHA256 over time, a dot and the very bytes.

```json
{"events": [{"id": "4711", "kind": "hard", "recipient": "reader@example.net",
             "envelope_sender": "b-…@bounces.example.org", "message_id": "<c3.…@news.example.org>",
             "code": 550, "enhanced": "5.1.1", "reason": "user unknown"}]}
```

`id` names the event for good. `kind` is one of hard, soft, block, complaint, unsubscribed, auto_reply and delivered;
without it code and reason are judged. Everything else may be left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from newsletter.feedback.verdict import MAX_REASON, Kind, Verdict
from newsletter.feedback.webhooks.post import (
    Event,
    Heard,
    Post,
    Refused,
    Unreadable,
    failure,
    is_signed,
    named,
    parsed,
    require_recent,
    table,
    tables,
    text,
)

SIGNATURE = "x-newsletter-signature"
TIMESTAMP = "x-newsletter-timestamp"


class Generic:
    """Reads posts signed with a secret that both sides know."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __call__(self, post: Post) -> Heard:
        """Verify and read."""
        timestamp = post.header(TIMESTAMP)
        if not is_signed(self._secret, timestamp.encode() + b"." + post.body, post.header(SIGNATURE)):
            raise Refused("The signature is wrong.")
        require_recent(timestamp, post.at)
        said = table(parsed(post.body)).get("events")
        if not isinstance(said, list):
            raise Unreadable("There is no list of events.")
        return Heard(tuple(_events(said)))


def _events(said: list[Any]) -> Iterator[Event]:
    for each in tables(said):
        id, kind = text(each.get("id")), text(each.get("kind"))
        if not id or (kind and kind != "unsubscribed" and kind not in set(Kind)):
            raise Unreadable("An event needs an id, and its kind has to be known.")
        about = named(
            sender=text(each.get("envelope_sender")),
            message_id=text(each.get("message_id")),
            headers={"list-unsubscribe": f"<{text(each.get('list_unsubscribe')).strip('<>')}>"},
        )
        recipient, reason = text(each.get("recipient")), text(each.get("reason"))[:MAX_REASON]
        code, enhanced = text(each.get("code")), text(each.get("enhanced"))
        if not kind:
            yield Event(id, failure(recipient, f"{code} {reason}".strip(), about, status=enhanced))
            continue
        is_leaving = kind == "unsubscribed"
        known = Kind.COMPLAINT if is_leaving else Kind(kind)
        number = int(code) if code.isdecimal() and len(code) == 3 else 0
        yield Event(id, Verdict(recipient, known, number, enhanced[:16], reason, about, opt_out=is_leaving))
