"""Why somebody got an issue, or did not: everything that is on file, and what follows from it in plain words.

A support desk asks it with an address in hand. Past states are read from what was written down when they changed
(the moment of launch, of leaving, of the suppression); where nothing on file explains it, that is said.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from newsletter.addresses import Address
from newsletter.campaigns import snapshot
from newsletter.store.schema import CampaignKind, SubscriptionStatus, SuppressionReason, campaigns, lists
from newsletter.store.types import iso
from newsletter.subscribers import history, people
from newsletter.subscribers.letterhead import Letterhead
from newsletter.subscribers.people import Subscriber
from newsletter.tokens import KeyRing


def why(
    connection: Connection, address: Address, issue: str | None, keys: KeyRing, letterhead: Letterhead
) -> dict[str, Any]:
    """JSON-ready: who, where they stand, every mail with every answer (of `issue` alone, if named), and sentences."""
    person = people.find(connection, address.key)
    suppression = history.suppression_of(connection, keys.address_hash(address.key))
    found: dict[str, Any] = {
        "address": address.email,
        "on_file": person is not None,
        "issue": issue,
        "suppression": suppression,
        "name": "",
        "tags": [],
        "paused_until": None,
        "subscriptions": [],
        "consent": [],
        "mails": [],
    }
    if person is None:
        return found | {"answer": [_nobody(address, suppression)]}
    described = people.describe(connection, person)
    mails = history.mails(connection, person, letterhead)
    found |= {key: described[key] for key in ("name", "tags", "paused_until", "subscriptions")}
    found |= {"consent": history.records(connection, person)}
    found |= {"mails": [mail | _variant(connection, person, mail) for mail in mails if issue in {None, mail["issue"]}]}
    return found | {"answer": _answer(connection, found, issue)}


def _nobody(address: Address, suppression: dict[str, Any] | None) -> str:
    if suppression is None:
        return f"{address.email} is not on file and never was, or was deleted because nobody confirmed the sign-up."
    if suppression["reason"] == SuppressionReason.ERASED:
        return (
            f"{address.email} was forgotten on {_day(suppression['since'])}. Only a keyed hash of the address is left, "
            "and nothing is mailed to it. What was mailed before nobody can say any more."
        )
    return (
        f"{address.email} is not on file, and is never mailed since {_day(suppression['since'])}: {_held(suppression)}."
    )


def _variant(connection: Connection, person: Subscriber, mail: dict[str, Any]) -> dict[str, Any]:
    """Which variant of the issue their tags, as they are now, lead to; None where it is the same for everybody."""
    if mail["content_hash"] is None:
        return {"variant": None}
    number = connection.execute(select(campaigns.c.snapshot_id).where(campaigns.c.id == mail["campaign"])).scalar_one()
    edition = snapshot.load(connection, number).edition
    if len(edition.renderings) == 1:
        return {"variant": None}
    return {"variant": "+".join(edition.names[edition.number(person.tags)]) or "without tags"}


def _answer(connection: Connection, found: dict[str, Any], issue: str | None) -> list[str]:
    """Sentences: where they stand, and for an issue what became of each of its campaigns."""
    if issue is None:
        return [*_standing(found), *_summary(found)]
    launched = connection.execute(
        select(campaigns, lists.c.slug.label("list"))
        .outerjoin(lists, lists.c.id == campaigns.c.list_id)
        .where(campaigns.c.slug == issue, campaigns.c.kind.in_([CampaignKind.ISSUE, CampaignKind.SERIES]))
        .order_by(campaigns.c.id)
    ).all()
    real = [row for row in launched if not row.is_trial]
    if not launched:
        return [f"Issue {issue} was never launched, so nobody got it."]
    if not real:
        return [f"Issue {issue} went to the sandbox only, so nobody got it."]
    theirs = {mail["campaign"]: mail for mail in found["mails"]}
    got = [mail for mail in theirs.values() if not mail["sandbox"] and mail["status"] == "sent"]
    sentences = []
    for row in real:
        mail = theirs.get(row.id)
        if mail is not None:
            sentences.append(_became(mail, found))
        elif got:
            first = got[0]
            sentences.append(
                f"Campaign {row.id} to the list {row.list} left them out, because they had the issue from campaign "
                f"{first['campaign']} to the list {first['list']}: nobody gets it twice."
            )
        else:
            sentences.append(_left_out(row, found))
    return sentences


def _became(mail: dict[str, Any], found: dict[str, Any]) -> str:
    """What became of one copy."""
    when, last = _moment(mail["changed_at"]), mail["replies"][-1] if mail["replies"] else None
    said = f" ({last['code']} {last['enhanced']} {last['text']})".replace("  ", " ") if last else ""
    back = "".join(f" It came back as {event['kind']} on {_moment(event['at'])}." for event in mail["feedback"])
    tried = f" after {mail['tries']} tries{said}" if mail["tries"] else ""
    waits = (
        f"is paused, so their copy waits: {mail['pause_reason'] or 'by hand'}."
        if mail["campaign_status"] == "paused"
        else f"has not sent it yet; it is due on {_moment(mail['due_at'])}{tried}."
    )
    words = {
        "sent": f"sent it on {when}; the next server took it.{back}",
        "failed": f"was refused for good on {when}{said}.",
        "ambiguous": f"sent it on {when} and got no answer after the last byte: it may have arrived or not.{back}",
        "pending": waits,
        "skipped": f"left it out at the last moment, on {when}, because {_skipped(mail, found)}.",
    }
    became = words.get(mail["status"], "is sending it at this moment.")
    return f"Campaign {mail['campaign']} to the list {mail['list']} {became}"


def _skipped(mail: dict[str, Any], found: dict[str, Any]) -> str:
    if mail["campaign_status"] == "cancelled":
        return "the campaign was cancelled"
    held = found["suppression"]
    if held and held["since"] <= mail["changed_at"]:
        return f"the address was not to be mailed any more since {_moment(held['since'])}: {_held(held)}"
    stands = _subscription(found, mail["list"])
    if stands and stands["unsubscribed_at"] and stands["unsubscribed_at"] <= mail["changed_at"]:
        return f"they had left the list a moment before, on {_moment(stands['unsubscribed_at'])}"
    if found["paused_until"]:
        return f"they are on a pause until {_day(found['paused_until'])}"
    return "they did not want it at that moment (left, paused or not to be mailed); what it was is not on file any more"


def _left_out(row: Any, found: dict[str, Any]) -> str:
    """Why somebody is not in the audience of a campaign."""
    launched = iso(row.created_at) or ""
    reason = _reason(found, row.list, launched)
    return (
        f"Campaign {row.id} to the list {row.list} was launched on {_moment(launched)} without them, because {reason}."
    )


def _reason(found: dict[str, Any], slug: str, launched: str) -> str:
    """The first thing on file that explains it."""
    stands, held = _subscription(found, slug), found["suppression"]
    if held and held["since"] <= launched:
        return f"the address was not to be mailed since {_moment(held['since'])}: {_held(held)}"
    if stands is None:
        others = ", ".join(each["list"] for each in found["subscriptions"])
        return "they were never on that list" + (f"; they are known on {others}" if others else "")
    asked, confirmed, left = (stands[key] for key in ("created_at", "confirmed_at", "unsubscribed_at"))
    reasons = (
        (asked > launched, f"they signed up later, on {_moment(asked)}"),
        (stands["status"] == SubscriptionStatus.PENDING, f"they have not confirmed; they asked on {_moment(asked)}"),
        (stands["status"] == SubscriptionStatus.EXPIRED, "they never confirmed"),
        (bool(confirmed and confirmed > launched), f"they confirmed later, on {_moment(confirmed)}"),
        (bool(left and left <= launched), f"they had left the list on {_moment(left)}"),
        (bool(found["paused_until"]), f"they are on a pause until {_moment(found['paused_until'])}"),
    )
    unknown = "of something that is not on file any more, such as a pause that is over"
    return next((words for holds, words in reasons if holds), unknown)


def _standing(found: dict[str, Any]) -> list[str]:
    sentences = []
    for each in found["subscriptions"]:
        when = each["unsubscribed_at"] if each["status"] == "unsubscribed" else each["confirmed_at"]
        since = f" since {_day(when)}" if when else f", asked on {_day(each['created_at'])}"
        sentences.append(f"List {each['list']}: {each['status']}{since}, by {each['source']}.")
    if not sentences:
        sentences.append("They are on no list.")
    if held := found["suppression"]:
        sentences.append(f"Never mailed since {_day(held['since'])}: {_held(held)}.")
    if found["paused_until"]:
        sentences.append(f"On a pause until {_day(found['paused_until'])}: no issues till then.")
    return sentences


def _summary(found: dict[str, Any]) -> list[str]:
    issues = [mail for mail in found["mails"] if mail["issue"] and not mail["sandbox"]]
    if not issues:
        return ["No issue has been launched to them."]
    return [_became(mail, found).replace("it on", f"{mail['issue']} on", 1) for mail in issues[-5:]]


def _subscription(found: dict[str, Any], slug: str | None) -> dict[str, Any] | None:
    return next((each for each in found["subscriptions"] if each["list"] == slug), None)


def _held(suppression: dict[str, Any]) -> str:
    words: dict[str, str] = {
        "hard_bounce": "the mailbox does not exist",
        "complaint": "the reader called our mail spam",
        "erased": "the reader was forgotten",
        "manual": "by hand",
        "unreachable": "nothing arrived for a long time",
    }
    note = f" ({suppression['note']})" if suppression["note"] else ""
    return words.get(suppression["reason"], "for a reason of its own") + note


def _day(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d")


def _moment(text: str | None) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S UTC") if text else "an unknown day"
