"""What every mail of a Site has in common: who it is from, what it is called, where its links lead.

Each part is a function of (campaign, subscriber, seq) alone, so that a second try after a crash
carries the same bytes, the same Message-ID and the same Date (RFC 5322 §3.6.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from newsletter.addresses import Address, for_the_wire
from newsletter.config import Config
from newsletter.content.values import Image
from newsletter.deliveries.claims import Delivery
from newsletter.errors import AddressError, TokenError
from newsletter.rendering import headers
from newsletter.rendering.headers import Header
from newsletter.rendering.related import embedded_address
from newsletter.rendering.translation import noted
from newsletter.subscribers.people import first_name
from newsletter.tokens import KeyRing, Verp
from newsletter.transport.base import Envelope

INERT = "test"
"""Stands where a token would in previews and test copies: such a link does nothing."""
_OF_A_FUNCTION = noted("That mailbox belongs to a function, not to a person. Please use your own.")


class Letterhead:
    """The Site's stationery."""

    def __init__(self, config: Config, keys: KeyRing) -> None:
        self._config = config
        self._keys = keys
        self._sender = for_the_wire(config.sender.address)
        self.domain = self._sender.rpartition("@")[2]
        self._return_domain = config.feedback.return_path.rpartition("@")[2].lower()

    # -- links ---------------------------------------------------------------------------------

    def link(self, path: str) -> str:
        """An absolute address on our own pages."""
        return f"{self._config.base_url}/{path.lstrip('/')}"

    def unsubscribe_url(self, uid: int, list_id: int) -> str:
        """The link that ends one subscription; it never expires."""
        return self.link(f"u/{self._keys.sign('unsubscribe', uid, list_id)}")

    def confirm_url(self, uid: int, seq: int) -> str:
        """The link that confirms one request."""
        return self.link(f"confirm/{self._keys.sign('confirm', uid, seq)}")

    def disown_url(self, uid: int, seq: int) -> str:
        """The link under "I did not ask for this"."""
        return self.link(f"not-me/{self._keys.sign('disown', uid, seq)}")

    def preferences_url(self, uid: int) -> str:
        """The page of one reader's choices; it never expires, and shows and wipes nothing by itself."""
        return self.link(f"preferences/{self._keys.sign('preferences', uid)}")

    def access_url(self, uid: int, seq: int) -> str:
        """The same page with everything on it, for who has just had this link mailed."""
        return self.link(f"preferences/{self._keys.sign('access', uid, seq)}")

    def new_address_url(self, uid: int, seq: int) -> str:
        """The link that proves a new address."""
        return self.link(f"new-address/{self._keys.sign('address', uid, seq)}")

    def view_url(self, slug: str) -> str | None:
        """The page of an issue, or None when the archive is private."""
        return self.link(f"archive/{slug}/") if self._config.archive.visibility == "public" else None

    def picture_url(self, image: Image) -> str:
        """Where mail programs find a picture: on our pages, or with `embed` in the mail itself."""
        if self._config.images.embed:
            return embedded_address(image.media_name, self.domain)
        return self.link(f"media/{image.media_name}")

    # -- headers -------------------------------------------------------------------------------

    def from_headers(self) -> list[Header]:
        """From and Reply-To."""
        sender = self._config.sender
        found = [headers.mailbox("From", self._config.from_name, sender.address)]
        if sender.reply_to:
            found.append(headers.mailbox("Reply-To", "", sender.reply_to))
        return found

    def personal_headers(self, email: str, name: str, message_id: str) -> list[Header]:
        """To and Message-ID; `message_id` is one of ours, made of letters, digits, dots and hyphens."""
        return [
            headers.mailbox("To", name, email),
            headers.ours("Message-ID", f"<{message_id}@{self.domain}>"),
        ]

    def list_headers(self, slug: str, title: str) -> list[Header]:
        """List-Id and Precedence (RFC 2919; `list` keeps vacation notices quiet)."""
        return [headers.list_id(title, f"{slug}.{self.domain}"), headers.structured("Precedence", "list")]

    def one_click(self) -> Header:
        """What makes the unsubscribe link a button (RFC 8058 §3.1)."""
        return headers.structured("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")

    def unsubscribe_header(self, url: str, mailto: str = "") -> Header:
        """Where the button leads; `url` and `mailto` are ours, and `mailto` is empty where no mailbox is read."""
        if mailto:
            return headers.uris("List-Unsubscribe", [url, f"mailto:{mailto}?subject=unsubscribe"])
        return headers.ours("List-Unsubscribe", f"<{url}>")

    def leave_address(self, uid: int, list_id: int) -> str:
        """The address a mail to which ends one subscription, or nothing where no mailbox is read."""
        if not self._config.feedback.reads_mailto:
            return ""
        return f"{self._keys.leave_address(uid, list_id)}@{self._return_domain}"

    def message_id(self, delivery: Delivery) -> str:
        """The part before the @: opaque, and the same on every try."""
        digest = self._keys.digest("message-id", delivery.campaign_id, delivery.uid, delivery.seq)
        return f"c{delivery.campaign_id}.{digest}"

    def of_a_person(self, address: Address) -> Address:
        """The same address, at every entrance; raises `AddressError` when nobody can ask for mail to it.

        That is a mailbox of a function (`postmaster@` …), and our own for bounces: mail to that goes round in a circle.
        """
        if address.is_role or self._is_ours(address):
            raise AddressError(_OF_A_FUNCTION)
        return address

    def _is_ours(self, address: Address) -> bool:
        try:
            self._keys.read_verp(address.email.rpartition("@")[0])
        except TokenError:
            return address.key == self._config.feedback.return_path.casefold()
        return True

    # -- the copy ------------------------------------------------------------------------------

    def envelope(self, delivery: Delivery, message_id: str, message: bytes) -> Envelope:
        """A compiled message addressed to one reader; with a return path its envelope sender names it (VERP).

        `message_id` is what `message_id` gave: a bounce that quotes it names the delivery, and nobody can invent one.
        """
        sender, recipient = self.envelope_sender(delivery), for_the_wire(delivery.email)
        return Envelope(sender, recipient, message, delivery, is_canonical=True, envid=message_id)

    def envelope_sender(self, delivery: Delivery) -> str:
        """MAIL FROM: VERP at the return path's domain, else the sender's address."""
        if not self._return_domain:
            return self._sender
        local = self._keys.verp(Verp(delivery.campaign_id, delivery.uid, delivery.seq))
        return f"{local}@{self._return_domain}"


def reader_values(email: str, name: str, fields: Mapping[str, Any]) -> dict[str, str]:
    """What the merge tags of one reader are filled with."""
    values = {
        "subscriber.email": email,
        "subscriber.name": name,
        "subscriber.first_name": first_name(name),
    }
    values.update({f"subscriber.{key}": str(value) for key, value in fields.items()})
    return values
