"""Mail to the owner while the Site is attacked: within minutes, and once an hour at the most.

It goes straight to the relay and not through the ledger. The ledger is about readers and their consent; this is one
line to one mailbox, and when it cannot be sent, `newsletter signups status` says the same.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING

from newsletter.addresses import for_the_wire
from newsletter.rendering import headers
from newsletter.subscribers.gate import memory
from newsletter.subscribers.gate.attack import Watch
from newsletter.transport.base import Envelope, Settled

if TYPE_CHECKING:
    from newsletter.site.sending import Sending


def tell_of_attack(site: Sending) -> bool:
    """Mail the owner if there is something to tell; whether there was. Raises `TransportUnavailable`."""
    config = site.config
    with site.database.read() as connection:
        if not memory.is_alert_due(connection, site.clock(), config.signups.attack):
            return False
    with site.database.write() as connection:  # whoever takes it tells it, of all processes
        watch = memory.take_alert(connection, site.clock(), config.signups.attack)
    if watch is None:
        return False
    owner = config.signups.alert or config.sender.address
    copies = [Envelope(for_the_wire(config.sender.address), for_the_wire(owner), _message(site, owner, watch))]

    def settle(_done: Sequence[Settled], _arming: Sequence[Envelope]) -> Sequence[Envelope]:
        return ()

    site.transport(impatient=True).run(lambda: copies.pop() if copies else None, settle)
    return True


def _message(site: Sending, owner: str, watch: Watch) -> bytes:
    config = site.config
    body = EmailMessage(policy=SMTP)
    body.set_content(
        f"Since {watch.since:%d %B %Y %H:%M} UTC far more people than usual ask for {config.name}:\n"
        f"{watch.posts} in the present ten minutes, where {watch.usual:.0f} are usual.\n\n"
        "Everybody now brings a proof of work, and no more confirmation mails leave than\n"
        f"{config.signups.mails_per_minute} a minute. This ends by itself after an hour of quiet.\n\n"
        "`newsletter signups blocked` shows where it comes from, `newsletter signups allow`\n"
        "lets in whom you know.\n",
        cte="quoted-printable",
    )
    head = [
        *site.letterhead.from_headers(),
        *site.letterhead.personal_headers(owner, "", f"alarm.{secrets.token_hex(12)}"),
        headers.text("Subject", f"Unusually many sign-ups for {config.name}"),
        headers.date(site.clock()),
        headers.structured("Auto-Submitted", "auto-generated"),
    ]
    message = b"".join(each.line for each in head) + body.as_bytes()
    return site.signer.sign_message(message) if site.signer else message
