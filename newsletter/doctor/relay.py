"""The relay: can a session be opened, is it encrypted with a certificate that lasts, are we let in, what does it offer?

It uses the very session that sending uses, up to the login, so that what works here works there.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

from newsletter.doctor.case import Case
from newsletter.doctor.findings import Finding, graver, ok, skipped, warning
from newsletter.doctor.moments import near_expiry, skew, spoken
from newsletter.errors import TransportUnavailable
from newsletter.transport.session import Session

SMALL = 2 * 1000 * 1000
"""Octets: an issue with its pictures inside may be larger."""


def examine(case: Case) -> Iterator[Finding]:
    """Log in at the relay and say goodbye."""
    settings = case.relay
    if settings is None:
        yield skipped("relay.session", "There is no relay to log in at: mail goes to the sandbox.")
        return
    try:
        session = Session.start(settings)
    except TransportUnavailable as refused:
        yield graver(not case.is_trying, "relay.session", refused.message, refused.hint)
        return
    try:
        yield ok("relay.session", f"{session.describe()}.")
        yield from _encryption(case, session)
        yield from _login(session)
        yield from _offers(session)
        said = spoken(session.greeting)
        if said is not None:
            yield from skew(case.clock(), said, f"the relay {settings.place}")
    finally:
        session.quit()


def _encryption(case: Case, session: Session) -> Iterator[Finding]:
    if not session.channel.cipher:
        yield skipped("relay.certificate", "The relay is this machine, so the connection to it is not encrypted.")
        return
    how = "STARTTLS was offered and taken" if session.settings.security == "starttls" else "TLS from the first byte"
    yield ok("relay.encryption", f"{how}: {session.channel.cipher}, with a certificate for {session.settings.host}.")
    expires = session.channel.certificate_expires
    if expires:
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(expires), UTC)
        yield near_expiry("relay.certificate", "the relay", ends, case.clock())


def _login(session: Session) -> Iterator[Finding]:
    if session.settings.username is not None:
        yield ok("relay.login", f"The relay has let {session.settings.username} in.")
    elif "AUTH" in session.capabilities and session.channel.cipher:
        yield warning(
            "relay.login",
            "The relay offers a login and [smtp] username is empty; it may refuse readers when mail is sent.",
            "Set [smtp] username, and NEWSLETTER_SMTP__PASSWORD in .env, unless it knows this machine by its address.",
        )
    else:
        yield ok("relay.login", "The relay asks for no login.")


def _offers(session: Session) -> Iterator[Finding]:
    size = session.capabilities.get("SIZE", "")
    if size.isdecimal() and 0 < int(size) < SMALL:
        yield warning(
            "relay.size",
            f"The relay takes messages up to {int(size) / 1e6:.1f} MB only.",
            "Leave [images] embed off, or ask its operator for more.",
        )
    elif size.isdecimal() and int(size) > 0:
        yield ok("relay.size", f"The relay takes messages up to {int(size) / 1e6:.1f} MB.")
    if "PIPELINING" in session.capabilities:
        yield ok("relay.pipelining", "The relay offers PIPELINING: several commands travel in one go.")
    else:
        yield warning(
            "relay.pipelining",
            "The relay does not offer PIPELINING, so each copy takes several round trips.",
            "Nothing is wrong; raise [smtp] connections if sending is too slow, and the relay allows more.",
        )
    offered = "SMTPUTF8" in session.capabilities
    yield ok(
        "relay.smtputf8",
        f"The relay {'offers' if offered else 'does not offer'} SMTPUTF8, which no address on file needs.",
    )
