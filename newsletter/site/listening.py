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
    from pydantic import SecretStr

    from newsletter.feedback.webhooks import Hook
    from newsletter.site import Site


def intake_of(site: Site) -> Intake:
    """What takes reports in for this Site."""
    farewells = [list_id for list_id, each in site.lists_by_id.items() if each.goodbye]
    return Intake(site.database, site.keys, site.clock, farewells=farewells)


def hooks_of(site: Site, fetch: Callable[[str], bytes] | None = None) -> dict[str, Hook]:
    """Who may post what comes back, by the name in the address; raises `ConfigError` for a key that is none.

    `fetch` gets what SNS names: certificates, and confirmations of topics.
    """
    settings = site.config.webhooks
    found: dict[str, Hook] = {}
    if settings.ses_topics:
        from newsletter.feedback.webhooks.ses import Ses

        found["ses"] = Ses(settings.ses_topics, fetch or _fetch)
    if settings.sendgrid_key:
        from newsletter.feedback.webhooks.sendgrid import SendGrid

        found["sendgrid"] = SendGrid(settings.sendgrid_key)
    if password := _plain(settings.postmark_password):
        from newsletter.feedback.webhooks.postmark import Postmark

        found["postmark"] = Postmark(password)
    if key := _plain(settings.mailgun_key):
        from newsletter.feedback.webhooks.mailgun import Mailgun

        found["mailgun"] = Mailgun(key)
    if secret := _plain(settings.generic_secret):
        from newsletter.feedback.webhooks.generic import Generic

        found["generic"] = Generic(secret)
    return found


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _fetch(url: str) -> bytes:
    """The body at an address, on the public internet and without a redirect."""
    from newsletter.content.fetch import FetchError, fetch

    found = fetch(url, accept=(), max_bytes=64 * 1024, seconds=5)
    if found.url != url or not found.ok:
        raise FetchError(f"{url[:200]} did not answer with what it names.")
    return found.body


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
