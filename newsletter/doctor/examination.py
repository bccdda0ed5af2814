"""The round: every family side by side, each within its time, so that one that never answers holds up nobody.

Threads are daemons, deliberately: one that hangs in a system call is left behind when the command ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from newsletter.doctor import database, dmarc, enrolment, keys, pages, relay, returns, routes, settings, signature, spf
from newsletter.doctor.case import Case
from newsletter.doctor.findings import Finding, Level, in_order, skipped, warning
from newsletter.errors import NewsletterError

SECONDS = 45.0
"""For the whole round."""

Look = Callable[[Case], Iterable[Finding]]


class Check(NamedTuple):
    """One thing to look at."""

    id: str
    """What a finding is called when it cannot be looked at."""
    label: str
    look: Look


def _dns(look: Look) -> Look:
    """Asked of the network only when mail goes there."""

    def guarded(case: Case) -> Iterator[Finding]:
        if not case.is_trying:
            yield from look(case)

    return guarded


def _nothing_to_ask(case: Case) -> Iterator[Finding]:
    if case.is_trying:
        yield skipped("dns.records", "SPF, DKIM, DMARC, MX and PTR are not looked up: mail stays on this machine.")


HERE: Sequence[Check] = (
    Check("configuration.readable", "configuration", settings.examine),
    Check("keys.ring", "keys", keys.examine),
    Check("database.schema", "database", database.examine),
)
"""What needs no network."""
OUTSIDE: Sequence[Check] = (
    Check("dns.records", "DNS", _nothing_to_ask),
    Check("dns.spf", "SPF", _dns(spf.examine)),
    Check("dns.dkim", "DKIM", _dns(signature.examine)),
    Check("dns.dmarc", "DMARC", _dns(dmarc.examine)),
    Check("dns.mx", "MX and PTR", _dns(routes.examine)),
    Check("relay.session", "relay", relay.examine),
    Check("returns.reading", "mailbox of bounces", returns.examine),
    Check("pages.reachable", "pages", pages.examine),
    Check("enrolment.programmes", "complaints", enrolment.examine),
)


def examine(
    case: Case,
    checks: Sequence[Check],
    *,
    seconds: float = SECONDS,
    said: Callable[[int], None] = lambda _done: None,
) -> list[Finding]:
    """What all `checks` find, in order, after `seconds` at the most; `said` is told how many are through."""
    found: list[list[Finding] | None] = [None] * len(checks)
    done = threading.Semaphore(0)

    def run(place: int) -> None:
        found[place] = _safely(checks[place], case)
        done.release()

    for place in range(len(checks)):
        threading.Thread(target=run, args=(place,), name=f"doctor-{checks[place].id}", daemon=True).start()
    deadline = time.monotonic() + seconds
    for number in range(len(checks)):
        if not done.acquire(timeout=max(0.0, deadline - time.monotonic())):
            break
        said(number + 1)
    told = [_overdue(check, seconds) if each is None else each for check, each in zip(checks, found, strict=True)]
    return in_order(finding for findings in told for finding in findings)


def _safely(check: Check, case: Case) -> list[Finding]:
    """Its findings; a fault on the way is one more, and takes nothing of the others with it."""
    findings: list[Finding] = []
    try:
        findings.extend(check.look(case))
    except NewsletterError as refused:
        findings.append(Finding(check.id, Level.ERROR, refused.message, refused.hint))
    except OSError as fault:
        reason = fault.strerror or str(fault) or type(fault).__name__
        findings.append(warning(check.id, f"This could not be looked at: {reason}.", "Mend that, then run this again."))
    return findings


def _overdue(check: Check, seconds: float) -> list[Finding]:
    return [
        warning(
            check.id,
            f"Looking at this ({check.label}) took more than {seconds:g} seconds and was left.",
            "Run this again; if it stays so, the network or a firewall swallows what is asked.",
        )
    ]
