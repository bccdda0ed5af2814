"""The table that says how much of each journal of departures this database knows.

A restored database knows less than the file that was kept beside it, and so finds out what to catch up on.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table

from newsletter.store.schema import metadata

journals = Table(
    "journals",
    metadata,
    Column("name", String(32), primary_key=True, comment="Random; stands in the first line of the file."),
    Column("position", BigInteger, nullable=False, comment="Octets of the file that this database knows."),
)
