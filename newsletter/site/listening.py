"""Listening: what comes back to a Site, by its mailbox or handed in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from newsletter.errors import ConfigError
from newsletter.feedback.intake import Intake
from newsletter.feedback.mailbox import HANDLED, UNPARSED, open_mailbox
from newsletter.feedback.poll import Polled, poll

if TYPE_CHECKING:
    from newsletter.site import Site


def intake_of(site: Site) -> Intake:
    """What takes reports in for this Site."""
    farewells = [list_id for list_id, each in site.lists_by_id.items() if each.goodbye]
    return Intake(site.database, site.keys, site.clock, farewells=farewells)


def listen(site: Site, goes_on: Callable[[], bool] = lambda: True) -> Polled:
    """Read the Site's mailbox until nothing waits or `goes_on` says no; old mail in its folders goes.

    Raises `ConfigError` when there is no mailbox, `MailboxError` when it cannot be read, `RefusedError` on a copy.
    """
    settings = site.config.feedback
    if not settings.mailbox:
        raise ConfigError(
            "There is no mailbox to read.",
            hint='Name it: [feedback] mailbox = "imaps://user@host/INBOX", or maildir:path.',
        )
    site.fence.require()  # a copy of the database takes nothing away from the real one
    password = settings.password.get_secret_value() if settings.password else ""
    mailbox = open_mailbox(settings.mailbox, password, site.root, settings.ca_file)
    try:
        done = poll(intake_of(site), mailbox, delete_handled=settings.handled == "delete", goes_on=goes_on)
        for folder in (HANDLED, UNPARSED):
            mailbox.expire(folder, site.clock() - timedelta(days=settings.retention))
    finally:
        mailbox.close()
    return done
