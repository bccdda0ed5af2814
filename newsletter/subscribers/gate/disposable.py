"""Domains of throw-away mailboxes: a reason to ask for more, never to refuse.

The list is short and our own, because the long public ones name providers real people use; `[signups]
disposable` adds to it.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from importlib.resources import files


@cache
def known() -> frozenset[str]:
    """The domains of `disposable.txt`."""
    lines = files("newsletter.subscribers.gate").joinpath("disposable.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def is_disposable(domain: str, more: Collection[str] = ()) -> bool:
    """Whether `domain` (an A-label), or a domain it lies in, gives away mailboxes for an hour."""
    labels = domain.split(".")
    return any((parent := ".".join(labels[start:])) in known() or parent in more for start in range(len(labels) - 1))
