"""Suppressions: addresses that are never mailed, which are known by their hash alone."""

from __future__ import annotations

import struct

from pydantic import Field
from sqlalchemy import Connection

from newsletter import addresses
from newsletter.access.scopes import Scope
from newsletter.store.schema import Row, SuppressionReason
from newsletter.store.types import iso
from newsletter.subscribers import suppression
from newsletter.web.api import paging
from newsletter.web.api.kinds import EmailAddress, Input, Line, Output
from newsletter.web.api.operations import Answer, Call, Operation
from newsletter.web.api.paging import Page
from newsletter.web.api.problems import Problem

FOR_GOOD = frozenset({SuppressionReason.COMPLAINT, SuppressionReason.ERASED})
"""What readers said themselves; a program does not lift it."""


class SuppressionDocument(Output):
    """An address that is never mailed."""

    hash: str = Field(description="Keyed hash of the address, hexadecimal; the address itself is not told.")
    reason: SuppressionReason
    note: str
    created_at: str | None


class SuppressionPage(Output):
    """Some of the suppressions, in the order of their hashes."""

    data: list[SuppressionDocument]
    next: str | None = Field(description="`cursor` of the next page; null on the last.")


class NewSuppression(Input):
    """An address to leave alone."""

    email: EmailAddress
    note: Line = Field("", description="Why; for your own record.")


class Lift(Input):
    """An address that may be mailed again, once it signs up."""

    email: EmailAddress


def list_suppressions(call: Call) -> Answer:
    """Every suppression, page by page."""
    site, asked = call.site, call.asked(Page)
    place = paging.position(site.keys, "suppressions", asked.cursor, 4)
    with site.database.read() as connection:
        rows = suppression.page(connection, struct.pack(">4Q", *place) if place else b"", asked.limit + 1)
    shown = rows[: asked.limit]
    following = None
    if len(rows) > len(shown):
        following = paging.cursor(site.keys, "suppressions", *struct.unpack(">4Q", shown[-1].address_hash))
    return Answer(
        SuppressionPage(data=[_document(row) for row in shown], next=following),
        headers=paging.link("/suppressions", {"limit": asked.limit}, following),
    )


def create_suppression(call: Call) -> Answer:
    """Never mail an address again."""
    site, wanted = call.site, call.sent(NewSuppression)
    digest = site.keys.address_hash(addresses.parse(wanted.email).key)
    with site.database.write() as connection:
        before = suppression.reason_for(connection, digest)
        suppression.suppress(connection, digest, SuppressionReason.MANUAL, site.clock(), wanted.note)
        found = _one(connection, digest)
    return Answer(_document(found), 201 if before is None else 200)


def lift_suppression(call: Call) -> Answer:
    """Let an address be mailed again, once it signs up."""
    site = call.site
    digest = site.keys.address_hash(addresses.parse(call.sent(Lift).email).key)
    with site.database.write() as connection:
        reason = suppression.reason_for(connection, digest)
        if reason is None:
            raise Problem(404, "That address is not suppressed.")
        if reason in FOR_GOOD:
            raise Problem(
                409,
                f"That address is suppressed for good ({reason}).",
                hint="`newsletter suppression remove` can lift it all the same.",
            )
        suppression.release(connection, digest, site.clock())
    return Answer(status=204)


def _one(connection: Connection, digest: bytes) -> Row:
    just_before = (int.from_bytes(digest, "big") - 1).to_bytes(32, "big")
    (row,) = suppression.page(connection, just_before, 1)
    return row


def _document(row: Row) -> SuppressionDocument:
    return SuppressionDocument(
        hash=row.address_hash.hex(),
        reason=SuppressionReason(row.reason),
        note=row.note,
        created_at=iso(row.created_at),
    )


OPERATIONS = (
    Operation(
        *("GET", "/suppressions", Scope.SUPPRESSIONS_READ, list_suppressions, "List suppressions"),
        answers={200: ("A page of suppressions.", SuppressionPage)},
        query=Page,
    ),
    Operation(
        *("POST", "/suppressions", Scope.SUPPRESSIONS_WRITE, create_suppression, "Suppress an address"),
        answers={
            200: ("It was suppressed before; the stronger reason stays.", SuppressionDocument),
            201: ("It is suppressed now.", SuppressionDocument),
        },
        body=NewSuppression,
    ),
    Operation(
        *("POST", "/suppressions/lift", Scope.SUPPRESSIONS_WRITE, lift_suppression, "Lift a suppression"),
        answers={204: ("The address may sign up again.", None)},
        body=Lift,
        problems=(404,),
        description="A post, so that the address stands in no log. It brings back no subscription. A complaint and an "
        "erasure are not lifted here.",
    ),
)
