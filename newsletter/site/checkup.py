"""A Site handed to the doctor; a configuration that cannot be used is then a finding like others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from newsletter.clock import Clock, utc_now
from newsletter.doctor import HERE, OUTSIDE, Case, Finding, Level, Names, examine
from newsletter.errors import ConfigError
from newsletter.feedback.mailbox import open_mailbox
from newsletter.site import Site

PATIENCE = 15.0
"""Seconds the relay may take for each step."""


def checkup(
    folder: Path | None,
    names: Names,
    *,
    quick: bool = False,
    clock: Clock = utc_now,
    said: Callable[[int], None] = lambda _done: None,
) -> list[Finding]:
    """What is wrong with the Site in `folder` (None: the nearest one upwards).

    `quick` asks nothing of the network.
    """
    try:
        site = Site.open(folder, clock)
    except ConfigError as refused:
        return [Finding("configuration.readable", Level.ERROR, refused.message, refused.hint)]
    with site:
        checks = HERE if quick else (*HERE, *OUTSIDE)
        return examine(case_of(site, names), checks, said=said)


def case_of(site: Site, names: Names) -> Case:
    """An opened Site as a patient."""
    return Case(
        root=site.root,
        config=site.config,
        origins=site.origins,
        clock=site.clock,
        names=names,
        keys_path=site.keys_path,
        database=lambda: site.any_database,
        fence=lambda: site.fence,
        relay=site.relay(PATIENCE),
        open_mailbox=lambda: _open_mailbox(site),
    )


def _open_mailbox(site: Site) -> str:
    settings = site.config.feedback
    password = settings.password.get_secret_value() if settings.password else ""
    mailbox = open_mailbox(settings.mailbox, password, site.root, settings.ca_file)
    try:
        mailbox.waiting()
        return mailbox.name
    finally:
        mailbox.close()
