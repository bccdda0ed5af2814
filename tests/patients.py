"""Sites for the doctor: settings to vary, and a resolver that knows what a test tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from newsletter import config
from newsletter.clock import Clock
from newsletter.doctor import Answer, Case, Finding, Names, State
from newsletter.site import Site
from newsletter.site.checkup import case_of

Zone = Mapping[tuple[str, str], Sequence[str]]
"""(name, kind) → values."""

SETTINGS = """
name = "The Steady Spine"
base_url = "{base_url}"
[sender]
address = "{address}"
postal_address = "{postal}"
[[lists]]
slug = "steady-spine"
title = "The Steady Spine"
[[lists]]
slug = "clinic-notes"
title = "Clinic Notes"
{relay}
{more}
"""


def resolver(zone: Zone, *, failing: Sequence[str] = ()) -> Names:
    """Answers from a table; nobody answers for the names in `failing`."""

    def ask(name: str, kind: str, _patience: float) -> Answer:
        if name in failing:
            return Answer(State.FAILED)
        if (name, kind) in zone:
            return Answer(State.FOUND, tuple(zone[name, kind]))
        return Answer(State.NOTHING if any(known == name for known, _ in zone) else State.UNKNOWN)

    return Names(ask)


def settings(
    *,
    base_url: str = "https://news.spine.org",
    address: str = "editor@news.spine.org",
    postal: str = "7 Mill Lane, Larkfield",
    relay: str = '[smtp]\nhost = "smtp.relay.net"',
    more: str = "",
) -> str:
    """The text of a newsletter.toml; as it stands there is nothing wrong with it."""
    return SETTINGS.format(base_url=base_url, address=address, postal=postal, relay=relay, more=more)


@contextmanager
def patients(folder: Path, clock: Clock) -> Iterator[Callable[[str, Names], Case]]:
    """Makes Cases of a planted Site with other settings; whatever they opened is closed at the end."""
    with ExitStack() as opened:

        def make(text: str, names: Names) -> Case:
            return case_of(opened.enter_context(Site(folder, *config.parse(text, folder, {}), clock)), names)

        yield make


def by_id(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Each finding under its id; there must not be two of one."""
    findings = list(findings)
    found = {finding.id: finding for finding in findings}
    assert len(found) == len(findings), findings
    return found


def levels(findings: Iterable[Finding]) -> dict[str, str]:
    """How bad each is."""
    return {finding.id: finding.level.value for finding in findings}
