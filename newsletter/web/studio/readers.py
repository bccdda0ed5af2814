"""For whom a copy is shown: the sample reader, those that layouts tend to forget, and anybody on file.

A newsletter is written with one name in mind and sent to thousands of others. So the awkward ones are one
key away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newsletter.errors import NotFoundError
from newsletter.site import Site

SAMPLE = "sample"


@dataclass(frozen=True)
class Guest:
    """An invented reader."""

    key: str
    label: str
    name: str
    email: str = "reader@example.net"
    has_fields: bool = True
    """Whether every declared field has a value."""


GUESTS = (
    Guest(SAMPLE, "Ada Reader, who filled in everything", "Ada Reader"),
    Guest("nameless", "Nobody: no name, no fields", "", has_fields=False),
    Guest(
        "long",
        "A very long name and address",
        "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh Hubert Blaine",
        "wolfeschlegelsteinhausenbergerdorff.featherstonehaugh@mail.department.example.net",
    ),
    Guest("rtl", "Written from right to left", "ليلى الخوري"),
    Guest("cjk", "Without spaces", "山田太郎"),
    Guest("markup", "Markup in the name", "<b>Bobby</b><script>alert('x')</script> & \"Söhne\""),
)


def reader(site: Site, key: str) -> Mapping[str, Any]:
    """The reader of that key, as copies are addressed: a guest's key, or the address of somebody on file.

    Raises `NotFoundError` for strangers, `StoreError` when the database cannot be asked, `AddressError` for what
    is no address.
    """
    if "@" in key:
        found = site.reader(key)
        if found is None:
            raise NotFoundError(f"{key} is not on file.", hint="Choose another reader, or add this one first.")
        return found
    sample = site.sample_reader
    for guest in GUESTS:
        if guest.key == key:
            fields = sample["fields"] if guest.has_fields else {}
            return {**sample, "name": guest.name, "email": guest.email, "fields": fields}
    raise NotFoundError(f"There is no reader {key!r} here.", hint="Choose one from the list, or type an address.")
