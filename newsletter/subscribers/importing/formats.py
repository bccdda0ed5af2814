"""Exports of other programs, recognised by their header row: one table, read from the top.

A format says which of its columns means what, and what a person's standing was there. Who had left or bounced there
comes over as exactly that: moving house is no reason to mail anybody who said no.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from newsletter.config import FieldConfig
from newsletter.subscribers.importing.reading import ImportRefused

KNOWN = (
    *("email", "name", "list", "status", "confirmed_at", "tags"),
    *("basis", "consented_at", "unsubscribed_at", "first_name", "last_name"),
)
"""Columns that need no declaration."""
EMAIL = ("e-mail", "email address", "e-mail address", "email_address")
"""What other programs call the address."""

_GONE = {"true": "unsubscribed", "false": "confirmed", "1": "unsubscribed", "0": "confirmed"}
_STAYS = {"true": "confirmed", "false": "unsubscribed", "1": "confirmed", "0": "unsubscribed"}


@dataclass(frozen=True)
class Format:
    """One kind of file."""

    name: str
    title: str
    """After "read as"."""
    marks: frozenset[str]
    """Columns that give it away, lower-case."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Its columns and which of `KNOWN` they are; of several for one the first that is filled counts."""
    standings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What values of some columns say: `confirmed`, `pending`, `unsubscribed`, `bounced` …; `*` is any other value."""
    always: str = ""
    """What a row says of itself where its columns say nothing."""
    details: str = ""
    """The column with an object in JSON, whose keys may be declared fields."""


FORMATS: Sequence[Format] = (
    Format(
        "mailchimp-cleaned",
        "a Mailchimp export of cleaned addresses: they bounced, and are suppressed",
        frozenset({"email address", "clean_time"}),
        {"email address": "email", "clean_time": "unsubscribed_at"},
        always="bounced",
    ),
    Format(
        "mailchimp-unsubscribed",
        "a Mailchimp export of people who have left",
        frozenset({"email address", "unsub_time"}),
        {"email address": "email", "unsub_time": "unsubscribed_at"},
        always="unsubscribed",
    ),
    Format(
        "mailchimp",
        "a Mailchimp export",
        frozenset({"email address", "member_rating", "optin_time"}),
        {
            **{"email address": "email", "first name": "first_name", "last name": "last_name"},
            **{"confirm_time": "confirmed_at", "optin_time": "confirmed_at", "tags": "tags"},
        },
    ),
    Format(
        "mailchimp-nonsubscribed",
        "a Mailchimp export of people who have not subscribed",
        frozenset(),
        {"email address": "email", "first name": "first_name", "last name": "last_name", "tags": "tags"},
        always="pending",
    ),
    Format(
        "listmonk",
        "a listmonk export",
        frozenset({"uuid", "email", "attributes", "status"}),
        {"email": "email", "name": "name", "created_at": "confirmed_at"},
        {"status": {"enabled": "confirmed", "disabled": "disabled", "blocklisted": "blocked"}},
        details="attributes",
    ),
    Format(
        "substack",
        "a Substack export",
        frozenset({"email", "active_subscription", "expiry"}),
        {"email": "email", "name": "name", "created_at": "confirmed_at"},
        {"email_disabled": _GONE},
    ),
    Format(
        "ghost",
        "a Ghost export",
        frozenset({"email", "subscribed_to_emails", "created_at"}),
        {
            **{"email": "email", "name": "name", "labels": "tags", "created_at": "confirmed_at"},
            "deleted_at": "unsubscribed_at",
        },
        {"subscribed_to_emails": _STAYS, "deleted_at": {"*": "unsubscribed"}},
    ),
    Format(
        "keila",
        "a Keila export",
        frozenset({"email", "first name", "last name", "data"}),
        {"email": "email", "first name": "first_name", "last name": "last_name"},
        {"status": {"active": "confirmed", "unsubscribed": "unsubscribed", "unreachable": "bounced"}},
        details="data",
    ),
    Format(
        "buttondown",
        "a Buttondown export",
        frozenset({"email_address", "creation_date", "metadata"}),
        {
            **{"email_address": "email", "tags": "tags", "creation_date": "confirmed_at"},
            "unsubscription_date": "unsubscribed_at",
        },
        {
            column: {
                **dict.fromkeys(("regular", "premium", "gifted", "trialed", "churned", "past_due"), "confirmed"),
                **dict.fromkeys(("unsubscribed", "removed"), "unsubscribed"),
                **{"unactivated": "pending", "complained": "complained", "undeliverable": "bounced"},
                **{"blocked": "blocked", "spammy": "disabled"},
            }
            for column in ("type", "subscriber_type")
        },
        details="metadata",
    ),
)
PLAIN = Format("plain", "", frozenset({"email"}))
BARE = Format("addresses", "a bare list of addresses", frozenset())
NAMES = (*(each.name for each in FORMATS), PLAIN.name, BARE.name)

_WEIGHT = ("confirmed", "pending", "disabled", "unsubscribed", "bounced", "blocked", "complained")
"""Where two columns disagree, the later of these counts."""
_HYPHENS = re.compile(r"[^a-z0-9]+")

Record = dict[str, str]
Reader = Callable[[Sequence[str]], Record]
"""Makes a record, by the names of `KNOWN` and of declared fields, of the cells of a row."""


@dataclass(frozen=True)
class Columns:
    """What the header row has led to."""

    format: Format
    names: Sequence[str]
    """As they stand in the file, lower-case."""
    read: Reader
    ignored: Sequence[str]
    """Columns nothing is done with."""
    email: int
    """Where the address stands."""


def recognise(header: Sequence[str], declared: Sequence[FieldConfig], forced: str = "", file: str = "") -> Columns:
    """How rows under this header are read. `ImportRefused` when there is no address in it."""
    names = [" ".join(name.lower().split()) for name in header]
    found = _format(names, forced, file)
    if found is BARE:
        return Columns(BARE, names, lambda values: {"email": values[0]}, (), 0)
    if found is PLAIN:
        return _plain(header, names, declared)
    _once(names, [name for name, ours in found.columns.items() if ours == "email"])
    if missing := [name for name, ours in found.columns.items() if ours == "email" and name not in names]:
        raise ImportRefused(
            f"The file has no column named {missing[0]}, which {found.title.partition(':')[0]} has.",
            hint="Leave --format out, or name another.",
        )
    read, taken = _foreign(found, names, declared)
    email = next(names.index(name) for name, ours in found.columns.items() if ours == "email")
    return Columns(found, names, read, [name for name in names if name and name not in taken], email)


def _format(names: Sequence[str], forced: str, file: str) -> Format:
    if forced:
        return next(each for each in (*FORMATS, PLAIN, BARE) if each.name == forced)
    here = set(names)
    if "email address" in here and file.lower().startswith("nonsubscribed"):
        return next(each for each in FORMATS if each.name == "mailchimp-nonsubscribed")
    for each in FORMATS:
        if each.marks and each.marks <= here:
            return each
    return PLAIN


def _plain(header: Sequence[str], names: list[str], declared: Sequence[FieldConfig]) -> Columns:
    if "email" not in names:
        names = ["email" if name in EMAIL else name for name in names]
    if "email" not in names:
        first = ", ".join(header)[:200]
        bare = " If it is a bare list, say --format addresses." if "@" in first else ""
        raise ImportRefused(
            "The file has no column named email.", hint=f"Its first line is: {first}{bare}" if first else "It is empty."
        )
    spoken = {name.replace("_", " "): name for name in KNOWN}
    names = [spoken.get(name, name) for name in names]
    _once(names, KNOWN)
    known = {*KNOWN, *(field.name for field in declared)}

    def read(values: Sequence[str]) -> Record:
        return dict(zip(names, values, strict=False))

    whole = read if "first_name" not in names and "last_name" not in names else _named(read)
    return Columns(PLAIN, names, whole, [name for name in names if name and name not in known], names.index("email"))


def _once(names: Sequence[str], needed: Sequence[str]) -> None:
    for name in needed:
        if names.count(name) > 1:
            raise ImportRefused(f"The file has two columns named {name}.", hint="Keep the one that counts.")


def _named(read: Reader) -> Reader:
    def with_name(values: Sequence[str]) -> Record:
        record = read(values)
        if not record.get("name", "").strip():
            record["name"] = f"{record.get('first_name', '')} {record.get('last_name', '')}".strip()
        return record

    return with_name


def _foreign(found: Format, names: Sequence[str], declared: Sequence[FieldConfig]) -> tuple[Reader, set[str]]:
    fields = {each.name for each in declared}
    places = [
        (names.index(theirs), ours, _spelt if ours == "tags" else None)
        for theirs, ours in reversed(list(found.columns.items()))
        if theirs in names
    ]
    said = [(names.index(name), values) for name, values in found.standings.items() if name in names]
    extra = [
        (index, name.replace(" ", "_"))
        for index, name in enumerate(names)
        if name.replace(" ", "_") in fields and name not in found.columns and name not in found.standings
    ]
    details = names.index(found.details) if found.details in names else None

    def read(values: Sequence[str]) -> Record:
        record: Record = {}
        cells = len(values)
        if details is not None and details < cells:
            record |= _details(values[details], fields)
        for index, name in extra:
            if index < cells:
                record[name] = values[index]
        for index, ours, change in places:
            if index < cells and (value := values[index].strip()):
                record[ours] = change(value) if change else value
        standings = [_standing(values[index], meant) for index, meant in said if index < cells]
        record["status"] = max((each for each in standings if each), key=_weight, default=found.always)
        return record

    taken = {*found.columns, *found.standings, found.details, *(names[index] for index, _ in extra)}
    return _named(read), taken


def _standing(value: str, meant: Mapping[str, str]) -> str:
    value = value.strip().lower()
    return meant.get(value, meant.get("*", value)) if value else ""


def _weight(standing: str) -> int:
    """How much it counts; a word nobody knows counts most, so that the row is refused for it."""
    return _WEIGHT.index(standing) if standing in _WEIGHT else len(_WEIGHT)


def _details(text: str, fields: set[str]) -> Record:
    """Declared fields of an object in JSON; anything else in it is left alone."""
    try:
        found = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in found.items()
        if name in fields and isinstance(value, str | int | float)
    }


def _spelt(cell: str) -> str:
    """Tags of other programs as ours are spelt: `"Gold Member","Café"` becomes `gold-member,cafe`."""
    found = []
    for each in re.split("[,;]", cell):
        plain = unicodedata.normalize("NFKD", each).encode("ascii", "ignore").decode().lower()
        if tag := _HYPHENS.sub("-", plain).strip("-")[:40].rstrip("-"):
            found.append(tag)
    return ",".join(dict.fromkeys(found))
