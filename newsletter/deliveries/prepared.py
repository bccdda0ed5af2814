"""Rows of the ledger in statements that are built once and then run as text (`store.dialect`)."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Table

from newsletter.store.dialect import among, given


def people_of(table: Table) -> list[ColumnElement[bool]]:
    """SQL: rows of `table` of one `campaign` and `seq`, for the subscriber ids in the JSON array `people`."""
    return [*_campaign_of(table), among(table.c.subscriber_id, "people")]


def person_of(table: Table) -> list[ColumnElement[bool]]:
    """SQL: the row of `table` of one `campaign`, `seq` and `person`."""
    return [*_campaign_of(table), table.c.subscriber_id == given("person")]


def _campaign_of(table: Table) -> list[ColumnElement[bool]]:
    return [table.c.campaign_id == given("campaign"), table.c.seq == given("seq")]
