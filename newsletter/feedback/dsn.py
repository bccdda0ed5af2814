"""Delivery status notifications (RFC 3464, RFC 6533), also where they are bent out of shape.

A well-made report has a `message/delivery-status` part: one group of fields about the message, one for every
recipient. Real ones come with the wrong type, without blank lines, with continuation lines that do not begin
with a blank, or in the middle of the text for humans. Groups are recognised by what they hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.feedback import recipients
from newsletter.feedback.message import Mail

MAX_RECIPIENTS = 100

_FIELD = re.compile(r"[ \t]{0,3}([A-Za-z][A-Za-z0-9-]{1,40})[ \t]*:[ \t]*(.*)")
_RECIPIENT_FIELDS = frozenset({"final-recipient", "original-recipient", "x-actual-recipient"})
_OF_A_RECIPIENT = _RECIPIENT_FIELDS | {"action", "status", "diagnostic-code", "remote-mta"}
_STARTS = re.compile(r"^[ \t]{0,3}(?:Final|Original)-Recipient[ \t]*:", re.IGNORECASE | re.MULTILINE)
_AND = re.compile(r"^[ \t]{0,3}(?:Action|Status|Diagnostic-Code)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?!\.?\d)")

_ACTIONS = {"fail": "failed", "delay": "delayed", "deliver": "delivered", "relay": "relayed", "expand": "expanded"}
"""What an Action begins with, as it is written in the wild → as RFC 3464 §2.3.3 has it."""


@dataclass(frozen=True)
class Recipient:
    """One recipient of a report."""

    address: str
    action: str
    """`failed`, `delayed`, `delivered`, `relayed`, `expanded` or empty."""
    status: str
    """Enhanced status code, or empty."""
    diagnostic: str
    """What the other side said, its type (`smtp;`) taken off."""
    mailer: str
    """That type: `smtp`, `x-unix`, …"""


@dataclass(frozen=True)
class Report:
    """A delivery report."""

    recipients: tuple[Recipient, ...]
    envid: str = ""


def report(mail: Mail, *, loose: bool) -> Report | None:
    """The report in a message; `loose` also takes one that stands in the text for humans."""
    texts = [part.text for part in mail.parts if "delivery-status" in part.kind or "deliverystatus" in part.kind]
    if not texts:
        looked_at = [
            part.text for part in mail.parts if part.kind.startswith(("text/plain", "multipart/", "message/d"))
        ]
        if loose:
            texts = [text for text in looked_at if _STARTS.search(text) and _AND.search(text)]
        in_the_open = True
    else:
        in_the_open = False
    groups = [group for text in texts for group in _groups(text, strict=in_the_open)]
    found = _recipients(groups)
    if not found:
        return None
    envid = next((group["original-envelope-id"] for group in groups if "original-envelope-id" in group), "")
    return Report(tuple(found), envid[:200])


def _groups(text: str, *, strict: bool) -> list[dict[str, str]]:
    """Groups of fields; strict drops lines that are none, else they continue the field before."""
    groups: list[dict[str, str]] = []
    current: dict[str, str] = {}
    last = ""
    for line in text.split("\n")[:5000]:
        if not line.strip():
            current, last = {}, ""
            continue
        match = None if line[:1] in {" ", "\t"} and last and not _is_known(line) else _FIELD.match(line)
        if match and not (last and not strict and not _plausible(match[1])):
            name = match[1].lower()
            if not current or (name in current and name in _OF_A_RECIPIENT and _has_recipient(current)):
                current = {}
                groups.append(current)
            last = name
            current.setdefault(name, match[2].strip())
        elif last and (line[:1] in {" ", "\t"} or not strict):
            current[last] = f"{current[last]} {line.strip()}"[:4000]
        else:
            last = ""
        if len(groups) > 4 * MAX_RECIPIENTS:
            break
    return groups


def _is_known(line: str) -> bool:
    match = _FIELD.match(line)
    return bool(match) and match is not None and match[1].lower() in _OF_A_RECIPIENT


def _plausible(name: str) -> bool:
    """Whether a line that looks like a field is one: `host mx said: no` continues a Diagnostic-Code."""
    folded = name.lower()
    return "-" in name or folded in _OF_A_RECIPIENT


def _has_recipient(group: dict[str, str]) -> bool:
    return not _RECIPIENT_FIELDS.isdisjoint(group)


def _recipients(groups: list[dict[str, str]]) -> list[Recipient]:
    merged: list[dict[str, str]] = []
    for group in groups:
        if _has_recipient(group):
            merged.append(dict(group))
        elif not {"action", "diagnostic-code", "status"}.isdisjoint(group):
            # A blank line in the middle of a group, or nobody named at all.
            if merged and not {"action", "status", "diagnostic-code"} & merged[-1].keys():
                merged[-1].update(group)
            else:
                merged.append(dict(group))
    return [_recipient(group) for group in merged[:MAX_RECIPIENTS]]


def _recipient(group: dict[str, str]) -> Recipient:
    address = (
        recipients.original(group.get("original-recipient", ""))
        or recipients.typed(group.get("final-recipient", ""))
        or recipients.typed(group.get("x-actual-recipient", ""))
    )
    said = group.get("action", "").strip().lower()
    action = next((word for start, word in _ACTIONS.items() if said.startswith(start)), "")
    status = _STATUS.search(group.get("status", ""))
    diagnostic = group.get("diagnostic-code", "")
    mailer, mark, rest = diagnostic.partition(";")
    if not mark or " " in mailer.strip() or len(mailer) > 30:
        mailer, rest = "", diagnostic
    extra = group.get("x-supplementary-info", "") or group.get("x-notes", "")
    text = f"{rest.strip()} {extra}".strip()
    return Recipient(address, action, status[0] if status else "", text, mailer.strip().lower())
