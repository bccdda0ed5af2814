"""The evidence about one reader as one document that a court can read: nothing in it needs this program.

Every act of consent in the words that were shown, every mail with its time and what servers answered, and how to
recompute the hashes by hand. It is plain text, because that prints the same for ever; `--json` has the same facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from textwrap import indent
from typing import Any

from sqlalchemy import Connection

from newsletter.store.types import canonical_json, iso
from newsletter.subscribers import history, people
from newsletter.subscribers.letterhead import Letterhead
from newsletter.subscribers.people import Subscriber

ACTS = {
    "requested": "asked for the list",
    "confirmed": "confirmed",
    "imported": "was put on the list by its operator, on the stated basis",
    "unsubscribed": "left the list",
    "disowned": "said that they had not asked for it",
    "undone": "is without the consent that an import had stated, because the import was taken back",
}

HOW_TO_CHECK = """
Every record carries a hash over itself and the hash of the record before it, so that none can be changed, taken out
or slipped in without changing all that follow. To check a record by hand, with SHA-256 as in FIPS 180-4, written as
hexadecimal digits in lower case:

  1. The commitment is the SHA-256 of the salt (octets) followed by the line "committed" (UTF-8).
  2. The hash is the SHA-256 of the line "hashed" (UTF-8), which is a JSON list of: the hash of the record before, the
     number of the list, the act, the moment in milliseconds since 1970 UTC, the hash of the wording or null, and the
     commitment.
  3. The hash of a wording is the SHA-256 of a JSON object of its language, text and version, in this order, without
     spaces (UTF-8).
  4. The line "follows" is the hash of the record before it in the chain; the first record of all follows 64 zeros.

What is personal is committed to with a random salt, so that it can be erased from other records without breaking the
chain: such a record keeps its commitment and its hash.
"""


def document(
    connection: Connection, person: Subscriber, letterhead: Letterhead, now: datetime, faults: list[str]
) -> dict[str, Any]:
    """All of it, JSON-ready. `faults` is what walking the whole chain has found."""
    described = people.describe(connection, person)
    return {
        "address": person.email,
        "made_at": iso(now),
        "subscriptions": described["subscriptions"],
        "suppression": history.suppression_of(connection, person.address_hash),
        "consent": history.records(connection, person),
        "mails": history.mails(connection, person, letterhead),
        "chain": {**history.chain(connection), "faults": faults},
    }


def as_text(found: dict[str, Any], site: str) -> str:
    """The document for people."""
    return "\n".join(_lines(found, site)) + "\n"


def _lines(found: dict[str, Any], site: str) -> Iterator[str]:
    yield f"Evidence of consent of {found['address']}"
    yield f"to receive {site}"
    yield f"as on file on {found['made_at']}; all times are UTC"
    yield from _heading("Where they stand")
    for each in found["subscriptions"]:
        yield f"List {each['list']}: {each['status']}, since {each['created_at']}, by {each['source']}"
        for what, key in (("confirmed", "confirmed_at"), ("left", "unsubscribed_at")):
            if each[key]:
                yield f"  {what} on {each[key]}"
    if held := found["suppression"]:
        yield f"Never to be mailed since {held['since']}: {held['reason']}"
    yield from _heading("Acts of consent")
    if not found["consent"]:
        yield "No record names this person."
    for record in found["consent"]:
        yield from _act(record)
    yield from _heading("Mails")
    if not found["mails"]:
        yield "None."
    for mail in found["mails"]:
        yield from _mail(mail)
    chain = found["chain"]
    yield from _heading("The chain")
    yield f"It has {chain['records']} records; the last was written on {chain['last_at']} and has the hash"
    yield f"  {chain['last_hash']}"
    if chain["faults"]:
        yield "Walking all of it has found faults:"
        yield from (f"  {fault}" for fault in chain["faults"])
    else:
        yield "All of it was walked when this was made, and holds."
    yield from _heading("How to check this by hand")
    yield HOW_TO_CHECK.strip()


def _act(record: dict[str, Any]) -> Iterator[str]:
    yield f"{record['at']}  {ACTS.get(record['act'], record['act'])} ({record['list']})"
    shown = {
        "email": "address",
        "source": "by",
        "network": "from the network",
        "user_agent": "with the program",
        "basis": "on the basis",
        "origin": "from",
    }
    for key, words in shown.items():
        if value := (record["evidence"] or {}).get(key):
            yield f"  {words}: {value}"
    chain, wording = record["chain"], record["wording"]
    if wording:
        yield f"  what was shown, version {wording['version']}, language {wording['language']}:"
        yield indent(wording["text"], "    | ")
        yield f"  hash of the wording: {wording['hash']}"
    yield f"  place in the chain: {record['place']} (version {chain['version']})"
    if record["evidence"] is not None:
        yield f"  salt: {chain['salt']}"
        yield f"  committed: {canonical_json(record['evidence'])}"
    yield f"  commitment: {chain['commitment']}"
    yield f"  follows: {chain['previous_hash']}"
    hashed = [
        *(chain["previous_hash"], chain["list_number"], record["act"], chain["milliseconds"]),
        *(wording["hash"] if wording else None, chain["commitment"]),
    ]
    yield f"  hashed: {canonical_json(hashed)}"
    yield f"  hash: {chain['hash']}"
    yield ""


def _mail(mail: dict[str, Any]) -> Iterator[str]:
    what = f"issue {mail['issue']}" if mail["issue"] else f"mail of the kind {mail['kind']}"
    to = f" to the list {mail['list']}" if mail["list"] else ""
    place = ", into the sandbox" if mail["sandbox"] else ""
    yield f"{mail['changed_at']}  {what}{to}: {mail['status']}{place}"
    yield f"  Message-ID: {mail['message_id']}"
    if mail["content_hash"]:
        yield f"  content: {mail['content_hash']}"
    if mail["code"]:
        yield f"  last answer: {mail['code']}"
    for said in mail["replies"]:
        yield f"  {said['at']}: {said['code'] or ''} {said['enhanced']} {said['text']} ({said['verdict']})".rstrip()
    for event in mail["feedback"]:
        yield f"  {event['at']}: came back as {event['kind']} from {event['source']}: {event['reason']}".rstrip(": ")


def _heading(text: str) -> tuple[str, ...]:
    return "", text, "=" * len(text)
