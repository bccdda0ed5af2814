"""A Site with a relay and public pages, under the doctor's eyes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from patients import Zone, patients, resolver, settings

from newsletter.clock import FrozenClock
from newsletter.doctor import Case


@pytest.fixture
def case(site_folder: Path, clock: FrozenClock) -> Iterator[Callable[..., Case]]:
    """Makes a Case from a zone and from what differs in the settings."""
    with patients(site_folder, clock) as patient:

        def make(zone: Zone | None = None, *, failing: Sequence[str] = (), **changes: str) -> Case:
            return patient(settings(**changes), resolver(zone or {}, failing=failing))

        yield make
