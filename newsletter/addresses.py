"""E-mail addresses: parsed once at the boundary, then trusted.

An address is hostile until `parse` has seen it. The form people typed is kept for sending and for
showing; a separate key decides whether two spellings are the same person, so that case, Unicode
normalisation and the two spellings of an international domain never make two subscribers of one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from newsletter.errors import AddressError

MAX_LENGTH = 254
"""RFC 5321 §4.5.3.1.3 allows a path of 256 octets, angle brackets included."""

MAX_LOCAL = 64
"""RFC 5321 §4.5.3.1.1."""

_PLAIN = re.compile(r"([A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*)@((?:(?![Xx][Nn]--)[A-Za-z0-9-]+\.)+[A-Za-z]+)", re.ASCII)
"""What nearly every address looks like: nothing in it needs more than its domain to be known as good."""

UNMAILABLE_DOMAINS = frozenset({"localhost", "invalid", "local", "onion", "arpa"})
"""Reserved names that can never receive mail from elsewhere (RFC 6761, 7686)."""

ROLE_LOCAL_PARTS = frozenset(
    {"abuse", "postmaster", "mailer-daemon", "noreply", "no-reply", "hostmaster", "webmaster", "root", "nobody"}
)
"""Mailboxes of a function, not of a person who could consent (RFC 2142)."""


@dataclass(frozen=True)
class Address:
    """A mailable address."""

    email: str
    """As typed, NFC-normalised, domain lower-cased and shown in Unicode."""
    key: str
    """Identity: local part case-folded, domain as A-label. Two spellings of one person share it."""

    @property
    def domain(self) -> str:
        """The domain as an A-label, lower-case."""
        return self.key.rpartition("@")[2]

    @property
    def is_role(self) -> bool:
        """Whether the mailbox belongs to a function (`abuse@`, `postmaster@` …)."""
        return self.key.rpartition("@")[0].partition("+")[0] in ROLE_LOCAL_PARTS


def parse(text: str) -> Address:
    """Read one bare address, or raise `AddressError` with a sentence fit for a form.

    Quoted local parts, comments, IP literals, display names and more than one address are refused:
    nobody types them into a sign-up form except to make trouble. Letters outside ASCII are welcome
    in the domain; before the @ they would need SMTPUTF8 on every relay on the way (RFC 6531), and a
    reader who can never be mailed is better told so at once. `.test` names pass (RFC 6761 §6.2).
    """
    plain = _PLAIN.fullmatch(text)
    if plain is not None and len(text) <= MAX_LENGTH and len(plain[1]) <= MAX_LOCAL:
        domain = _plain_domain(plain[2])
        if domain is not None:
            return Address(f"{plain[1]}@{domain}", f"{plain[1].lower()}@{domain}")
    return _parse_any(text)


def _parse_any(text: str) -> Address:
    candidate = text.strip(" \t\r\n") if len(text) <= 4 * MAX_LENGTH else text[: 4 * MAX_LENGTH]
    if not candidate:
        raise AddressError("An e-mail address is needed.")
    if len(candidate.encode("utf-8", "replace")) > MAX_LENGTH:
        raise AddressError("That e-mail address is longer than 254 characters.")
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in candidate):
        raise AddressError("That e-mail address contains a line break or an invisible character.")
    try:
        checked = validate_email(
            candidate,
            check_deliverability=False,
            strict=True,
            test_environment=True,
            allow_smtputf8=False,
        )
    except EmailNotValidError as error:
        raise AddressError("That is not an e-mail address we can send to.", hint=str(error)) from error
    domain = (checked.ascii_domain or checked.domain).lower()
    if "." not in domain or domain.rpartition(".")[2] in UNMAILABLE_DOMAINS:
        raise AddressError("That e-mail address cannot receive mail from the internet.")
    local = unicodedata.normalize("NFC", checked.local_part)
    key = f"{unicodedata.normalize('NFC', local.casefold())}@{domain}"
    return Address(email=f"{local}@{checked.domain}", key=key)


@lru_cache(maxsize=4096)
def _plain_domain(domain: str) -> str | None:
    """An ASCII domain as it is kept, or None when it needs a closer look; most readers share a few domains."""
    try:
        return _parse_any(f"x@{domain}").domain
    except AddressError:
        return None


def for_the_wire(email: str) -> str:
    """The address with its domain as an A-label, as SMTP and headers want it (RFC 5890)."""
    local, _, domain = email.rpartition("@")
    try:
        domain.encode("ascii")
    except UnicodeEncodeError:
        domain = parse(email).domain
    return f"{local}@{domain}"


def mask(email: str) -> str:
    """The address as shown to whoever holds a link that may have been forwarded: `a…e@example.org`."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}…{local[-1:] if len(local) > 2 else ''}@{domain}"
